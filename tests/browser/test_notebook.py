"""The first notebook in JupyterLab."""

import numpy as np
import pytest
from playwright.sync_api import expect

from browser.conftest import open_notebook
from browser.desk import Desk


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_first_notebook_runs_and_its_views_answer(jupyterlab, browser, tmp_path):
    desk = Desk(browser, tmp_path)
    open_notebook(desk, f"{jupyterlab}doc/tree/01_first_look.ipynb")
    expect(desk.view("train-panel")).to_contain_text("ready", timeout=120_000)
    desk.ready()
    cells = desk.page.locator(".jp-CodeCell")
    assert not desk.page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count()
    expect(cells.filter(has_text="print(sw.compare_angles")).to_contain_text("circular correlation")
    expect(cells.filter(has_text="plot_images").locator("img")).to_be_visible()

    scan, pattern = desk.map("sum of counts"), desk.figures("pattern-view").first
    before = desk.look(pattern)
    desk.click(scan, 0.7, 0.3)
    desk.settle()
    assert np.any(desk.look(pattern) != before)
    desk.close("notebook")
    assert desk.errors == []
    assert desk.strangers == []
