import json
import zipfile

import dask.array as da
import numpy as np
import pytest
from pyxem.signals import Diffraction2D

from stemwidgets.arrays.axes import Axis
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.conversion import signal_to_arrays
from stemwidgets.signals.io.load import load

SHAPE = (3, 5, 9, 12)
SCAN = {"scale": 0.02, "offset": -0.1, "units": "nm"}
ANGLE = {"scale": 0.001, "offset": -0.005, "units": "rad"}


def same(found, expected):
    return np.array_equal(np.asarray(found), np.asarray(expected))


@pytest.fixture
def data():
    return np.random.default_rng(0).integers(0, 9999, SHAPE).astype(np.uint16)


def element(**changes):
    """What Swift writes into metadata.json; a key set to None is left out."""
    usual = {
        "version": 1,
        "reader_version": 1,
        "spatial_calibrations": [SCAN, SCAN, ANGLE, ANGLE],
        "intensity_calibration": {"scale": 1.0, "offset": 0.0, "units": "counts"},
        "collection_dimension_count": 2,
        "datum_dimension_count": 2,
        "metadata": {
            "hardware_source": {"exposure": 0.002, "hardware_source_name": "Ronchigram"},
            "instrument": {"high_tension": 60000, "ImageScanned": {"probe_ha": 0.032}},
            "scan": {"fov_nm": 8.0},
        },
        "title": "Graphene, monolayer",
        "datetime_original": {"local_datetime": "2026-05-04T03:02:01", "tz": "+0200", "dst": "+60"},
        "uuid": "5a1d8e9c-0000-4000-8000-000000000000",
    }
    return {key: value for key, value in (usual | changes).items() if value is not None}


@pytest.fixture
def write(tmp_path, data):
    """Write a file the way Swift exports it: metadata first, nothing compressed."""

    def written(array=data, compression=zipfile.ZIP_STORED, without=(), **changes):
        path = tmp_path / "scan.ndata1"
        np.save(tmp_path / "data.npy", array)
        with zipfile.ZipFile(path, "w", compression) as archive:
            if "metadata.json" not in without:
                archive.writestr("metadata.json", json.dumps(element(**changes)))
            if "data.npy" not in without:
                archive.write(tmp_path / "data.npy", "data.npy")
        return path

    return written


@pytest.mark.parametrize("lazy", [False, True])
def test_data_and_calibrations_are_those_of_the_file(write, data, lazy):
    signal = load(write(), lazy=lazy)
    assert isinstance(signal, Diffraction2D)
    assert signal._lazy == lazy
    values, axes = signal_to_arrays(signal)
    assert isinstance(values, da.Array) == lazy
    assert same(values, data)
    assert axes.scan_x.units == "Å"
    assert (axes.scan_x.scale, axes.scan_x.offset) == pytest.approx((0.2, -1.0))
    assert axes.kx.units == "1/Å"
    assert axes.kx.scale == pytest.approx(0.001 / 0.0486615, rel=1e-4)


def test_lazy_data_are_not_read_until_asked_for(write, data):
    lazy = load(write(), lazy=True)
    write(array=data + 1)
    assert same(lazy.data, data + 1)


@pytest.mark.parametrize("lazy", [False, True])
def test_the_order_of_the_members_does_not_matter(tmp_path, data, lazy):
    np.save(tmp_path / "data.npy", data)
    with zipfile.ZipFile(tmp_path / "scan.ndata1", "w") as archive:
        archive.write(tmp_path / "data.npy", "data.npy")
        archive.writestr("metadata.json", json.dumps(element()))
    assert same(load(tmp_path / "scan.ndata1", lazy=lazy).data, data)


def test_a_local_header_with_extra_fields_is_mapped_at_the_right_byte(tmp_path, data):
    np.save(tmp_path / "data.npy", data)
    with zipfile.ZipFile(tmp_path / "scan.ndata1", "w") as archive:
        archive.writestr("metadata.json", json.dumps(element()))
        with archive.open("data.npy", "w", force_zip64=True) as member:
            member.write((tmp_path / "data.npy").read_bytes())
    assert same(load(tmp_path / "scan.ndata1", lazy=True).data, data)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_file_compressed_afterwards_is_read(write, data, lazy):
    signal = load(write(compression=zipfile.ZIP_DEFLATED), lazy=lazy)
    assert same(signal.data, data)
    assert signal._lazy == lazy


def test_a_big_endian_column_major_array_is_mapped(write, data):
    odd = np.asfortranarray(data.astype(">f4"))
    assert same(load(write(array=odd), lazy=True).data, data)


def test_metadata_land_where_hyperspy_keeps_them(write):
    signal = load(write())
    microscope = signal.metadata.Acquisition_instrument.TEM
    assert microscope.beam_energy == 60
    assert microscope.convergence_angle == pytest.approx(32)
    assert microscope.Detector.Diffraction.exposure_time == pytest.approx(2)
    assert signal.metadata.General.title == "Graphene, monolayer"
    assert (signal.metadata.General.date, signal.metadata.General.time) == (
        "2026-05-04",
        "03:02:01",
    )
    assert signal.metadata.Signal.quantity == "Intensity (counts)"


