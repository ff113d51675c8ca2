"""A line drawn in latent space selects patterns."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mouse import key, mouse
from PIL import Image
from scans import AXES, SHAPE, Pacer, turning_spot

from stemwidgets.arrays.detectors import PolygonDetector
from stemwidgets.arrays.maps.polygon import surrounded
from stemwidgets.state import ScanSession
from stemwidgets.views.latent_view import LatentView
from stemwidgets.views.map_view import MapView

AROUND = [(0.5, 1.5), (2.5, 1.5), (2.5, 4.5), (0.5, 4.5)]  # z1, z2: rows 1-2, columns 2-4


@pytest.fixture
def scatter():
    session = ScanSession(turning_spot(), AXES, make_model=Pacer)
    session.training.start(latent_dim=2)
    session.training.wait(10)
    yield LatentView(session)
    session.close()


def draw(view, path):
    (x, y), *others = path
    mouse(view.raster, "mousedown", x=x, y=y)
    for x, y in others:
        mouse(view.raster, "mousemove", x=x, y=y)
    mouse(view.raster, "mouseup", x=x, y=y)


def opacities(view):
    """Of the pixels of a view's picture, from 0 to 255."""
    image = view.parts["figure"].marks[0].image.value
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGBA"))[..., 3]


def test_what_a_line_surrounds_becomes_the_region(scatter):
    draw(scatter, AROUND)
    expected = np.zeros(SHAPE[:2], dtype=bool)
    expected[1:3, 2:5] = True
    np.testing.assert_array_equal(scatter.session.selection.region, expected)
    assert "6 patterns selected" in scatter._words.value
    assert not scatter.parts["lasso"].visible


def test_what_is_not_selected_is_faint(scatter):
    assert scatter.parts["points"].opacities == [1.0]
    draw(scatter, AROUND)
    opacities = np.reshape(scatter.parts["points"].opacities, SHAPE[:2])
    assert (opacities == 1).sum() == 6
    assert opacities[1, 2] == 1 > opacities[0, 0]
    scatter.parts["clear"].click()
    assert scatter.session.selection.region is None
    assert scatter.parts["points"].opacities == [1.0]


def test_the_line_is_seen_while_it_is_drawn(scatter):
    mouse(scatter.raster, "mousedown", x=0.5, y=1.5)
    mouse(scatter.raster, "mousemove", x=2.5, y=1.5)
    lasso = scatter.parts["lasso"]
    assert lasso.visible
    np.testing.assert_allclose(lasso.x, [0.5, 2.5], atol=0.02)


def test_the_selection_lights_up_on_every_map(scatter):
    maps = [MapView(scatter.session, name) for name in ("sum", "angle")]
    draw(scatter, AROUND)
    for scan_map in maps:
        opacity = opacities(scan_map)
        assert (opacity[scatter.session.selection.region] == 255).all()
        assert (opacity[~scatter.session.selection.region] < 100).all()
    scatter.session.selection.region = None
    for scan_map in maps:
        assert (opacities(scan_map) == 255).all()


def test_a_line_around_nothing_selects_nothing(scatter):
    draw(scatter, [(0.1, 0.2), (0.4, 0.2), (0.4, 0.8)])
    assert scatter.session.selection.region is None
    assert scatter.session.position == (0, 0)


def test_a_click_moves_the_position_and_keeps_the_region(scatter):
    draw(scatter, AROUND)
    draw(scatter, [(3.05, 5.0)])
    assert scatter.session.position == (3, 5)
    assert scatter.session.selection.region.sum() == 6


def test_of_many_patterns_the_selected_are_seen_best():
    data = np.ones((70, 60, 9, 8), dtype=np.float32)
    data[..., 4, 4] += np.arange(60)
    session = ScanSession(data, make_model=Pacer)
    view = LatentView(session)
    session.training.start(steps=1)
    session.training.wait(10)
    draw(view, [(-0.5, -0.5), (9.5, -0.5), (9.5, 59.5), (-0.5, 59.5)])
    assert session.selection.region.sum() == 10 * 60
    opacity = opacities(view)
    assert (opacity == 255).sum() == 10 * 60
    assert ((opacity > 0) & (opacity < 50)).sum() == 60 * 60
    session.close()


corners = st.lists(
    st.tuples(st.floats(-2, 9, width=16), st.floats(-2, 8, width=16)), min_size=3, max_size=7
)


@given(corners)
def test_points_on_a_grid_are_surrounded_as_a_polygon_detector_has_it(outline):
    y, x = np.mgrid[:7, :6]
    expected = PolygonDetector(tuple(outline)).pixels((7, 6))
    np.testing.assert_array_equal(surrounded(y, x, outline), expected)


def test_a_pattern_without_latents_is_never_surrounded():
    square = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
    y, x = np.array([0.0, np.nan, 0.0]), np.array([0.0, 0.0, np.nan])
    assert surrounded(y, x, square).tolist() == [True, False, False]


def test_a_region_drawn_on_a_map_lights_up_its_patterns(scatter):
    scan_map = MapView(scatter.session, "sum")
    scan_map.parts["tool"].value = "Rectangle"
    mouse(scan_map.raster, "mousedown", x=1.3, y=0.2)
    mouse(scan_map.raster, "mouseup", x=1.9, y=0.4)
    opacities = np.reshape(scatter.parts["points"].opacities, SHAPE[:2])
    assert np.argwhere(opacities == 1).tolist() == [[y, x] for y in (1, 2) for x in (1, 2, 3)]


def test_escape_takes_the_region_away(scatter):
    draw(scatter, AROUND)
    key(scatter.raster, "Escape")
    assert scatter.session.selection.region is None
