"""The page that looks first, in Voila: the virtual detector is dragged on the pattern."""

import numpy as np
from playwright.sync_api import expect

from browser.desk import Desk


def test_a_detector_follows_the_mouse_and_its_image_the_detector(explored: Desk):
    panel, pattern = explored.view("detector-panel"), explored.figures("pattern-view").first
    panel.get_by_role("button", name="BF", exact=True).click()
    explored.settle()
    image, rings = explored.look(explored.map("virtual detector")), explored.look(pattern)

    explored.drag(pattern, (0.5, 0.5), (0.5, 0.8))

    moved = explored.look(explored.map("virtual detector"))
    assert np.mean(np.any(moved != image, axis=-1)) > 0.5
    assert np.any(explored.look(pattern) != rings)

    panel.locator("select").select_option("segments")
    explored.map("COM magnitude").locator("select").select_option("DPC x")
    expect(explored.view("readout-view")).to_contain_text("DPC y")
