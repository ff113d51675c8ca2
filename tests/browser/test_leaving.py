"""A kernel ends with its page: left, loaded again, or lost; what it was learning is kept."""

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from playwright.sync_api import Browser, expect

from browser.conftest import serving
from browser.desk import Desk
from stemwidgets.cli import serve
from stemwidgets.cli.serve import find_port

RELOADS = 10


class Served:
    """A running ``stemwidgets demo``."""

    def __init__(self, address: str) -> None:
        self.address = address
        children = psutil.Process().children()
        servers = [one for one in children if "stemwidgets.cli" in one.cmdline()]
        self.process = max(servers, key=psutil.Process.create_time)  # others serve other tests

    def kernels(self) -> list[psutil.Process]:
        return self.process.children()

    def seconds_until(self, count: int, most: float) -> float:
        """Time until so many kernels are left."""
        begin = time.monotonic()
        while len(self.kernels()) != count:
            assert time.monotonic() < begin + most, f"{len(self.kernels())} kernels are left"
            time.sleep(0.1)
        return time.monotonic() - begin


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("STEMWIDGETS_CACHE", str(tmp_path / "cache"))
    command = [sys.executable, "-m", "stemwidgets.cli", "demo", "--no-browser", "--port", "0"]
    with serving(command, tmp_path, r"http://127\S+") as address:
        yield Served(address)
        log = (tmp_path / "server.log").read_text()
        told = [line for line in log.splitlines()[1:] if "kernel of a page has died" not in line]
        assert told == [], "\n".join(told)


def test_a_kernel_ends_with_its_page_and_the_next_goes_on(
    browser: Browser, served: Served, tmp_path: Path
):
    desk = Desk(browser, tmp_path)
    desk.page.goto(served.address)
    desk.ready()
    assert "token" not in desk.page.url
    desk.view("train-panel").get_by_label("model").select_option("rrVAE of Oxley et al.")
    desk.press("Train")
    expect(desk.view("train-panel")).to_contain_text(
        re.compile(r"training, epoch [1-9]\d* of"), timeout=60_000
    )
    desk.page.reload()
    line = desk.view("restored-line")
    expect(line).to_contain_text("cut short", timeout=60_000)
    desk.ready()
    desk.press("Continue")
    expect(desk.view("train-panel")).to_contain_text(
        re.compile(r"training, epoch [1-9]\d* of"), timeout=60_000
    )
    for index in range(RELOADS):
        desk.page.reload(wait_until="commit")
        desk.page.wait_for_timeout(100 + 400 * (index % 3))
    desk.ready()
    ended = served.seconds_until(1, 30)
    print(f"\n{RELOADS} reloads leave {len(served.kernels())} kernel, {ended:.1f} s after them")
    desk.close("reloaded")
    ended = served.seconds_until(0, 60)
    print(f"a kernel without a page has ended after {ended:.1f} s")
    assert desk.errors == []


def test_a_page_says_that_its_server_or_its_kernel_has_ended(
    browser: Browser, served: Served, tmp_path: Path
):
    desk = Desk(browser, tmp_path)
    desk.page.goto(served.address)
    desk.ready()
    banner = desk.page.get_by_role("alert")
    expect(banner).to_be_hidden()
    served.kernels()[0].kill()
    expect(banner).to_contain_text("lost its scan", timeout=30_000)
    banner.get_by_role("button", name="Load again").click()
    desk.ready()
    expect(banner).to_be_hidden()
    served.process.terminate()
    expect(banner).to_contain_text("Start stemwidgets again", timeout=30_000)
    desk.close("ended")
    assert desk.strangers == []


@pytest.mark.slow
def test_a_notebook_that_voila_shows_with_our_template_says_so_too(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    cell = nbformat.v4.new_code_cell("import ipywidgets\nipywidgets.HTML('there')")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "page.ipynb")
    monkeypatch.setenv("JUPYTER_PATH", str(Path(serve.__file__).parent / "jupyter"))
    port = find_port(0)
    command = [sys.executable, "-m", "voila", str(tmp_path / "page.ipynb"), f"--port={port}"]
    command += ["--no-browser", "--template=stemwidgets"]
    with serving(command, tmp_path, rf"http://\S+:{port}/") as address:
        desk = Desk(browser, tmp_path)
        desk.page.goto(address)
        expect(desk.page.get_by_text("there")).to_be_visible(timeout=60_000)
        desk.page.wait_for_timeout(4000)
        banner = desk.page.get_by_role("alert")
        expect(banner).to_be_hidden()
        assert desk.errors == []
    expect(banner).to_contain_text("The server has ended", timeout=30_000)
    desk.close("ended")
