import pytest
from mouse import key, mouse
from scans import AXES, turning_spot

from stemwidgets.state import ScanSession
from stemwidgets.views.map_view import MapView
from stemwidgets.views.pictures.screen import MARGIN


@pytest.fixture
def scan_map():
    session = ScanSession(turning_spot(), AXES)
    yield MapView(session, "sum")
    session.close()


def at(iy, ix):
    """Coordinates of a scan position."""
    return {"x": 1.0 + 0.3 * ix, "y": 0.2 * iy}


def test_a_drag_takes_the_position_along(scan_map):
    visited = []
    scan_map.session.observe(lambda change: visited.append(change["new"]), "position")
    mouse(scan_map.raster, "mousedown", **at(1, 1))
    mouse(scan_map.raster, "mousemove", **at(2, 3))
    mouse(scan_map.raster, "mouseup", **at(3, 5))
    assert visited == [(1, 1), (2, 3), (3, 5)]


def test_a_move_without_a_press_moves_nothing(scan_map):
    mouse(scan_map.raster, "mousemove", **at(2, 3), buttons=0)
    assert scan_map.session.position == (0, 0)


def test_a_drag_that_leaves_the_map_stays_at_its_edge(scan_map):
    mouse(scan_map.raster, "mousedown", **at(1, 1))
    mouse(scan_map.raster, "mousemove", **at(1, 7))
    assert scan_map.session.position == (1, 5)


def test_a_press_on_the_axes_is_no_press_on_the_map(scan_map):
    mouse(scan_map.raster, "mousedown", **at(5, 2))
    assert scan_map.session.position == (0, 0)


def test_a_drag_that_ended_elsewhere_is_over(scan_map):
    mouse(scan_map.raster, "mousedown", **at(1, 1))
    mouse(scan_map.raster, "mousemove", **at(2, 2), buttons=0)
    mouse(scan_map.raster, "mousemove", **at(3, 3), buttons=0)
    assert scan_map.session.position == (2, 2)


def test_a_move_that_arrives_after_the_release_is_ignored(scan_map):
    mouse(scan_map.raster, "mousedown", **at(1, 1), timeStamp=100.0)
    mouse(scan_map.raster, "mouseup", **at(3, 5), timeStamp=300.0)
    mouse(scan_map.raster, "mousemove", **at(2, 2), timeStamp=200.0)
    assert scan_map.session.position == (3, 5)


def test_another_button_moves_nothing(scan_map):
    mouse(scan_map.raster, "mousedown", **at(2, 2), button=2)
    assert scan_map.session.position == (0, 0)


@pytest.mark.parametrize(
    ("name", "shift", "there"),
    [
        ("ArrowUp", False, (1, 2)),
        ("ArrowDown", False, (3, 2)),
        ("ArrowLeft", False, (2, 1)),
        ("ArrowRight", False, (2, 3)),
        ("ArrowRight", True, (2, 5)),
        ("a", False, (2, 2)),
    ],
)
def test_arrow_keys_move_the_position(scan_map, name, shift, there):
    scan_map.session.position = (2, 2)
    key(scan_map.raster, name, shift)
    assert scan_map.session.position == there


def test_keys_are_heard_from_a_press_until_the_mouse_leaves(scan_map):
    box = scan_map.raster.box
    mouse(scan_map.raster, "mousemove", **at(1, 1), buttons=0)
    assert "stemwidgets-listening" not in box._dom_classes
    mouse(scan_map.raster, "mousedown", **at(1, 1))
    assert "stemwidgets-listening" in box._dom_classes
    mouse(scan_map.raster, "mouseleave")
    assert "stemwidgets-listening" not in box._dom_classes
    mouse(scan_map.raster, "mousedown", **at(1, 1))
    key(scan_map.raster, "Escape")
    assert "stemwidgets-listening" not in box._dom_classes


def test_the_window_lies_within_the_margins(scan_map):
    frame = scan_map.raster.frame
    assert frame.at(MARGIN["left"], MARGIN["top"]) == (frame.left, frame.top)
    corner = frame.at(MARGIN["left"] + frame.width, MARGIN["top"] + frame.height)
    assert corner == pytest.approx((frame.right, frame.bottom))


def test_on_a_page_that_was_loaded_again_time_begins_anew(scan_map):
    mouse(scan_map.raster, "mousedown", **at(1, 1), timeStamp=600_000.0)
    mouse(scan_map.raster, "mouseup", **at(1, 1), timeStamp=600_100.0)
    mouse(scan_map.raster, "mousedown", **at(2, 3), timeStamp=4_000.0)
    assert scan_map.session.position == (2, 3)
