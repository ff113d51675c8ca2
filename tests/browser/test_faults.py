"""What people do to a page while it trains: leave it, open it twice, press twice, stop at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from browser.conftest import SAMPLE, lab, open_notebook
from browser.desk import Desk
from browser.test_dashboard import centre

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ONE = f"{SAMPLE}\nsw.rrvae_dashboard(scan)"
TWO = f"""{SAMPLE}
from ipywidgets import VBox

page = sw.rrvae_dashboard(scan)
VBox([page, sw.rrvae_dashboard(page.session)])"""
EPOCHS = 4
FINISHED = f"finished, epoch {EPOCHS} of {EPOCHS}"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A JupyterLab with a notebook for each test."""
    cells = {"left": ONE, "two": TWO, "presses": ONE, "stop": ONE}
    with lab(tmp_path_factory.mktemp("faults"), cells) as address:
        yield address


@contextmanager
def opened(browser: Browser, folder: Path, address: str, name: str) -> Iterator[Desk]:
    """A notebook that was run; its kernel ends with the block."""
    desk = Desk(browser, folder)
    open_notebook(desk, f"{address}doc/tree/{name}.ipynb")
    desk.ready()
    yield desk
    end(desk)


def end(desk: Desk) -> None:
    problems = desk.page.locator(".stemwidgets-problem:visible").all_inner_texts()
    desk.page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")
    desk.close("faults")
    assert problems == desk.errors == []


def choose_paper(desk: Desk) -> None:
    panel = desk.view("train-panel")
    panel.get_by_label("model").select_option("rrVAE of Oxley et al.")
    number = panel.get_by_label("epochs (0: auto)")
    number.fill(str(EPOCHS))
    number.press("Tab")


def test_a_training_goes_on_without_a_page(browser: Browser, address: str, tmp_path: Path):
    first = Desk(browser, tmp_path)
    open_notebook(first, f"{address}doc/tree/left.ipynb")
    first.ready()
    choose_paper(first)
    first.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    first.press("Train")
    expect(first.view("train-panel")).to_contain_text("training", timeout=60_000)
    first.close("left")
    again = Desk(browser, tmp_path)
    again.page.goto(f"{address}doc/tree/left.ipynb")
    again.ready()
    expect(again.view("train-panel")).to_contain_text(FINISHED, timeout=200_000)
    again.settle()
    shown = again.look(again.map("rrVAE angle"))
    assert len(np.unique(shown[::4, ::4].reshape(-1, 3), axis=0)) > 50
    end(again)
    assert first.errors == []


def test_two_dashboards_of_one_session_show_the_same(
    browser: Browser, address: str, tmp_path: Path
):
    with opened(browser, tmp_path, address, "two") as desk:
        panels = desk.page.locator(".stemwidgets-train-panel")
        other = panels.nth(1)
        expect(other).to_be_visible(timeout=60_000)
        choose_paper(desk)
        desk.press("Train")
        expect(other).to_contain_text("training", timeout=60_000)
        expect(other.get_by_role("button", name="Train", exact=True)).to_be_disabled()
        other.get_by_role("button", name="Stop", exact=True).click()
        for panel in panels.all():
            expect(panel).to_contain_text("stopped", timeout=60_000)
        scan = desk.map("COM angle").locator(".bqplot").first
        scan.scroll_into_view_if_needed()
        desk.click(scan, centre(9, 14), centre(17, 24))
        for readout in desk.page.locator(".stemwidgets-readout-view").all():
            expect(readout).to_contain_text("9, 17", timeout=30_000)


def test_a_second_press_of_train_changes_nothing(browser: Browser, address: str, tmp_path: Path):
    with opened(browser, tmp_path, address, "presses") as desk:
        button = desk.button("Train").element_handle()
        desk.page.evaluate("button => { for (const _ of [1, 2, 3]) button.click(); }", button)
        expect(desk.view("train-panel")).to_contain_text("finished", timeout=120_000)


def test_stop_before_the_first_step_has_ended(browser: Browser, address: str, tmp_path: Path):
    with opened(browser, tmp_path, address, "stop") as desk:
        panel = desk.view("train-panel")
        choose_paper(desk)
        for _ in range(3):
            desk.press("Train")
            desk.button("Stop").click()
            expect(panel).to_contain_text("stopped", timeout=60_000)
        desk.press("Train")
        expect(panel).to_contain_text(FINISHED, timeout=200_000)
