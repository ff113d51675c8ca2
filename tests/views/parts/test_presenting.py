import io
import json

import numpy as np
import pytest
from bqplot import Figure
from mouse import mouse
from PIL import Image
from scans import AXES, Sorter, turning_spot

from stemwidgets.arrays.errors import InputError
from stemwidgets.dashboards.explore import explore
from stemwidgets.dashboards.prepare import prepare
from stemwidgets.dashboards.rrvae import rrvae_dashboard
from stemwidgets.state import ScanSession
from stemwidgets.views.parts.presenting import LARGER
from stemwidgets.views.parts.view import PRESENTED, STYLE
from stemwidgets.views.pictures.display import Display
from stemwidgets.views.pictures.screen import MARGIN


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES, make_model=Sorter)
    yield session
    session.close()


def figures(widget):
    if isinstance(widget, Figure):
        yield widget
    for child in getattr(widget, "children", ()):
        yield from figures(child)


@pytest.mark.parametrize("dashboard", [explore, prepare, rrvae_dashboard])
def test_a_presented_page_has_larger_margins_for_larger_words(session, dashboard):
    page = dashboard(session, mode="present")
    assert PRESENTED in page._dom_classes
    assert f"zoom: {LARGER};" in STYLE
    assert list(figures(page))
    for figure in figures(page):
        assert figure.fig_margin["left"] == round(LARGER * MARGIN["left"])


def test_a_desk_is_not_enlarged(session):
    page = explore(session)
    assert PRESENTED not in page._dom_classes
    assert {figure.fig_margin["left"] for figure in figures(page)} == {MARGIN["left"]}


def test_an_unknown_mode_is_refused_in_words(session):
    with pytest.raises(InputError, match="'desk' or 'present', not 'huge'"):
        explore(session, mode="huge")


def test_figures_made_late_are_enlarged_once(session):
    page = explore(session, mode="present")
    shown = page.parts["map"]
    shown.parts["display"].value = True
    shown.fourier = True
    added = page.parts["added"].add("sum")
    late = [shown.parts["controls"]["histogram"], shown.parts["frequencies"], *figures(added)]
    for figure in late:
        assert figure.fig_margin["left"] == round(LARGER * MARGIN["left"])


def test_a_click_on_a_zoomed_page_finds_its_place(session):
    shown = explore(session, mode="present").parts["map"]
    frame = shown.raster.frame
    width = frame.width + MARGIN["left"] + MARGIN["right"]
    across = MARGIN["left"] + frame.width * 4.5 / 6  # the middle of column 4
    down = MARGIN["top"] + frame.height * 3.5 / 4
    place = {"relativeX": LARGER * across, "relativeY": LARGER * down}
    mouse(shown.raster, "mousedown", **place, boundingRectWidth=LARGER * width)
    assert session.position == (3, 4)


def test_maps_are_added_and_removed(session):
    added = explore(session).parts["added"]
    added.parts["add"].click()
    added.parts["add"].click()
    assert [each.channel for each in added.maps] == ["COM x", "COM y"]
    first, second = added.maps
    remove = added.children[0].children[1]
    remove.click()
    assert added.maps == (second,)
    assert len(added.children) == 2  # a map and the button

    before = first.parts["figure"].marks[0].image.value
    session.selection.region = np.arange(24).reshape(4, 6) < 5
    assert first.parts["figure"].marks[0].image.value == before
    faint = np.asarray(Image.open(io.BytesIO(second.parts["figure"].marks[0].image.value)))
    assert (faint[3, :, 3] < 255).all()


def test_what_maps_show_comes_back_with_the_page(session):
    page = explore(session)
    page.parts["added"].add("COM y").display = Display(colors="cividis", limits=(-1, 2))
    page.parts["map"].display = Display("square root")
    page.parts["com_magnitude"].fourier = True
    plain = json.loads(json.dumps(page.choices()))
    other = explore(session)
    other.choose(plain)
    assert [shown.channel for shown in other.parts["added"].maps] == ["COM y"]
    assert other.parts["added"].maps[0].display.limits == (-1, 2)
    assert other.parts["map"].display == Display("square root")
    assert other.parts["com_magnitude"].fourier
    other.choose({"map": {"channel": "sum", "display": {"colors": "jet"}}})
    assert other.parts["map"].display == Display("square root")
