"""Ten minutes of random use leave nothing behind, in the kernel or in the browser.

``python -m pytest -m benchmark -s tests/browser/test_ten_minutes.py``

It goes on for ``BENCHMARK_MINUTES`` (10) minutes after a first training, on the scan of
``test_figures.py`` in Voila.
"""

import itertools
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from benchmarks.table import Figure, Table
from playwright.sync_api import Browser

from browser.conftest import serving
from browser.unwatched import BUTTON, Unwatched

MINUTES = float(os.environ.get("BENCHMARK_MINUTES", "10"))
pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(60 * MINUTES + 600)]

REST = 20.0  # s, until what was asked for has been done: all maps read by a network, say

# What the page offers to a hand, and what went wrong in it.
HELPERS = """
var wrong = [];
addEventListener("error", (event) => wrong.push(event.message));
addEventListener("unhandledrejection", (event) => wrong.push(String(event.reason)));
console.error = (...words) => wrong.push(words.join(" "));
var offered = (selector) => [...document.querySelectorAll(selector)].filter(
  (element) => element.offsetParent && !element.disabled);
var planes = () => [...document.querySelectorAll(".stemwidgets-map-view .bqplot")].map((figure) => {
  const box = [...figure.querySelectorAll("image")].pop().getBoundingClientRect();
  return [box.x, box.y, box.width, box.height];
});
var button = (name) => offered(".stemwidgets-train-panel button").find(
  (element) => element.innerText === name);
var press = (name) => { const found = button(name); if (found) found.click(); return !!found; };
var choose = (which, share) => {
  const select = offered("select")[Math.floor(which * offered("select").length)];
  select.selectedIndex = Math.floor(share * select.options.length);
  select.dispatchEvent(new Event("change", { bubbles: true }));
};
var slide = (which) => {
  const handles = [...document.querySelectorAll("[role=slider]")].filter((h) => h.offsetParent);
  handles[Math.floor(which * handles.length)].focus();
};
var trains = () => document.querySelector(".stemwidgets-train-panel").innerText;
"""


def test_ten_minutes_of_use(browser: Browser, scan: Path, tmp_path: Path):
    figures = [
        Figure("kernel grows [MB]", 50, digits=0),
        Figure("browser grows [MB]", 100, digits=0),
        Figure("actions", digits=0),
    ]
    table = Table(f"random use for {MINUTES:g} minutes", figures, "")
    command = [sys.executable, "-m", "stemwidgets.cli", "open", str(scan)]
    command += ["--no-browser", "--port", "0"]
    with serving(command, tmp_path, r"http://127\S+") as address:
        page = Unwatched(browser, address)
        page.wait_for("!!document.querySelector('.stemwidgets-pattern-view image')")
        page.evaluate(HELPERS)
        page.wait_for("press('Train')")
        page.wait_for("trains().includes('finished')", 300)
        before, count = memories(page), 0
        rng, end = np.random.default_rng(0), time.monotonic() + 60 * MINUTES
        actions = [use_map, use_map, use_map, use_choice, use_slider, use_training, drag_map]
        while time.monotonic() < end:
            actions[rng.integers(len(actions))](page, rng)
            time.sleep(0.05)
            count += 1
        page.wait_for("press('Stop') || !!button('Train')")  # the networks take long
        page.wait_for("!!button('Train')", 300)
        grown = [after - start for after, start in zip(memories(page), before, strict=True)]
        wrong = page.evaluate("wrong")
        page.close()
    table.add("", [*grown, count])
    table.close()
    assert wrong == []


def memories(page: Unwatched) -> list[float]:
    """Resident memory [MB] of the largest kernel and of the largest page, after a rest."""
    time.sleep(REST)
    page.send("HeapProfiler.collectGarbage")
    largest = {"ipykernel_launcher": 0.0, "--type=renderer": 0.0}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            words = " ".join(process.cmdline())
            for kind in filter(words.__contains__, largest):
                largest[kind] = max(largest[kind], process.memory_info().rss / 1e6)
    return list(largest.values())


def use_map(page: Unwatched, rng: np.random.Generator) -> None:
    planes = page.evaluate("planes()")
    x, y, width, height = planes[rng.integers(len(planes))]
    row, column = rng.uniform(0.05, 0.95, 2)
    page.click(x + column * width, y + row * height)


def drag_map(page: Unwatched, rng: np.random.Generator) -> None:
    x, y, width, height = page.evaluate("planes()[0]")
    corners = np.array([x, y]) + rng.uniform(0.1, 0.9, (10, 2)) * [width, height]
    page.mouse("mousePressed", *corners[0], **BUTTON)
    for start, stop in itertools.pairwise(corners):
        for share in np.linspace(0.2, 1, 5):
            page.mouse("mouseMoved", *(start + share * (stop - start)), button="left", buttons=1)
    page.mouse("mouseReleased", *corners[-1], **BUTTON)


def use_choice(page: Unwatched, rng: np.random.Generator) -> None:
    which, share = rng.random(2)
    page.evaluate(f"choose({which}, {share})")


def use_slider(page: Unwatched, rng: np.random.Generator) -> None:
    page.evaluate(f"slide({rng.random()})")
    key = ["PageUp", "PageDown", "Home", "End"][rng.integers(4)]
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key=key, code=key)


def use_training(page: Unwatched, rng: np.random.Generator) -> None:
    for name in ("Stop", "Train"):
        if rng.random() < 0.3 and page.evaluate(f"press('{name}')"):
            return
