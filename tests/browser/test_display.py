"""Contrast, frequencies and more maps, and a page for a projector in the dark."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from browser.conftest import open_notebook
from browser.desk import Desk


@pytest.mark.timed
def test_a_dragged_limit_changes_the_contrast_and_auto_takes_it_back(explored: Desk):
    shown = explored.map("COM magnitude")
    figure = shown.locator(".bqplot").first
    before = explored.look(figure)
    shown.get_by_role("button", name="Display").click()
    histogram = shown.locator(".stemwidgets-display .bqplot")
    expect(histogram.locator("image").first).to_be_visible()
    explored.settle()

    explored.drag(histogram, (0.5, 0.97), (0.5, 0.4))

    brighter = explored.look(figure)
    changed = np.any(brighter != before, axis=-1)
    assert changed.mean() > 0.5
    assert brighter[changed].sum() > before[changed].sum()
    times = []
    for _ in range(5):
        explored.drag(histogram, (0.5, 0.97), (0.5, 0.6))
        explored.page.evaluate("figure => stopwatch.untilRedrawn(figure)", figure.element_handle())
        shown.get_by_role("button", name="Auto").click()
        times.append(explored.seconds())
        explored.settle()
    print(f"\ncontrast, median of {len(times)}: {1000 * np.median(times):.0f} ms")
    assert np.abs(explored.look(figure) - before).max() <= 1
    assert np.median(times) < 0.5  # with room for a busy machine


def test_a_map_is_added_shows_its_frequencies_and_goes(explored: Desk):
    maps = explored.page.locator(".stemwidgets-map-view")
    count = maps.count()
    explored.page.get_by_role("button", name="Add map").click()
    expect(maps).to_have_count(count + 1)
    added = explored.map("COM x")
    added.get_by_role("button", name="FFT").click()
    expect(added).to_contain_text("FFT of COM x")
    explored.settle()
    figure = added.locator(".bqplot:visible").first
    explored.click(figure, 0.5, 0.62)
    expect(added).to_contain_text("spacing")
    explored.page.get_by_role("button", name="Remove map").click()
    expect(maps).to_have_count(count)


@pytest.mark.slow
def test_a_presented_page_is_read_in_the_dark_and_hears_where_one_clicks(
    browser, jupyterlab, tmp_path
):
    desk = Desk(browser, tmp_path)
    open_notebook(desk, f"{jupyterlab}doc/tree/present.ipynb")
    change_theme(desk, "JupyterLab Dark")
    desk.ready()
    figure = desk.map("sum of counts").locator(".bqplot").first
    plane = desk.plane(figure)
    assert plane["width"] == pytest.approx(1.4 * 250, abs=2)
    assert plane["width"] / plane["height"] == pytest.approx(24 / 14, rel=0.02)

    desk.click(figure, 5.5 / 14, 17.5 / 24)

    expect(desk.view("readout-view")).to_contain_text("5, 17")
    for words in (".axis text", ".stemwidgets-caption", ".widget-html-content", "select"):
        element = desk.page.locator(f".stemwidgets-map-view {words}, .stemwidgets {words}").first
        color = element.evaluate("e => getComputedStyle(e)[e.matches('text') ? 'fill' : 'color']")
        assert min(map(int, re.findall(r"\d+", color)[:3])) > 180, words
    change_theme(desk, "JupyterLab Light")  # it stays chosen
    desk.settle()
    desk.close("present")
    assert desk.errors == []
    assert desk.strangers == []


def change_theme(desk: Desk, theme: str) -> None:
    desk.page.evaluate(
        "theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
    )
