"""What was trained is there again: in another kernel, and in a page that is loaded again."""

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import nbformat
import numpy as np
import psutil
import pytest
from playwright.sync_api import Browser, expect

from browser.conftest import open_notebook, serving
from browser.desk import Desk
from stemwidgets.cli.serve import find_port


@pytest.fixture
def keeping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a Voila whose dashboards keep their last state."""
    monkeypatch.setenv("STEMWIDGETS_CACHE", str(tmp_path / "cache"))
    command = [sys.executable, "-m", "stemwidgets.cli", "demo", "--no-browser", "--port", "0"]
    with serving(command, tmp_path, r"http://127\S+") as address:
        yield address


def trained(desk: Desk) -> np.ndarray:
    desk.ready()
    desk.press("Train")
    expect(desk.view("train-panel")).to_contain_text("finished", timeout=60_000)
    desk.click(desk.map("COM angle").locator(".bqplot").first, 0.3, 0.7)
    desk.page.wait_for_timeout(3000)
    return desk.look(desk.map("rrVAE angle"))


def test_a_training_is_there_in_another_kernel(browser: Browser, keeping: str, tmp_path: Path):
    first = Desk(browser, tmp_path)
    first.page.goto(keeping)
    shown = trained(first)
    first.close("before")
    again = Desk(browser, tmp_path)
    again.page.goto(keeping)
    line = again.view("restored-line")
    expect(line).to_contain_text(re.compile("Restored the training of 20"), timeout=60_000)
    again.ready()
    again.settle()
    np.testing.assert_array_equal(again.look(again.map("rrVAE angle")), shown)
    line.get_by_role("button", name="Start afresh").click()
    expect(again.view("train-panel")).to_contain_text("ready")
    expect(line).to_contain_text("Started afresh")
    assert np.any(again.look(again.map("rrVAE angle")) != shown)
    line.get_by_role("button", name="Bring it back").click()
    expect(line).to_contain_text("Restored the training of 20")
    again.settle()
    np.testing.assert_array_equal(again.look(again.map("rrVAE angle")), shown)
    again.close("afresh")
    assert first.errors == again.errors == []


def kill_kernels(cache: Path) -> None:
    """Kill the kernels whose sessions are kept there, as a lack of memory would."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            kept = process.environ().get("STEMWIDGETS_CACHE")
            if kept == str(cache) and any("ipykernel" in word for word in process.cmdline()):
                process.kill()


@pytest.mark.slow
def test_a_training_whose_kernel_died_goes_on(browser: Browser, keeping: str, tmp_path: Path):
    cache = tmp_path / "cache"
    first = Desk(browser, tmp_path)
    first.page.goto(keeping)
    first.ready()
    first.view("train-panel").get_by_label("model").select_option("rrVAE of Oxley et al.")
    first.press("Train")
    for _ in range(60):
        if list(cache.glob("*/*-training.rrvae")):
            break
        first.page.wait_for_timeout(1000)
    kill_kernels(cache)
    again = Desk(browser, tmp_path)
    again.page.goto(keeping)
    expect(again.view("restored-line")).to_contain_text("cut short", timeout=60_000)
    again.ready()
    again.press("Continue")
    panel = again.view("train-panel")
    expect(panel).to_contain_text(re.compile(r"training, epoch [1-9]\d* of"), timeout=60_000)
    again.press("Stop")
    expect(panel).to_contain_text("stopped", timeout=60_000)
    again.close("gone on")
    assert again.errors == []


@pytest.mark.slow
def test_a_page_that_is_loaded_again_shows_the_living_kernel(
    browser: Browser, jupyterlab: str, tmp_path: Path
):
    desk = Desk(browser, tmp_path)
    open_notebook(desk, f"{jupyterlab}doc/tree/dashboard.ipynb")
    shown = trained(desk)
    desk.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    desk.page.reload()
    desk.ready()
    desk.settle()
    np.testing.assert_array_equal(desk.look(desk.map("rrVAE angle")), shown)
    assert "finished" in desk.status()
    where = desk.view("readout-view").get_by_text("row, column").locator("..")
    before = where.inner_text()
    desk.page.wait_for_timeout(2000)  # until the widgets listen
    desk.click(desk.map("COM angle").locator(".bqplot").first, 0.8, 0.2)
    expect(where).not_to_have_text(before, timeout=10_000)
    desk.close("reloaded")
    assert desk.errors == []


CHANGING = """import asyncio
import numpy as np
import ipywidgets
import stemwidgets as sw
from stemwidgets.dashboards.dashboard import Dashboard

words = [ipywidgets.HTML(f"old{index}") for index in range(300)]


async def change():
    for word in words:
        await asyncio.sleep(0.03)
        word.value = "new"


task = asyncio.get_event_loop().create_task(change())
Dashboard(sw.Session(np.ones((3, 4, 8, 8))), {"words": ipywidgets.VBox(words)})"""


@pytest.mark.slow
def test_what_changes_while_a_page_loads_is_shown(browser: Browser, tmp_path: Path):
    cell = nbformat.v4.new_code_cell(CHANGING)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "changing.ipynb")
    port = find_port(0)
    command = [sys.executable, "-m", "voila", str(tmp_path / "changing.ipynb"), f"--port={port}"]
    with serving([*command, "--no-browser"], tmp_path, rf"http://\S+:{port}/") as address:
        desk = Desk(browser, tmp_path)
        desk.page.goto(address)
        body = desk.page.locator("body")
        expect(body).to_contain_text("new", timeout=60_000)
        desk.page.wait_for_timeout(12_000)
        assert re.findall(r"old\d+", body.inner_text()) == []
        desk.close("changed")
