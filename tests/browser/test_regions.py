"""Regions and lines drawn on a map, in Voila and in JupyterLab."""

import numpy as np
import pytest
from playwright.sync_api import expect

from browser.conftest import SERVERS, open_notebook
from browser.desk import Desk

BLUE = (21, 101, 192)  # of a profile


@pytest.fixture(scope="module", params=SERVERS)
def explored(request, browser, tmp_path_factory):
    desk = Desk(browser, tmp_path_factory.mktemp("regions"))
    if request.param == "voila":
        desk.page.goto(request.getfixturevalue("exploring"))
    else:
        open_notebook(desk, f"{request.getfixturevalue('jupyterlab')}doc/tree/explore.ipynb")
    desk.ready()
    yield desk
    desk.close("regions")
    assert desk.errors == []
    assert desk.strangers == []


def draw(desk: Desk, channel: str, tool: str, start: tuple[float, float], end: tuple[float, float]):
    """Choose a tool of a map and drag, between fractions (row, column) of the map."""
    scan = desk.map(channel)
    scan.get_by_role("button", name=tool, exact=True).click()
    desk.drag(scan, start, end)


def test_a_rectangle_lights_up_on_every_map_until_escape(explored: Desk):
    other = explored.map("COM magnitude")
    before = explored.look(other)
    height, width = before.shape[:2]

    draw(explored, "sum of counts", "Rectangle", (3.5 / 14, 6.5 / 24), (9.5 / 14, 17.5 / 24))
    expect(explored.view("pattern-view")).to_contain_text("mean of 84 patterns")  # 7 of 12 columns
    expect(explored.view("readout-view")).to_contain_text("84, mean ± std")
    after = explored.look(other)
    inside = np.s_[height * 4 // 14 : height * 9 // 14, width * 8 // 24 : width * 16 // 24]
    outside = np.s_[height * 11 // 14 :, :]
    np.testing.assert_allclose(after[inside], before[inside], atol=2)
    assert after[outside].mean() > before[outside].mean() + 30
    edge = after[height * 3 // 14 - 2 : height * 3 // 14 + 3, width * 8 // 24 : width * 16 // 24]
    black, white = (edge.max(axis=-1) < 40).any(axis=0), (edge.min(axis=-1) > 240).any(axis=0)
    assert black.mean() > 0.4  # dashes
    assert white.mean() > 0.3

    explored.page.keyboard.press("Escape")
    expect(explored.view("pattern-view")).not_to_contain_text("mean of 84")
    explored.settle()
    np.testing.assert_allclose(explored.look(other), before, atol=2)


def test_a_line_is_profiled_and_the_value_under_the_mouse_told(explored: Desk):
    profile = explored.figures("profile-view").first
    empty = explored.look(profile)
    draw(explored, "COM magnitude", "Line", (0.1, 0.1), (0.9, 0.9))
    drawn = explored.look(profile)
    blue = np.abs(drawn - BLUE).sum(axis=-1) < 60
    assert blue.any(axis=0).mean() > 0.9
    assert not (np.abs(empty - BLUE).sum(axis=-1) < 60).any()

    scan = explored.map("COM magnitude")
    plane = explored.plane(scan)
    where = explored.view("readout-view").inner_text()
    explored.page.mouse.move(plane["x"] + plane["width"] / 2, plane["y"] + plane["height"] / 2)
    told = scan.locator(".stemwidgets-under-mouse")
    expect(told).to_contain_text("1/Å")
    assert explored.view("readout-view").inner_text() == where


def test_a_detector_follows_the_mouse(explored: Desk):
    panel, pattern = explored.view("detector-panel"), explored.figures("pattern-view").first
    panel.get_by_role("button", name="BF", exact=True).click()
    pattern.scroll_into_view_if_needed()
    explored.settle()
    image = explored.look(explored.map("virtual detector"))
    explored.drag(explored.figures("pattern-view").first, (0.5, 0.5), (0.5, 0.8))
    moved = explored.look(explored.map("virtual detector"))
    assert np.mean(np.any(moved != image, axis=-1)) > 0.5
