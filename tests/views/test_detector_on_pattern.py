import numpy as np
import pytest
from mouse import mouse
from scans import AXES, SHAPE, turning_spot

from stemwidgets.arrays.detectors import (
    AnnularDetector,
    DiscDetector,
    PixelDetector,
    PolygonDetector,
    SegmentDetector,
)
from stemwidgets.arrays.errors import InputError
from stemwidgets.state import ScanSession
from stemwidgets.views.detector_panel import DetectorPanel
from stemwidgets.views.pattern_view import PatternView
from stemwidgets.views.pictures.detector_shape import area, outline

ASPECT = 0.05 / 0.04
RING = AnnularDetector((8.0, 7.0), 2.0, 5.0, ASPECT)
BESIDE = RING.center[1] + 3.5  # between its edges


@pytest.fixture
def session():
    session = ScanSession(turning_spot().astype(np.uint16), AXES)
    session.detector = RING
    yield session
    session.close()


def drag(session, start, end):
    raster = PatternView(session)._pattern
    for kind, (ky, kx) in (("mousedown", start), ("mousemove", end), ("mouseup", end)):
        mouse(raster, kind, x=-0.3 + 0.04 * kx, y=-0.45 + 0.05 * ky)


def test_dragging_inside_moves_the_detector(session):
    drag(session, (8, BESIDE), (10, BESIDE - 3))
    assert session.detector.center == pytest.approx((10, 4), abs=0.1)
    assert (session.detector.inner, session.detector.outer) == (2, 5)
    session.wait(10)
    expected = session.scan.data[..., session.detector.pixels(SHAPE[2:])].sum(axis=-1)
    np.testing.assert_array_equal(session.channels["virtual detector"].values, expected)


@pytest.mark.parametrize(
    ("start", "end", "radii"),
    [
        ((8, 12), (8, 13.5), (2, 6.5)),
        ((8, 9), (8, 8), (1, 5)),
        ((8 - 5 / ASPECT, 7), (8 - 4 / ASPECT, 7), (2, 4)),  # its pixels are not square
        ((8, 9), (8, 14), (4.5, 5)),  # an edge does not pass the other
        ((8, 12), (8, 7), (2, 2.5)),
        ((8, 9), (8, 7), (0, 5)),
    ],
)
def test_dragging_an_edge_changes_that_radius(session, start, end, radii):
    drag(session, start, end)
    found = session.detector
    assert found.center == RING.center
    assert (found.inner, found.outer) == pytest.approx(radii, abs=0.1)


def test_dragging_beside_the_detector_changes_nothing(session):
    drag(session, (1, 1), (8, 8))
    assert session.detector == RING


def test_a_detector_cannot_be_dragged_off_the_pattern(session):
    drag(session, (8, BESIDE), (8, 60))
    assert session.detector.center == pytest.approx((8, SHAPE[3] - 1))


@pytest.mark.parametrize(
    "detector", [DiscDetector((8.0, 7.0), 5.0), SegmentDetector((8.0, 7.0), 0.0, 5.0)]
)
def test_every_round_detector_can_be_dragged(session, detector):
    session.detector = detector
    drag(session, (8, 8), (9, 9))
    assert session.detector.center == pytest.approx((9, 8), abs=0.1)
    assert type(session.detector) is type(detector)


@pytest.mark.parametrize(
    ("detector", "curves"),
    [
        (None, 0),
        (PixelDetector(np.ones((18, 15), dtype=bool)), 0),
        (DiscDetector((8, 7), 3), 1),
        (RING, 2),
        (SegmentDetector((8, 7), 2, 5, segments=6), 8),
        (PolygonDetector(((2, 2), (2, 9), (12, 4))), 1),
    ],
)
def test_the_outline_lies_on_the_edge(session, detector, curves):
    found = outline(detector)
    assert len(found) == curves
    session.detector = detector
    rings = PatternView(session)._rings
    assert rings.visible == bool(curves)


@pytest.mark.parametrize(
    ("detector", "size"),
    [
        (DiscDetector((8, 7), 3), np.pi * 9),
        (RING, np.pi * (25 - 4) / ASPECT),
        (SegmentDetector((8, 7), 2, 5), np.pi * 21),
        (PolygonDetector(((2, 2), (2, 9), (12, 4))), 35),
    ],
)
def test_the_shaded_area_is_that_of_the_detector(detector, size):
    ky, kx = area(detector)
    found = abs(np.sum(ky * np.roll(kx, -1) - kx * np.roll(ky, -1))) / 2
    assert found == pytest.approx(size, rel=0.02)
    assert area(None) is None


def test_the_spokes_lie_between_the_quadrants():
    spokes = outline(SegmentDetector((8.0, 7.0), 0.0, 5.0))[1:]
    ends = [(ky[-1] - 8, kx[-1] - 7) for ky, kx in spokes]
    np.testing.assert_allclose(np.abs(ends), 5 / np.sqrt(2))


def test_the_sliders_follow_a_drag_and_a_drag_follows_the_sliders(session):
    panel = DetectorPanel(session)
    drag(session, (8, 12), (8, 13.5))
    assert panel.parts["radii"].value == pytest.approx((0.08, 0.26), abs=0.004)
    drag(session, (8, BESIDE), (10, BESIDE))
    panel.parts["radii"].value = (0.04, 0.2)
    assert (session.detector.inner, session.detector.outer) == pytest.approx((1, 5))
    assert session.detector.center == pytest.approx((10, 7), abs=0.1)


def test_the_kind_changes_the_detector_and_follows_it(session):
    panel = DetectorPanel(session)
    kind = panel.parts["shape"]
    assert kind.value == "annulus"
    kind.value = "segments"
    assert session.detector == SegmentDetector(RING.center, 2.0, 5.0, aspect=ASPECT)
    panel.parts["BF"].click()
    assert isinstance(session.detector, SegmentDetector)
    assert session.detector.inner == 0
    kind.value = "disc"
    assert isinstance(session.detector, AnnularDetector)
    kind.value = "annulus"
    assert session.detector.inner == session.detector.outer / 2
    session.detector = DiscDetector((8.0, 7.0), 5.0)
    assert kind.value == "disc"


def test_a_panel_keeps_the_detector_that_is_there(session):
    DetectorPanel(session)
    assert session.detector == RING


def test_a_detector_wider_than_the_slider_stays_as_it_is(session):
    panel = DetectorPanel(session)
    session.detector = AnnularDetector((8.0, 7.0), 2.0, 500.0)
    assert panel.parts["radii"].value[1] == panel.parts["radii"].max
    assert session.detector.outer == 500


def test_a_preset_that_is_none_is_refused(session):
    with pytest.raises(InputError, match="HAADF"):
        DetectorPanel(session, preset="HAADF")
