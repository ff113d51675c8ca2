"""A scan that a calibration was applied to: every pattern about its own centre."""

from dataclasses import replace

import numpy as np
import pytest
from disc_scans import disc_scan
from numpy.testing import assert_allclose

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.calibration.scan_rotation import ScanRotation
from stemwidgets.signals.calibration.descan import taken_off
from stemwidgets.signals.conversion import arrays_to_signal
from stemwidgets.signals.metadata.title_and_beam import CalibrationNote


@pytest.fixture(scope="module")
def wandering():
    return sw.samples.experiment(descan=0.84)


@pytest.fixture(scope="module")
def calibration(wandering):
    return sw.calibrate(wandering)


@pytest.fixture(scope="module")
def calibrated(calibration, wandering):
    return calibration.apply(wandering)


@pytest.mark.parametrize("descan", [0.1, 0.84])
def test_the_beam_is_found_beside_hot_pixels(descan):
    for seed in range(2):
        signal = sw.samples.experiment(seed=seed, descan=descan)

        position = sw.Preparation().center().measured(signal).steps[0].position

        assert_allclose(position, (22, 22), atol=0.1)


def test_a_scan_is_read_about_its_own_centre(calibration, calibrated, wandering):
    assert calibrated._lazy
    assert sw.calibrate(wandering, rotation=0).descan.size > 0.2
    assert sw.calibrate(calibrated, rotation=0).descan.size < 0.01

    after, before = (sw.center_of_mass(each) for each in (calibrated, wandering))

    one, other = calibration.apply(after), calibration.apply(before)
    for name in ("y", "x"):
        rest = getattr(one, name).data - getattr(other, name).data
        assert np.sqrt(np.mean(rest**2)) < 0.15 * getattr(other, name).data.std()
    assert_allclose(calibration.undo(one).x.data, after.x.data, atol=1e-12)


def test_an_unresolved_rotation_does_not_keep_the_descan(calibration, wandering):
    blunt = ScanRotation(0.4, sign_confidence=0.75, witness="divergence")
    unsure = replace(calibration, scan_rotation=blunt)

    assert unsure.apply(wandering).metadata.has_item("Stemwidgets.descan")
    with pytest.raises(sw.InputError, match=r"unresolved.*descan=calibration"):
        unsure.apply(sw.center_of_mass(wandering))


def test_descan_is_not_taken_off_twice(calibration, calibrated):
    other = sw.calibrate(calibrated, rotation=0, descan_order=2)
    with pytest.raises(sw.InputError, match="calibrated already"):
        calibration.apply(calibrated)
    with pytest.raises(sw.InputError, match="cannot be undone"):
        calibration.undo(calibrated)
    with pytest.raises(sw.InputError, match="taken off these patterns already"):
        sw.center_of_mass(calibrated, descan=calibration)
    with pytest.raises(sw.InputError, match="taken off these patterns already"):
        sw.RRVAE().fit(calibrated, descan=calibration)
    with pytest.raises(sw.InputError, match="Another descan was taken off"):
        other.apply(sw.center_of_mass(calibrated))


def test_a_beam_that_only_jumps_is_brought_back_and_remembered(calibration):
    signal = sw.samples.experiment(camera=sw.Camera())
    signal.data[32:] = np.roll(signal.data[32:], 2, axis=2)
    jumps = Descan((64, 64), 0, (22.0,), (22.0,), steps=((32, 2.0, 0.0),))
    jumped = replace(calibration, descan=jumps)

    patterns = jumped.apply(signal)

    y = sw.center_of_mass(patterns).positions[..., 0]
    assert abs(y[32:].mean() - y[:32].mean()) < 0.02
    assert taken_off(patterns) == jumps
    jumped.apply(sw.center_of_mass(patterns))


def test_a_scan_without_descan_keeps_its_counts():
    signal = sw.samples.graphene_silicon(dose=1e5)

    assert np.shares_memory(sw.calibrate(signal).apply(signal).data, signal.data)


def test_a_scan_that_is_too_small_keeps_its_descan_and_says_so(calibration):
    axes = Axes(Axis(5, 0.2), Axis(6, 0.3), Axis(40, 0.03), Axis(44, 0.02))
    signal = arrays_to_signal(disc_scan(axes.shape), axes)
    record = sw.Calibration(
        calibration.scan_rotation,
        Descan((5, 6), 1, (20.0, 0.3, -0.7), (22.0, 0.1, 0.4)),
        calibration.disc,
        calibration.scale,
        (40, 44),
    )

    with pytest.warns(CalibrationNote, match="left in the patterns"):
        patterns = record.apply(signal)

    assert np.shares_memory(patterns.data, signal.data)
