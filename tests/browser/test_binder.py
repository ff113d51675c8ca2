"""What a link to Binder opens: the server of ``binder/start``, here without a network."""

import sys
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from browser.conftest import find_port, serving
from browser.desk import Desk

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_notebook_opens_as_a_page(browser: Browser, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(ROOT)
    port = find_port(0)
    command = ["binder/start", sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token="]
    with serving(command, tmp_path, rf"http://127\.0\.0\.1:{port}/") as address:
        desk = Desk(browser, tmp_path)
        desk.page.goto(f"{address}voila/render/notebooks/01_first_look.ipynb")
        desk.ready()
        scan, pattern = desk.map("sum of counts"), desk.figures("pattern-view").first
        before = desk.look(pattern)
        desk.click(scan, 0.7, 0.3)
        desk.settle()
        assert np.any(desk.look(pattern) != before)
        desk.close("binder")
    # Voila asks for MathJax on pages with text
    assert [words for words in (*desk.errors, *desk.strangers) if "mathjax" not in words] == []
