"""A person says where the direct beam is: press on its centre, drag to its edge."""

import json

import numpy as np
import pytest
from direct_beams import start

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.disc.find import Disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.conversion import arrays_to_signal
from stemwidgets.views.calibration_panel import CalibrationPanel
from stemwidgets.views.detector_panel import DetectorPanel
from stemwidgets.views.pattern_view import PatternView

SHAPE, CENTER, RADIUS = (9, 8, 40, 44), (17.0, 24.0), 7.0


def beam_among_noise(sure=True):
    """A disc that is found, or nothing but noise."""
    rng = np.random.default_rng(0)
    bright = start(0, SHAPE[2:], CENTER, RADIUS).pattern if sure else np.full(SHAPE[2:], 5.0)
    return rng.poisson(np.broadcast_to(bright, SHAPE)).astype(np.uint16)


@pytest.fixture
def unsure():
    session = sw.Session(beam_among_noise(sure=False))
    session.wait(30)
    yield session
    session.close()


@pytest.fixture
def sure():
    session = sw.Session(beam_among_noise())
    session.wait(30)
    yield session
    session.close()


def drag(view, session, begin, end):
    """Press at one position (ky, kx) of the pattern, move to another and let go."""
    hand = view._dragged if isinstance(view, PatternView) else view._hand
    points = [view._grid.point(*at) for at in (begin, end, end)]
    for phase, (x, y) in zip(("press", "move", "release"), points, strict=True):
        hand(phase, float(x), float(y))
    session.wait(30)


def test_noise_shows_no_bright_field_and_the_page_asks_for_the_beam(unsure):
    page = sw.explore(unsure)
    status = page.parts["detector"].parts["status"].value

    assert "BF" not in unsure.channels
    assert "ADF" not in unsure.channels
    assert unsure.detector is None
    assert page.parts["detector"].parts["BF"].disabled
    assert "not sure" in status
    assert "press on its centre" in status


@pytest.mark.parametrize("view_of", [PatternView, CalibrationPanel])
def test_a_drag_from_the_centre_to_the_edge_sets_the_beam(unsure, view_of):
    panel, view = DetectorPanel(unsure), view_of(unsure)
    unsure.beam.placing = True

    drag(view, unsure, (15, 20), (15, 26))

    assert unsure.beam.disc == Disc((15, 20), 6, given=True)
    assert not unsure.beam.placing
    inside = np.hypot(*(np.indices(SHAPE[2:]) - np.array([15, 20])[:, None, None])) < 6
    counts = unsure.scan.data[..., inside].sum(axis=-1)
    np.testing.assert_array_equal(unsure.channels["BF"].values, counts)
    assert unsure.detector.center == (15, 20)
    assert "as you said" in panel.parts["status"].value


def test_a_click_moves_the_centre_and_keeps_the_radius(sure):
    view, found = PatternView(sure), sure.beam.disc
    assert found.sure
    sure.beam.placing = True

    drag(view, sure, (20, 22), (20, 22))

    assert sure.beam.disc.center == (20, 22)
    assert sure.beam.disc.radius == found.radius


def test_a_beam_beside_the_detector_is_refused(sure):
    with pytest.raises(InputError, match=r"40×44 pixels"):
        sure.beam.place((-9, 20), 5)


def test_the_detector_follows_the_beam_there_and_back(sure):
    panel = DetectorPanel(sure)
    first, images = sure.detector, sure.channels["BF"].values

    sure.beam.place((20, 22), 5)
    sure.wait(30)
    assert sure.detector.center == (20, 22)
    panel.parts["as found"].click()
    sure.wait(30)

    assert sure.detector == first
    np.testing.assert_array_equal(sure.channels["BF"].values, images)


def test_a_calibration_takes_the_beam_that_was_set(sure):
    sure.beam.place((20, 22), 5)
    sure.calibration.start()
    sure.wait(60)

    assert sure.calibration.found.disc == Disc((20, 22), 5, given=True)
    sure.beam.place((21, 22), 6)
    assert sure.calibration.found.disc.center == (21, 22)


def test_a_session_file_and_the_code_keep_the_beam(tmp_path):
    axes = Axes.uncalibrated(SHAPE)
    arrays_to_signal(beam_among_noise(), axes, "beam").save(tmp_path / "scan.hspy")
    sure = sw.Session(tmp_path / "scan.hspy")
    sure.wait(30)
    sure.beam.place((20, 22), 5)
    sure.calibration.start()
    sure.wait(60)
    sure.calibration.rotation, sure.calibration.applied = "none", True
    code = sure.as_code()
    sure.save(tmp_path / "beam.json")

    again = sw.Session.open(tmp_path / "beam.json")
    again.wait(60)

    assert "disc=((20.0, 22.0), 5.0)" in code
    assert again.beam.given == sure.beam.given
    np.testing.assert_array_equal(again.channels["BF"].values, sure.channels["BF"].values)
    again.close()
    sure.close()


def test_functions_take_the_beam_and_say_where_they_need_it():
    noise = beam_among_noise(sure=False)
    with pytest.raises(InputError, match="surely found"):
        sw.virtual_image(noise, "BF")

    image = sw.virtual_image(noise, "BF", disc=((15, 20), 6))
    found = sw.calibrate(beam_among_noise(), disc=((20, 22), 5), rotation=0)

    assert image.data.shape == SHAPE[:2]
    assert found.disc_center == (20, 22)
    assert "(given)" in str(found)
    assert json.loads(found.to_json())["disc"]["given"]
    with pytest.raises(InputError, match=r"disc=\(\(ky, kx\), radius\)"):
        sw.calibrate(noise, disc=5)
