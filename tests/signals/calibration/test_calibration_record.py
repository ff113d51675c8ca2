import json
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from disc_scans import disc_scan
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.calibration.measure import PixelScale
from stemwidgets.arrays.calibration.scan_rotation import ScanRotation
from stemwidgets.arrays.disc.find import Disc
from stemwidgets.signals.conversion import arrays_to_signal

AXES = Axes(
    Axis(5, 0.2, 1, "Å"),
    Axis(6, 0.3, 2, "Å"),
    Axis(40, 0.03, -0.6, "1/Å"),
    Axis(44, 0.02, 0, "1/Å"),
)


@pytest.fixture(scope="module")
def scan():
    """A small scan with an empty pattern."""
    data = disc_scan(AXES.shape)
    data[2, 3] = 0
    signal = arrays_to_signal(data, AXES, "Disc")
    signal.set_experimental_parameters(beam_energy=60)
    return signal


@pytest.fixture(scope="module")
def com(scan):
    """Its deflections in three units."""
    return {units: sw.center_of_mass(scan, units=units) for units in ("1/Å", "mrad", "px")}


@pytest.fixture(scope="module")
def record():
    return sw.Calibration(
        scan_rotation=ScanRotation(1.1, 0.01, -1, 0.99, 0.98, 0.97, "dark field"),
        descan=Descan((5, 6), 1, (20.0, 0.3, -0.7), (22.0, 0.1, 0.4)),
        disc=Disc((19.7, 22.4), 9.1),
        scale=PixelScale(0.036, 0.024, "1/Å", "disc"),
        pattern_shape=(40, 44),
        semi_angle=32.0,
        beam_energy=60.0,
        title="Disc",
    )


@settings(deadline=None, max_examples=25)
@given(
    rotation=st.floats(-np.pi, np.pi),
    handedness=st.sampled_from([1, -1]),
    slopes=st.tuples(*[st.floats(-3, 3)] * 6),
    units=st.sampled_from(["1/Å", "mrad", "px"]),
)
def test_undo_of_apply_is_the_identity(com, record, rotation, handedness, slopes, units):
    calibration = replace(
        record,
        scan_rotation=ScanRotation(rotation, handedness=handedness),
        descan=Descan((5, 6), 1, slopes[:3], slopes[3:]),
    )
    before = com[units]

    after = calibration.undo(calibration.apply(before))

    for name in ("x", "y", "magnitude"):
        assert_allclose(getattr(after, name).data, getattr(before, name).data, atol=1e-10)
    assert_allclose(np.exp(1j * after.angle.data), np.exp(1j * before.angle.data), atol=1e-9)
    assert "Calibration" not in after.x.metadata
    assert after.x.axes_manager.as_dictionary() == before.x.axes_manager.as_dictionary()


def test_calibration_in_any_unit_turns_alike(com, record):
    one, two, three = (record.apply(com[units]) for units in ("1/Å", "mrad", "px"))

    assert_allclose(two.angle.data, one.angle.data)
    assert_allclose(three.angle.data, one.angle.data)
    assert_allclose(three.magnitude.data * 0.02, one.magnitude.data)


def test_calibrated_scan_has_the_same_counts_and_its_zero_at_the_disc(record, scan):
    calibrated = record.apply(scan, descan=False)

    assert np.shares_memory(calibrated.data, scan.data)
    kx, ky = calibrated.axes_manager.signal_axes
    for axis, scale, center in zip(
        (ky, kx), record.detector_scale, record.disc_center, strict=True
    ):
        assert axis.units == "1/Å"
        assert axis.scale == scale
        assert axis.offset + center * axis.scale == pytest.approx(0, abs=1e-12)
    assert json.loads(calibrated.metadata.Calibration.record)["semi_angle"] == 32


def test_undone_scan_is_the_scan(record, scan):
    restored = record.undo(record.apply(scan, descan=False))

    assert_array_equal(restored.data, scan.data)
    described = restored.axes_manager.as_dictionary()
    assert described == scan.axes_manager.as_dictionary()
    assert restored.metadata.as_dictionary() == scan.metadata.as_dictionary()


def test_record_is_frozen(record):
    with pytest.raises(FrozenInstanceError):
        record.title = "another"


def test_saved_record_comes_back(record, tmp_path):
    path = tmp_path / "microscope.json"
    record.save(path)

    assert sw.Calibration.load(path) == record
    with pytest.raises(FileExistsError, match="overwrite=True"):
        record.save(path)
    record.save(path, overwrite=True)


def test_wrong_files_are_refused(record, tmp_path):
    with pytest.raises(sw.InputError, match=r"\.json"):
        record.save(tmp_path / "microscope.txt")
    with pytest.raises(FileNotFoundError, match="make it first"):
        record.save(tmp_path / "none" / "microscope.json")
    with pytest.raises(FileNotFoundError, match="check the name"):
        sw.Calibration.load(tmp_path / "none.json")
    for name, text in (("other", "[1, 2]"), ("cut", record.to_json()[:-30]), ("empty", "{}")):
        path = tmp_path / f"{name}.json"
        path.write_text(text)
        with pytest.raises(sw.InputError, match="something else"):
            sw.Calibration.load(path)


def test_what_does_not_fit_the_record_is_refused(record, scan):
    with pytest.raises(sw.InputError, match="that of a scan"):
        record.apply(sw.center_of_mass(scan.inav[:5, :4]))
    with pytest.raises(sw.InputError, match="that of a scan"):
        record.apply(scan.inav[:5, :4])
    with pytest.raises(sw.InputError, match="Expected a HyperSpy signal"):
        record.apply(3)
    with pytest.raises(sw.InputError, match="calibrated already"):
        record.apply(record.apply(scan, descan=False))
    with pytest.raises(sw.InputError, match="nothing to undo"):
        record.undo(scan)
    deflections = sw.center_of_mass(scan)
    with pytest.raises(sw.InputError, match="calibrated already"):
        record.apply(record.apply(deflections))
    with pytest.raises(sw.InputError, match="nothing to undo"):
        record.undo(deflections)
