"""Every notebook runs in JupyterLab within 2 GB, and what it promises to show is drawn.

``python -m pytest -m benchmark -s tests/browser/test_notebooks.py`` prints the memory of each. CI
runs the notebooks without a browser, and the first one in ``test_notebook.py``.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, expect

from browser.desk import Desk

# Per notebook: how many pictures it prints, and the views that stay alive in it.
PROMISED = {
    "01_first_look": (1, "map-view pattern-view train-panel"),
    "02_centre_of_mass": (4, "map-view pattern-view"),
    "03_why_rotation_matters": (4, "map-view latent-view train-panel"),
    "04_rotation_invariant_vae": (3, "latent-view loss-view decoder-view"),
    "05_graphene_as_in_the_paper": (5, "map-view pattern-view"),
    "06_zincblende": (3, "map-view pattern-view"),
    "07_defects": (4, "map-view latent-view train-panel"),
    "08_how_sure": (2, "seeds-panel"),
    "09_your_own_data": (2, "calibration-panel preparation-panel"),
    "10_your_own_dashboard": (0, "map-view pattern-view readout-view"),
    "11_the_authors_workflow": (3, "preparation-panel"),
    "12_what_the_neighbours_know": (3, "spectrum-view"),
}

BINDER = 2 * 2**30  # bytes that a pod of mybinder.org has for certain

# what the notebook holds after its last cell, whatever part of it is on screen
RUN = """async () => {
  await jupyterapp.commands.execute('notebook:run-all-cells');
  const cells = jupyterapp.shell.currentWidget.content.model.sharedModel.cells;
  return cells.map(cell => cell.toJSON()).filter(cell => cell.cell_type === 'code');
}"""


def memory() -> int:
    """Bytes that JupyterLab and its kernels hold; what they share counts once for each."""
    held = 0
    with suppress(psutil.NoSuchProcess):
        for server in psutil.Process().children():
            if "jupyterlab" in server.cmdline():
                family = [server, *server.children(recursive=True)]
                held += sum(process.memory_info().rss for process in family)
    return held


@contextmanager
def watched_memory() -> Iterator[list[int]]:
    """The most memory held until the end of the block, as the last of the list."""
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            peak.append(max(peak[-1], memory()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def drawn(place: Locator) -> bool:
    """Whether an element shows a picture: neither small nor of one shade."""
    place.scroll_into_view_if_needed()
    shades = np.asarray(Image.open(io.BytesIO(place.screenshot())).convert("L"), dtype=float)
    return min(shades.shape) > 60 and shades.std() > 5


@pytest.mark.benchmark
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", PROMISED)
def test_a_notebook_shows_in_jupyterlab_what_it_promises(
    name: str, jupyterlab: str, browser: Browser, tmp_path: Path
):
    desk = Desk(browser, tmp_path)
    page = desk.page
    page.set_viewport_size({"width": 1280, "height": 9000})
    page.goto(f"{jupyterlab}doc/tree/{name}.ipynb")
    expect(page.get_by_role("button", name="| Idle")).to_be_visible(timeout=60_000)
    with watched_memory() as peak:
        cells = page.evaluate(RUN)
    print(f"\n{name}: JupyterLab and kernel {peak[-1] / 2**20:.0f} MiB")
    assert 0 < peak[-1] < BINDER
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"] == []
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))

    desk.settle()
    page.screenshot(path=tmp_path / f"{name}.png")
    pictures, views = PROMISED[name]
    shown = page.locator(".jp-RenderedImage img")
    expect(shown).to_have_count(pictures)
    assert all(drawn(picture) for picture in shown.all())
    for view in views.split():
        expect(desk.view(view)).to_be_visible()
    for picture in page.locator(".bqplot:visible").all():
        assert drawn(picture)
    page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")
    desk.context.close()
    assert desk.errors == []
    assert desk.strangers == []
