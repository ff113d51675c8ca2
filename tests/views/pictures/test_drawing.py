"""Regions and lines drawn on a map, and the value under the mouse."""

import numpy as np
import pytest
from mouse import key, mouse
from scans import AXES, SHAPE, turning_spot

from stemwidgets.state import ScanSession
from stemwidgets.views.map_view import MapView


@pytest.fixture
def maps():
    session = ScanSession(turning_spot(), AXES)
    yield MapView(session, "sum"), MapView(session, "COM angle")
    session.close()


def at(iy, ix):
    """Coordinates of a scan position."""
    return {"x": 1.0 + 0.3 * ix, "y": 0.2 * iy}


def choose(scan_map, tool):
    scan_map.parts["tool"].value = tool


def drag(scan_map, *places):
    mouse(scan_map.raster, "mousedown", **at(*places[0]))
    for place in places[1:]:
        mouse(scan_map.raster, "mousemove", **at(*place))
    mouse(scan_map.raster, "mouseup", **at(*places[-1]))


def click(scan_map, iy, ix):
    drag(scan_map, (iy, ix))


def seen(scan_map):
    """Curves that are drawn on a map: positions (iy, ix) along each."""
    lines = scan_map.drawing.marks[1]
    if not lines.visible:
        return []
    curves = zip(np.atleast_2d(lines.x), np.atleast_2d(lines.y), strict=True)
    return [np.transpose([y / 0.2, (x - 1) / 0.3]) for x, y in curves]


def box(top, bottom, left, right):
    inside = np.zeros(SHAPE[:2], dtype=bool)
    inside[top : bottom + 1, left : right + 1] = True
    return inside


@pytest.mark.parametrize("corners", [((1, 2), (2, 4)), ((2, 4), (1, 2)), ((2, 2), (1, 4))])
def test_a_rectangle_takes_in_what_it_touches(maps, corners):
    choose(maps[0], "Rectangle")
    drag(maps[0], *corners)
    np.testing.assert_array_equal(maps[0].session.selection.region, box(1, 2, 2, 4))
    assert maps[0].session.position == (0, 0)


def test_an_outline_is_seen_while_it_is_drawn_and_then_on_every_map(maps):
    choose(maps[0], "Rectangle")
    mouse(maps[0].raster, "mousedown", **at(1, 2))
    mouse(maps[0].raster, "mousemove", **at(2, 4))
    assert maps[0].session.selection.region is None
    assert len(seen(maps[0])) == 1
    assert seen(maps[1]) == []
    mouse(maps[0].raster, "mouseup", **at(2, 4))
    for scan_map in maps:
        (curve,) = seen(scan_map)
        np.testing.assert_allclose(curve.min(axis=0), (0.5, 1.5), atol=1e-9)
        np.testing.assert_allclose(curve.max(axis=0), (2.5, 4.5), atol=1e-9)
        np.testing.assert_allclose(curve[0], curve[-1])


def test_a_rectangle_ends_at_the_edge_of_the_scan(maps):
    choose(maps[0], "Rectangle")
    drag(maps[0], (2, 3), (9, 11))
    np.testing.assert_array_equal(maps[0].session.selection.region, box(2, 3, 3, 5))


def test_a_click_with_a_tool_draws_nothing_and_moves_nothing(maps):
    for tool in ("Rectangle", "Lasso", "Line"):
        choose(maps[0], tool)
        click(maps[0], 2, 3)
    session = maps[0].session
    assert session.selection.region is None
    assert session.selection.line is None
    assert session.position == (0, 0)


def test_a_lasso_surrounds_positions(maps):
    choose(maps[0], "Lasso")
    drag(maps[0], (0.5, 0.5), (0.5, 3.4), (2.6, 3.4), (2.6, 0.5))
    np.testing.assert_array_equal(maps[0].session.selection.region, box(1, 2, 1, 3))


