"""Training, stopping, reloading and clicking for half an hour leave nothing behind in the kernel.

``python -m pytest -m benchmark -s tests/browser/test_soak.py``

It goes on for ``BENCHMARK_MINUTES`` (30) minutes after three rounds. JupyterLab is told not to give
widgets a subshell: it makes one for every page that is loaded and ends none of them, each a thread
and seven or eight open files of the kernel.
"""

import os
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from benchmarks.table import Figure, Table
from playwright.sync_api import Browser, expect

from browser.conftest import SAMPLE, lab, open_notebook
from browser.desk import Desk
from browser.test_dashboard import stop, train

MINUTES = float(os.environ.get("BENCHMARK_MINUTES", "30"))
pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(60 * MINUTES + 1200)]

REST = 5.0  # s, until threads have ended


def test_a_kernel_is_as_it_was_after_the_soak(browser: Browser, tmp_path: Path):
    figures = [
        Figure("memory grows [MB]", 50, digits=0),
        Figure("threads more", 0, digits=0),
        Figure("files more", 0, digits=0),
        Figure("rounds", digits=0),
    ]
    table = Table(f"kernel, {MINUTES:g} minutes of training and reloading", figures, "")
    without_subshells(tmp_path)
    with lab(tmp_path, {"soak": f"{SAMPLE}\nsw.rrvae_dashboard(scan)"}) as address:
        desk, rng = Desk(browser, tmp_path), np.random.default_rng(0)
        open_notebook(desk, f"{address}doc/tree/soak.ipynb")
        desk.ready()
        kernel = kernel_of(desk)
        for _ in range(3):
            use(desk, rng)
        before, end, rounds = state(kernel), time.monotonic() + 60 * MINUTES, 0
        while time.monotonic() < end:
            use(desk, rng)
            rounds += 1
            if rounds % 10 == 0:
                grown = [now - then for now, then in zip(state(kernel), before, strict=True)]
                table.add(f"round {rounds}", [*grown, rounds])
        grown = [now - then for now, then in zip(state(kernel), before, strict=True)]
        table.add("end", [*grown, rounds])
        desk.close("soak")
    assert desk.errors == []
    table.close()


def without_subshells(folder: Path) -> None:
    """Let JupyterLab, with its settings in this folder, send widgets' messages as it did before."""
    settings = folder / "settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    chosen = settings / "kernels-settings.jupyterlab-settings"
    chosen.write_text('{"commsOverSubshells": "disabled"}')


def use(desk: Desk, rng: np.random.Generator) -> None:
    """Train and stop, train to the end, click everywhere, and load the page again."""
    train(desk)
    click(desk, rng, 3)
    stop(desk)
    expect(desk.button("Train")).to_be_enabled(timeout=60_000)
    desk.press("Train")
    click(desk, rng, 10)
    expect(desk.view("train-panel")).to_contain_text("finished", timeout=120_000)
    desk.settle()
    click(desk, rng, 10)
    desk.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    desk.page.reload()
    desk.ready()
    desk.page.wait_for_timeout(2000)  # until the widgets listen
    assert desk.page.locator(".stemwidgets-problem:visible").count() == 0


def click(desk: Desk, rng: np.random.Generator, times: int) -> None:
    maps = desk.page.locator(".stemwidgets-map-view .bqplot").all()
    for row, column in rng.uniform(0.05, 0.95, (times, 2)):
        desk.click(maps[rng.integers(len(maps))], row, column)
        desk.page.wait_for_timeout(50)


def kernel_of(desk: Desk) -> psutil.Process:
    """The process of the notebook's kernel."""
    name = desk.page.evaluate(
        "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.id"
    )
    for process in psutil.Process().children(recursive=True):
        if any(name in word for word in process.cmdline()):
            return process
    raise AssertionError(f"no process of the kernel {name}")


def state(kernel: psutil.Process) -> list[float]:
    """Memory [MB], threads and open files, when all is quiet."""
    time.sleep(REST)
    return [kernel.memory_info().rss / 1e6, kernel.num_threads(), kernel.num_fds()]
