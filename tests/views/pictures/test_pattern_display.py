"""How a pattern is shown: its scaling, limits and colours."""

import io
import json

import numpy as np
import pytest
from mouse import mouse
from PIL import Image
from scans import AXES, Sorter, turning_spot

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.state import ScanSession
from stemwidgets.views.pattern_view import PatternView


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES, make_model=Sorter)
    session.wait(30)
    yield session
    session.close()


@pytest.fixture
def view(session):
    """A pattern with its controls open."""
    view = PatternView(session)
    view.parts["display"].value = True
    return view


def picture(view, part="figure"):
    """The picture that is shown, as pixels [row, column, RGBA]."""
    image = view.parts[part].marks[0].image.value
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGBA")).astype(int)


def test_controls_are_made_when_they_are_opened(session):
    view = PatternView(session)
    assert "controls" not in view.parts
    view.parts["display"].value = True
    assert view.parts["controls"]["scaling"].value == "square root"
    assert view.parts["controls"]["colors"].value == "inferno"


def test_a_dragged_handle_moves_the_upper_limit(session, view):
    before, brightest = picture(view), session.pattern.max()
    raster = view._display._controls.histogram.raster
    mouse(raster, "mousedown", x=brightest, y=0.5)
    mouse(raster, "mousemove", x=brightest / 2, y=0.5)
    mouse(raster, "mouseup", x=brightest / 2, y=0.5)
    assert view.parts["controls"]["high"].value == pytest.approx(brightest / 2, rel=0.05)
    after = picture(view)
    assert after.sum() > before.sum()
    np.testing.assert_array_equal(  # all that is brighter than half has the last colour
        after[session.pattern > 0.55 * brightest],
        after[np.unravel_index(session.pattern.argmax(), session.pattern.shape)]
        * np.ones((np.count_nonzero(session.pattern > 0.55 * brightest), 1), int),
    )


def test_scaling_is_the_same_in_both_controls(view):
    view.parts["show"].value = "logarithmic"
    assert view.parts["controls"]["scaling"].value == "logarithmic"
    view.parts["controls"]["scaling"].value = "power"
    assert view.parts["show"].value == "power"


def test_differences_have_a_display_of_their_own(view):
    view.parts["controls"]["colors"].value = "grey"
    view.parts["show"].value = "difference from the mean"
    assert view.parts["controls"]["colors"].value == "blue–white–orange"
    view.parts["show"].value = "linear"
    assert view.parts["controls"]["colors"].value == "grey"
    view.parts["controls"]["auto"].click()
    assert (view.parts["show"].value, view.parts["controls"]["colors"].value) == (
        "square root",
        "inferno",
    )


def test_the_reconstruction_is_shown_within_the_range_of_the_pattern(session):
    view = PatternView(session)
    session.training.start()
    session.training.wait(30)
    session.wait(30)
    view.parts["display"].value = True
    view.parts["controls"]["high"].value = float(session.pattern.max()) / 8
    for part in ("legend", "reconstruction_legend"):
        session.wait(30)
        assert (
            view.parts[part].value.split("<span>")[3]
            == view.parts["legend"].value.split("<span>")[3]
        )
    assert picture(view, "reconstruction").shape == (*session.scan.shape[2:], 4)


def test_what_is_chosen_is_kept_and_chosen_again(session, view):
    view.parts["show"].value = "logarithmic"
    view.parts["controls"]["colors"].value = "cividis"
    plain = json.loads(json.dumps(view.choices))
    other = PatternView(session)
    other.choices = plain
    assert other.choices == view.choices
    np.testing.assert_array_equal(picture(other), picture(view))
    with pytest.raises(InputError, match="colours are"):
        other.choices = plain | {"counts": {"colors": "jet"}}


def test_a_page_keeps_it():
    pages = [sw.explore(turning_spot()) for _ in range(2)]
    pages[0].parts["pattern"].parts["show"].value = "difference from the mean"
    pages[1].choose(pages[0].choices())
    assert pages[1].parts["pattern"].parts["show"].value == "difference from the mean"
    for page in pages:
        page.session.close()
