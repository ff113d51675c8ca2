"""One Voila and one JupyterLab for all browser tests, and a Chromium kept off the network."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hyperspy.api as hs
import nbformat
import numpy as np
import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from scipy.ndimage import zoom

import stemwidgets as sw
from browser.desk import Desk
from stemwidgets.cli.serve import find_port

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# the same page from both servers; that of JupyterLab takes longest to open
SERVERS = ["voila", pytest.param("jupyterlab", marks=pytest.mark.slow)]

SAMPLE = "import stemwidgets as sw\n\nscan = sw.samples.graphene()"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """In CI, a browser test that is skipped has failed."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome, report.longrepr = "failed", f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium; gone after these tests, with the event loop that Playwright keeps running."""
    found = [path for name in CHROMIUM_NAMES if (path := shutil.which(name))]
    if not found:
        pytest.skip("no Chromium: install it with 'apt-get install chromium'")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=found[0], args=CHROMIUM_FLAGS)


@contextmanager
def serving(command: list[str], folder: Path, address: str) -> Iterator[str]:
    """Run a server until the end of the block, and see that it ends cleanly."""
    log = folder / "server.log"
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    with log.open("w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        deadline = time.monotonic() + 60
        while (found := re.search(address, log.read_text())) is None:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield found[0]
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0, log.read_text()
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="package")
def voila(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of ``stemwidgets demo``."""
    command = [sys.executable, "-m", "stemwidgets.cli", "demo", "--no-browser", "--port", "0"]
    with serving(command, tmp_path_factory.mktemp("voila"), r"http://127\S+") as address:
        yield address


@pytest.fixture(scope="package")
def exploring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of ``stemwidgets demo --explore``."""
    command = [sys.executable, "-m", "stemwidgets.cli", "demo", "--explore"]
    command += ["--no-browser", "--port", "0"]
    with serving(command, tmp_path_factory.mktemp("exploring"), r"http://127\S+") as address:
        yield address


@pytest.fixture(scope="package")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a JupyterLab with the dashboard and the project's notebooks."""
    folder = tmp_path_factory.mktemp("jupyterlab")
    shutil.copytree(Path(__file__).parents[2] / "notebooks", folder / "notebooks")
    pages = {"dashboard": "rrvae_dashboard(scan)", "explore": "explore(scan)"}
    pages |= {"prepare": "prepare(scan)", "present": "explore(scan, mode='present')"}
    with lab(folder, {name: f"{SAMPLE}\nsw.{page}" for name, page in pages.items()}) as address:
        yield address


@contextmanager
def lab(folder: Path, cells: dict[str, str]) -> Iterator[str]:
    """Address of a JupyterLab with notebooks of one cell each, and those in the folder."""
    notebooks = folder / "notebooks"
    notebooks.mkdir(exist_ok=True)
    for name, cell in cells.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, notebooks / f"{name}.ipynb")
    news = folder / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    news.parent.mkdir(parents=True, exist_ok=True)
    news.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    port = find_port(0)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"]
    command += ["--allow-root", "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token="]
    command += ["--ServerApp.disable_check_xsrf=True"]  # for what tests ask of its interface
    command += [f"--notebook-dir={notebooks}", "--LabApp.extension_manager=readonly"]
    with serving(command, folder, rf"http://127\.0\.0\.1:{port}/") as address:
        yield address


def fresh_notebook(desk: Desk, address: str, name: str) -> str:
    """Address of a notebook with the dashboard that no page has shown; ends earlier kernels."""
    ask = desk.page.request
    for session in ask.get(f"{address}api/sessions").json():
        assert ask.delete(f"{address}api/sessions/{session['id']}").ok
    notebook = ask.get(f"{address}api/contents/dashboard.ipynb").json()["content"]
    notebook["cells"] = [{**cell, "outputs": []} for cell in notebook["cells"]]
    copy = {"type": "notebook", "content": notebook}
    assert ask.put(f"{address}api/contents/{name}.ipynb", data=copy).ok
    return f"{address}doc/tree/{name}.ipynb"


def open_notebook(desk: Desk, address: str) -> None:
    """Open a notebook in JupyterLab and run it."""
    desk.page.goto(address)
    expect(desk.page.get_by_role("button", name="| Idle")).to_be_visible(timeout=60_000)
    # not awaited: it ends with the last cell
    desk.page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")


@pytest.fixture(scope="module", params=SERVERS)
def desk(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """The rrVAE dashboard for the tests of a file; nothing may go wrong in the browser."""
    address = request.getfixturevalue(request.param)
    desk = Desk(browser, tmp_path_factory.mktemp("desk"))
    if request.param == "voila":
        desk.page.goto(address)
    else:
        open_notebook(desk, fresh_notebook(desk, address, request.path.stem))
    desk.ready()
    yield desk
    desk.close(f"{request.path.stem}-{request.param}")
    assert desk.errors == []
    assert desk.strangers == []


@pytest.fixture(scope="module")
def explored(
    request: pytest.FixtureRequest,
    browser: Browser,
    exploring: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Desk]:
    """The page that looks first, likewise, in Voila."""
    desk = Desk(browser, tmp_path_factory.mktemp("explored"))
    desk.page.goto(exploring)
    desk.ready()
    yield desk
    desk.close(request.path.stem)
    assert desk.errors == []
    assert desk.strangers == []


@pytest.fixture(scope="package")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File of a scan of 128×128 patterns of 128×128 pixels."""
    source = np.asarray(sw.samples.graphene().data, dtype=float)
    cell = zoom(source, (1, 1, *(128 / size for size in source.shape[2:])), order=1, mode="nearest")
    cell = np.clip(cell, 0, None)
    cell *= 1e4 / cell.sum(axis=(2, 3), keepdims=True)
    rng = np.random.default_rng(0)
    counts = np.empty((128,) * 4, dtype=np.uint8)
    for iy, ix in np.ndindex(128, 128):
        expected = cell[iy % cell.shape[0], ix % cell.shape[1]]
        counts[iy, ix] = np.minimum(rng.poisson(expected), 255)
    path = tmp_path_factory.mktemp("scan") / "scan.hspy"
    signal = hs.signals.Signal2D(counts)
    signal.save(path, compression=None, chunks=(8, 8, 128, 128))
    return path
