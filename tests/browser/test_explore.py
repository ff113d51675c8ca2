"""The page that looks first, in Voila: the virtual detector is dragged on the pattern."""

import numpy as np
from playwright.sync_api import expect

from browser.desk import Desk


def drag(desk: Desk, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag on the pattern, between fractions (row, column) of its height and width."""
    plane = desk.figures("pattern-view").first.locator("image").last.bounding_box()
    assert plane is not None
    mouse = desk.page.mouse
    for step in range(13):
        row, column = (a + (b - a) * step / 12 for a, b in zip(start, end, strict=True))
        mouse.move(plane["x"] + column * plane["width"], plane["y"] + row * plane["height"])
        if step == 0:
            mouse.down()
    mouse.up()
    desk.settle()


def test_a_detector_follows_the_mouse_and_its_image_the_detector(explored: Desk):
    panel, pattern = explored.view("detector-panel"), explored.figures("pattern-view").first
    panel.get_by_role("button", name="BF", exact=True).click()
    explored.settle()
    image, rings = explored.look(explored.map("virtual detector")), explored.look(pattern)

    drag(explored, (0.5, 0.5), (0.5, 0.8))

    moved = explored.look(explored.map("virtual detector"))
    assert np.mean(np.any(moved != image, axis=-1)) > 0.5
    assert np.any(explored.look(pattern) != rings)

    panel.locator("select").select_option("segments")
    explored.map("COM magnitude").locator("select").select_option("DPC x")
    expect(explored.view("readout")).to_contain_text("DPC y")