@pytest.mark.parametrize("end", [(0.5, 0.5), (2.6, 0.5)])
def test_a_polygon_is_closed_by_a_click_on_its_first_corner_or_twice_on_its_last(maps, end):
    choose(maps[0], "Polygon")
    for corner in [(0.5, 0.5), (0.5, 3.4), (2.6, 3.4), (2.6, 0.5)]:
        click(maps[0], *corner)
        mouse(maps[0].raster, "mousemove", **at(1.5, 1.5), buttons=0)
    assert maps[0].session.selection.region is None
    np.testing.assert_allclose(seen(maps[0])[0][-1], (1.5, 1.5), atol=0.02)  # follows the mouse
    click(maps[0], *end)
    np.testing.assert_array_equal(maps[0].session.selection.region, box(1, 2, 1, 3))


def test_a_line_is_drawn_and_its_ends_are_moved(maps):
    session = maps[0].session
    choose(maps[0], "Line")
    drag(maps[0], (0, 1), (3, 4))
    np.testing.assert_allclose(session.selection.line, ((0, 1), (3, 4)), atol=0.02)
    drag(maps[0], (0, 1), (2, 0))
    np.testing.assert_allclose(session.selection.line, ((2, 0), (3, 4)), atol=0.02)
    drag(maps[0], (3, 4), (1, 5))
    np.testing.assert_allclose(session.selection.line, ((2, 0), (1, 5)), atol=0.02)
    for scan_map in maps:
        np.testing.assert_allclose(seen(scan_map), [((2, 0), (1, 5))], atol=0.02)


def test_keys_draw_corner_by_corner(maps):
    session = maps[0].session
    choose(maps[0], "Rectangle")
    session.position = (1, 1)
    key(maps[0].raster, "Enter")
    session.position = (2, 3)
    np.testing.assert_allclose(seen(maps[0])[0].max(axis=0), (2.5, 3.5))
    key(maps[0].raster, "Enter")
    np.testing.assert_array_equal(session.selection.region, box(1, 2, 1, 3))

    choose(maps[0], "Polygon")
    for corner in [(0, 0), (0, 5), (3, 0), (3, 0)]:
        session.position = corner
        key(maps[0].raster, "Enter")
    assert session.selection.region[1, 1]
    assert not session.selection.region[3, 5]


def test_escape_gives_up_what_is_drawn_and_then_takes_all_away(maps):
    session = maps[0].session
    choose(maps[0], "Rectangle")
    drag(maps[0], (1, 1), (2, 3))
    choose(maps[0], "Polygon")
    click(maps[0], 0, 0)
    key(maps[0].raster, "Escape")
    assert session.selection.region is not None
    key(maps[0].raster, "Escape")
    assert session.selection.region is None
    assert seen(maps[0]) == seen(maps[1]) == []


def test_the_button_clears_region_and_line(maps):
    session, clear = maps[0].session, maps[1].parts["clear"]
    assert clear.disabled
    session.selection.outline, session.selection.line = (
        ((-1, -1), (-1, 2), (2, 2)),
        ((0, 0), (2, 2)),
    )
    assert not clear.disabled
    clear.click()
    assert session.selection.region is session.selection.line is session.selection.outline is None
    assert clear.disabled


def test_the_value_under_the_mouse_is_told_with_its_unit(maps):
    session, line = maps[1].session, maps[1].parts["under mouse"]
    hint = line.value
    assert "arrow keys" in hint
    mouse(maps[1].raster, "mousemove", **at(2, 3), buttons=0)
    degrees = np.degrees(session.channels["COM angle"].values[2, 3])
    assert "y 0.400, x 1.90 Å: " in line.value
    assert f"<b>{degrees:.0f}°</b>".replace("-", "−") in line.value
    assert session.position == (0, 0)
    mouse(maps[1].raster, "mouseleave")
    assert line.value == hint
    choose(maps[1], "Lasso")
    assert line.value != hint


def test_the_mouse_on_the_last_edge_is_on_the_last_position(maps):
    mouse(maps[0].raster, "mousemove", **at(3.49, 5.49), buttons=0)
    assert "y 0.600, x 2.50 Å" in maps[0].parts["under mouse"].value
