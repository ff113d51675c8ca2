"""The page on which a scan is prepared, in JupyterLab."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from browser.conftest import open_notebook
from browser.desk import Desk


@pytest.fixture
def page(browser: Browser, jupyterlab: str, tmp_path: Path) -> Iterator[Desk]:
    """The page, freshly opened; nothing may go wrong in the browser meanwhile."""
    desk = Desk(browser, tmp_path)
    open_notebook(desk, f"{jupyterlab}doc/tree/prepare.ipynb")
    drawn = desk.figures("calibration-panel").locator("image").first
    expect(drawn).to_be_visible(timeout=60_000)
    desk.settle()
    yield desk
    desk.close("prepare")
    assert desk.errors == []
    assert desk.strangers == []


@pytest.mark.slow
def test_a_scan_is_calibrated_taken_apart_and_prepared(page: Desk):
    expect(page.view("scan-report-view")).to_contain_text("Nothing stands out")
    calibration, preparation = page.view("calibration-panel"), page.view("preparation-panel")
    com, mean = page.map("COM angle"), page.figures("calibration-panel").first
    com_before, mean_before = page.look(com), page.look(mean)

    red, green, blue = np.moveaxis(mean_before, -1, 0)
    outlined = (blue > 200) & (green > 150) & (red < 120)
    assert 0.005 < outlined.mean() < 0.1, "the disc that was found is an outline"
    calibration.get_by_role("button", name="Calibrate").click()
    expect(calibration).to_contain_text("disc radius", timeout=30_000)
    page.settle()
    assert np.any(page.look(mean) != mean_before), "the disc is that of the calibration"
    calibration.get_by_role("combobox").select_option(label="its opposite")
    box = calibration.get_by_role("checkbox")
    box.check()
    expect(calibration).to_contain_text("in the frame of the scan")
    page.settle()
    assert np.mean(np.any(page.look(com) != com_before, axis=-1)) > 0.5
    box.uncheck()
    expect(calibration).to_contain_text("as it was read")
    page.settle()
    np.testing.assert_array_equal(page.look(com), com_before)

    component = page.map("PCA 1")
    empty = page.look(component)
    page.view("decomposition-panel").get_by_role("button", name="Compute").click()
    expect(page.view("decomposition-panel").locator("img")).to_have_count(5, timeout=30_000)
    page.settle()
    assert np.mean(np.any(page.look(component) != empty, axis=-1)) > 0.9

    preparation.get_by_role("combobox").first.select_option(label="crop about the disc")
    preparation.get_by_role("button", name="Add").click()
    expect(preparation).to_contain_text("Patterns of 73 × 75 pixels", timeout=30_000)
    expect(preparation).to_contain_text("sw.Preparation().crop(margin=1.1)")
    page.settle()
    before, after = (page.look(figure) for figure in page.figures("preparation-panel").all())
    border = np.any(before[:4] != after[:4], axis=-1)
    assert border.mean() > 0.9, "what is cropped is grey"
