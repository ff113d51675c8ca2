"""The panel that calibrates a scan, without a browser."""

import numpy as np
import pytest
from disc_scans import disc_scan
from turned_graphene import turned_scan

from stemwidgets.arrays.disc.find import Disc, Ellipse
from stemwidgets.arrays.errors import InputError
from stemwidgets.state import ScanSession
from stemwidgets.views.calibration_panel import CalibrationPanel
from stemwidgets.views.map_view import MapView


@pytest.fixture(scope="module")
def scan():
    return turned_scan(-2.1, -1, (26, 31), dose=1e5, descan=((2.3, -1.1), (0.8, 3.2)))


@pytest.fixture
def session(scan):
    session = ScanSession(*scan)
    yield session
    session.close()


def test_one_press_tells_disc_descan_and_rotation_in_words(session):
    panel = CalibrationPanel(session)
    assert panel.parts["rotation"].disabled
    assert panel.parts["apply"].disabled
    panel.parts["calibrate"].click()
    assert panel.parts["calibrate"].disabled
    session.wait(60)

    words = panel.parts["table"].value
    for word in ("rotation", "-1, the detector is mirrored", "disc radius", "wanders"):
        assert word in words
    assert panel.parts["rotation"].value == "found"
    assert not panel.parts["calibrate"].disabled
    assert "as it was read" in panel.parts["status"].value


def test_the_disc_is_drawn_where_it_was_found(session):
    panel = CalibrationPanel(session)
    outline = panel.parts["figure"].marks[1]
    session.wait(60)
    assert outline.visible
    panel.parts["calibrate"].click()
    session.wait(60)

    disc, axes = session.calibration.found.disc, session.scan.axes
    assert outline.visible
    x, y = axes.kx.coordinate(disc.center[1]), axes.ky.coordinate(disc.center[0])
    reach = np.hypot(outline.x - x, outline.y - y)
    np.testing.assert_allclose(reach, disc.radius * axes.kx.scale, rtol=0.02)


def test_the_box_takes_the_com_of_a_map_there_and_back(session):
    panel, scan_map = CalibrationPanel(session), MapView(session, "COM angle")
    panel.parts["calibrate"].click()
    session.wait(60)
    image = scan_map.raster.figure.marks[0]
    before = image.image.value

    panel.parts["apply"].value = True
    assert image.image.value != before
    assert "calibrated, in the frame of the scan" in panel.parts["status"].value
    panel.parts["rotation"].value = "none"
    assert session.calibration.rotation == "none"
    panel.parts["apply"].value = False
    assert image.image.value == before


def test_rotation_and_semi_angle_are_typed_in(scan):
    session = ScanSession(*scan, beam_energy=60.0)
    panel = CalibrationPanel(session)
    assert panel.parts["given"].disabled
    assert panel.parts["semi_angle"].disabled
    panel.parts["calibrate"].click()
    session.wait(60)

    panel.parts["given"].value = -40.5
    assert panel.parts["rotation"].value == "given"
    assert session.calibration.used.scan_rotation.angle == pytest.approx(np.radians(-40.5))
    assert "-40.50° (given)" in panel.parts["table"].value
    panel.parts["semi_angle"].value = 21.0
    assert "by the disc of 21 mrad" in panel.parts["table"].value
    panel.parts["rotation"].value = "found"
    assert panel.parts["given"].value == -40.5
    assert "(given)" not in panel.parts["table"].value
    session.close()


def test_a_semi_angle_that_tells_no_scale_is_refused_in_words(scan):
    session = ScanSession(*scan)
    panel = CalibrationPanel(session)
    panel.parts["calibrate"].click()
    session.wait(60)
    panel.parts["semi_angle"].value = 21.0
    assert "Expected the beam energy" in panel.parts["status"].value
    assert panel.parts["semi_angle"].value == 0.0
    session.close()


def test_an_unresolved_rotation_has_to_be_chosen():
    session = ScanSession(disc_scan((12, 15, 40, 44)))
    panel = CalibrationPanel(session)
    panel.parts["calibrate"].click()
    session.wait(60)

    assert "unresolved" in panel.parts["table"].value
    assert "choose it" in panel.parts["status"].value
    assert panel.parts["rotation"].value is None
    assert panel.parts["apply"].disabled
    panel.parts["rotation"].value = "opposite"
    assert not panel.parts["apply"].disabled


def test_what_goes_wrong_is_told_in_the_panel():
    session = ScanSession(disc_scan((4, 6, 18, 15), radius=4.0))
    panel = CalibrationPanel(session)
    panel.parts["calibrate"].click()
    with pytest.raises(InputError):
        session.calibration.wait(60)

    assert "at least 8×8" in panel.parts["status"].value
    assert not panel.parts["calibrate"].disabled


def test_an_unknown_keyword_is_refused(session):
    with pytest.raises(InputError, match="colour_map"):
        CalibrationPanel(session, colour_map="jet")


def test_the_outline_of_an_ellipse_is_a_circle_once_undone():
    disc = Disc((8.0, 7.0), 5.0, Ellipse(1.3, 0.4))
    y, x = disc.outline((0.05, 0.04))
    circle = disc.ellipse.undo((y - 8) * 0.05 / 0.04, x - 7)
    np.testing.assert_allclose(np.hypot(*circle), 5.0)
