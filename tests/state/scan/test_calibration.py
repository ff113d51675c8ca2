"""The calibration of a session, and the COM that is shown with it."""

import numpy as np
import pytest
from disc_scans import disc_scan
from turned_graphene import turned_scan

import stemwidgets as sw
from stemwidgets.arrays.calibration.electrons import wavelength
from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.signals.conversion import arrays_to_signal
from stemwidgets.state import ScanSession

ROTATION, DESCAN = -2.1, ((2.3, -1.1), (0.8, 3.2))
COM = ("COM x", "COM y", "COM magnitude", "COM angle", "COM divergence", "COM curl")


@pytest.fixture(scope="module")
def scan():
    """Graphene on a mirrored detector that is turned beyond -90°, with descan."""
    return turned_scan(ROTATION, -1, (26, 31), dose=1e5, descan=DESCAN)


@pytest.fixture
def session(scan):
    session = ScanSession(*scan)
    yield session
    session.close()


def values(session):
    return {name: session.channels[name].values for name in COM}


def test_a_calibration_is_found_in_the_background(session):
    session.calibration.start()
    assert session.calibration.status == "running"
    session.wait(60)

    found = session.calibration.found
    assert session.calibration.status == "finished"
    assert abs(wrap(found.scan_rotation.angle - ROTATION)) < np.radians(1)
    assert found.scan_rotation.handedness == -1
    assert session.calibration.rotation == "found"


def test_the_com_is_that_of_the_calibration_and_comes_back_exactly(scan, session):
    raw = values(session)
    session.calibration.start()
    session.calibration.wait(60)
    for name in COM:
        assert session.channels[name].values is raw[name], "a calibration alone changes nothing"

    session.calibration.applied = True

    signal = arrays_to_signal(*scan)
    com = sw.calibrate(signal).apply(sw.center_of_mass(signal))
    for name in COM:
        expected = getattr(com, name.removeprefix("COM ")).data
        np.testing.assert_allclose(session.channels[name].values, expected, rtol=1e-5, atol=1e-7)
    shown = [name for name in session.channels if name.startswith("COM")]
    assert shown == [*COM, "COM angle std"]
    error = session.channels["COM angle std"].values
    np.testing.assert_allclose(error, com.angle_std.data, rtol=0.02)

    session.calibration.applied = False

    for name, before in raw.items():
        np.testing.assert_array_equal(session.channels[name].values, before)


def test_the_opposite_rotation_points_the_other_way_and_none_leaves_the_detector_frame(session):
    session.calibration.start()
    session.calibration.wait(60)
    session.calibration.applied = True
    found = values(session)

    session.calibration.rotation = "opposite"
    np.testing.assert_allclose(values(session)["COM x"], -found["COM x"], atol=1e-7)
    session.calibration.rotation = "none"
    com = session.scan.overview.com - session.calibration.found.descan.positions
    x = com[..., 1] * session.scan.axes.kx.scale
    np.testing.assert_allclose(
        np.ptp(values(session)["COM x"]), np.ptp(x), rtol=1e-4, err_msg="less the descan only"
    )
    assert session.calibration.used.scan_rotation.angle == 0


def test_an_unresolved_rotation_waits_for_a_choice():
    session = ScanSession(disc_scan((12, 15, 40, 44)))
    session.calibration.start()
    session.calibration.wait(60)
    raw = values(session)

    assert session.calibration.rotation is None
    with pytest.raises(sw.InputError, match="choose the rotation"):
        session.calibration.applied = True
    session.calibration.rotation = "opposite"
    session.calibration.applied = True
    assert np.any(values(session)["COM x"] != raw["COM x"])
    session.calibration.rotation = None
    assert not session.calibration.applied
    np.testing.assert_array_equal(values(session)["COM x"], raw["COM x"])


def test_what_cannot_be_calibrated_says_so_and_changes_nothing():
    session = ScanSession(disc_scan((4, 6, 18, 15), radius=4.0))
    session.calibration.start()
    with pytest.raises(sw.InputError, match="at least 8×8"):
        session.calibration.wait(60)

    assert session.calibration.status == "failed"
    assert "at least 8×8" in session.calibration.problem
    assert session.calibration.found is None


def test_a_rotation_and_a_semi_angle_that_are_known_are_taken(scan):
    session = ScanSession(*scan, beam_energy=60.0)
    calibration = session.calibration
    with pytest.raises(sw.InputError, match="calibrate the scan first"):
        calibration.semi_angle = 12.0
    calibration.start()
    calibration.wait(60)
    calibration.applied = True
    calibration.rotation = "none"
    flat = values(session)

    calibration.given, calibration.rotation = 2.5 * np.pi, "given"
    np.testing.assert_allclose(values(session)["COM x"], flat["COM y"], atol=1e-6)
    calibration.semi_angle = 12.0
    scale = calibration.used.scale
    assert (scale.units, scale.source) == ("1/Å", "disc")
    radius = scale.x * calibration.found.disc.radius
    assert 1e3 * radius * wavelength(60.0) == pytest.approx(12.0)
    ratio = scale.x / session.scan.axes.kx.scale
    np.testing.assert_allclose(values(session)["COM x"], ratio * flat["COM y"], rtol=1e-4)
    calibration.semi_angle = 0.0
    np.testing.assert_allclose(values(session)["COM x"], flat["COM y"], atol=1e-6)
    session.close()


@pytest.mark.parametrize("nonsense", [-1.0, np.nan, np.inf])
def test_what_is_no_semi_angle_is_refused(session, nonsense):
    with pytest.raises(sw.InputError, match="semi-angle"):
        session.calibration.semi_angle = nonsense