def test_all_of_swifts_metadata_are_kept(write):
    original = load(write()).original_metadata
    assert original.metadata.scan.fov_nm == 8
    assert original.metadata.hardware_source.hardware_source_name == "Ronchigram"
    assert original.uuid.startswith("5a1d8e9c")


def test_an_older_place_of_the_high_tension_is_found(write):
    older = {"hardware_source": {"autostem": {"high_tension_v": 100000}}}
    assert load(write(metadata=older)).metadata.Acquisition_instrument.TEM.beam_energy == 100


def test_without_metadata_the_detector_stays_in_mrad(write):
    _, axes = signal_to_arrays(load(write(metadata=None)))
    assert axes.kx == Axis(12, pytest.approx(1.0), pytest.approx(-5.0), "mrad")


def test_a_gain_is_recorded_and_counts_stay_as_stored(write, data):
    signal = load(write(intensity_calibration={"scale": 0.1, "offset": 3.0, "units": "e-"}))
    model = signal.metadata.Signal.Noise_properties.Variance_linear_model
    assert (model.gain_factor, model.gain_offset) == (0.1, 3.0)
    assert same(signal.data, data)


@pytest.mark.parametrize("suffix", ["hspy", "zspy"])
def test_what_was_loaded_can_be_saved_by_hyperspy(write, data, tmp_path, suffix):
    load(write()).save(tmp_path / f"again.{suffix}")
    again = load(tmp_path / f"again.{suffix}")
    assert same(again.data, data)
    assert again.original_metadata.metadata.scan.fov_nm == 8


@pytest.mark.parametrize("unit", ["mrad", "rad", "1/nm"])
@pytest.mark.parametrize("lazy", [False, True])
def test_without_a_descriptor_units_tell_detector_from_scan(write, data, unit, lazy):
    detector = ANGLE | {"units": unit}
    path = write(
        array=np.ascontiguousarray(data.transpose(2, 3, 0, 1)),
        spatial_calibrations=[detector, detector, SCAN, SCAN],
        collection_dimension_count=None,
        datum_dimension_count=None,
    )
    values, axes = signal_to_arrays(load(path, lazy=lazy))
    assert same(values, data)
    assert axes.scan_x.units == "Å"


def test_without_descriptor_and_units_the_axes_are_asked_for(write):
    path = write(
        spatial_calibrations=None, collection_dimension_count=None, datum_dimension_count=None
    )
    with pytest.raises(InputError, match=r"which axes are the scan.*3 \(no units\).*\[iy, ix, ky"):
        load(path)


def test_a_descriptor_without_calibrations_gives_pixels(write):
    _, axes = signal_to_arrays(load(write(spatial_calibrations=None)))
    assert axes.shape == SHAPE
    assert axes.kx.units == "px"


def test_a_sequence_of_scans_asks_which_one(write, data):
    path = write(
        array=np.stack([data, data + 1]),
        spatial_calibrations=[{}, SCAN, SCAN, ANGLE, ANGLE],
        is_sequence=True,
    )
    with pytest.raises(InputError, match=r"2 scans along 'sequence'.*Which one do you want"):
        load(path)
    values, _ = signal_to_arrays(load(path, index=1))
    assert same(values, data + 1)


def test_a_sequence_of_patterns_asks_for_its_scan_shape(write, data):
    path = write(
        array=data.reshape(15, 9, 12),
        spatial_calibrations=[{}, ANGLE, ANGLE],
        is_sequence=True,
        collection_dimension_count=0,
    )
    with pytest.raises(InputError, match=r"15 patterns.*scan_shape=\(rows, columns\)"):
        load(path)
    assert same(load(path, scan_shape=(3, 5)).data, data)


def test_spectra_are_refused(write):
    path = write(
        array=np.ones((3, 5, 64)),
        spatial_calibrations=[SCAN, SCAN, {"units": "eV"}],
        datum_dimension_count=1,
    )
    with pytest.raises(InputError, match="1 dimensions per scan position"):
        load(path)


@pytest.mark.parametrize("member", ["data.npy", "metadata.json"])
def test_another_zip_is_told_apart(write, member):
    with pytest.raises(InputError, match=f"no Nion Swift file: it lacks {member}"):
        load(write(without=(member,)))


@pytest.mark.parametrize("lazy", [False, True])
def test_a_truncated_file_is_named(write, lazy):
    path = write()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"scan\.ndata1 could not be read") as caught:
        load(path, lazy=lazy)
    assert isinstance(caught.value.__cause__, zipfile.BadZipFile)


def test_damaged_patterns_are_noticed_when_read(write):
    path = write()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="could not be read"):
        load(path)
