"""Running a cell again frees what it showed before; what is still shown or used stays."""

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances
from jupyter_client.manager import start_new_kernel

import stemwidgets as sw

SCAN = np.random.default_rng(0).poisson(5, (6, 7, 16, 16)).astype("u2")
BEFORE = """
import os
os.environ["STEMWIDGETS_CACHE"] = ""
import gc, psutil, threading, time
import numpy as np, ipywidgets, stemwidgets as sw
from ipywidgets.widgets.widget import _instances
from IPython.display import display
from stemwidgets.state.session import ScanSession
scan = np.random.default_rng(0).poisson(5, (6, 7, 16, 16)).astype("u2")
np.save("{path}", scan)
path = "{path}"

def there():
    gc.collect()
    sessions = sum(ScanSession in type(one).__mro__ for one in gc.get_objects())
    comms = len(get_ipython().kernel.comm_manager.comms)
    memory = psutil.Process().memory_info().rss / 1e6
    print(len(_instances), sessions, comms, threading.active_count(), round(memory))
"""

AGAIN = {  # cells that are run again and again
    "a page": ["sw.explore(path)"],
    "a page with a name": ["page = sw.rrvae_dashboard(path)\npage"],
    "a page with a name, shown by a second cell": ["page = sw.explore(path)", "page"],
    "a page that is not shown": ["page = sw.explore(path)"],
    "a page that is displayed": ["display(sw.prepare(path))"],
    "a page of an own session": ["session = sw.Session(path)\nsw.explore(session)"],
    "pages of a session of another cell": ["session = sw.Session(path)", "sw.explore(session)"],
    "two pages of one session": ["page = sw.prepare(path)", "sw.explore(page.session)"],
    "views": ["s = sw.Session(path)\nipywidgets.VBox([sw.MapView(s), sw.PatternView(s)])"],
    "a page in a box": ["ipywidgets.VBox([sw.explore(path)])"],
    "a page that trains": [
        "page = sw.explore(path)\npage.session.training.start(epochs=999)\npage"
    ],
}


class Notebook:
    """A kernel, and cells that are run in it."""

    def __init__(self, client) -> None:
        self.client = client

    def run(self, code: str, cell: str = "") -> str:
        """What a cell prints."""
        content = {"code": code, "silent": False, "store_history": True}
        message = self.client.session.msg(
            "execute_request", content, metadata={"cellId": cell} if cell else None
        )
        self.client.shell_channel.send(message)
        printed = ""
        while True:
            answer = self.client.get_iopub_msg(timeout=60)
            if answer["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            content, kind = answer["content"], answer["msg_type"]
            assert kind != "error", "\n".join(content["traceback"])
            printed += content["text"] if kind == "stream" and content["name"] == "stdout" else ""
            if kind == "status" and content["execution_state"] == "idle":
                return printed

    def there(self) -> list[int]:
        """Numbers of widgets, sessions, comms and threads, and the memory in MB."""
        return [int(word) for word in self.run("there()").split()]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory) -> Iterator[Notebook]:
    manager, client = start_new_kernel()
    notebook = Notebook(client)
    notebook.run(BEFORE.format(path=tmp_path_factory.mktemp("scan") / "scan.npy"))
    yield notebook
    client.stop_channels()
    manager.shutdown_kernel(now=True)


OFTEN = ("a page", "a page with a name")  # what is run ten times, the others three times


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("identified", [True, False], ids=["JupyterLab", "no names of cells"])
def test_ten_runs_of_a_cell_leave_what_one_leaves(notebook, identified):
    print("\nwidgets, sessions, comms, threads, MB after one run, half of them and all")
    for kind, cells in AGAIN.items():
        states = []
        runs = 10 if kind in OFTEN else 3
        for _ in range(runs):
            for number, code in enumerate(cells):
                notebook.run(code, f"{kind} {number}" if identified else "")
            states.append(notebook.there())
        print(f"{kind:45s}", states[0], states[runs // 2], states[-1])
        assert states[-1][:3] == states[0][:3], kind
        assert states[-1][3] <= states[1][3] + 1, kind  # a pool may have begun
        if runs == 10:
            assert states[-1][4] < states[4][4] + 50, kind  # the first ones load torch aside


def test_a_cell_that_is_run_again_frees_what_it_showed(notebook):
    cells = ["page = sw.prepare(path)", "page", "sw.explore(path)"]
    for number, code in enumerate(cells):
        notebook.run(code, str(number))
    first = notebook.there()
    for number, code in enumerate(cells):
        notebook.run(code, str(number))
    assert notebook.there()[:3] == first[:3]


STAYS = {  # a cell that is run again, another one that was run between, and what has to be true
    "is shown by another cell": (
        "page = sw.MapView(sw.Session(path))\npage",
        "old = id(page)\ndisplay(page)",
    ),
    "is in a box of another cell": (
        "page = sw.MapView(sw.Session(path))\npage",
        "old = id(page)\nbox = ipywidgets.VBox([page])\ndisplay(box)",
    ),
    "was put into a box that is older": (
        "page = sw.MapView(sw.Session(path))\npage",
        "old = id(page)\nolder.children = [page]",
    ),
    "is held by a variable": (
        "page = sw.MapView(sw.Session(path))\npage",
        "old = id(page)\nkept = page",
    ),
    "is held by a list": (
        "page = sw.MapView(sw.Session(path))\npage",
        "old = id(page)\nlisted = [page]",
    ),
}


def test_what_is_shown_or_used_elsewhere_stays(notebook):
    notebook.run("older = ipywidgets.VBox()\nolder", "older")
    for why, (cell, other) in STAYS.items():
        notebook.run(cell, why)
        notebook.run(other, f"{why}, other")
        notebook.run(cell, why)
        notebook.run("found = [w for w in _instances.values() if id(w) == old]\nassert found", "f")
        notebook.run("assert found[0].session.pattern is not None\ndel found", "g")


def test_a_session_lives_as_long_as_a_page_shows_it(notebook):
    notebook.run("page = sw.prepare(path)\npage", "prepare")
    notebook.run("other = sw.explore(page.session)\nother", "explore")
    notebook.run("page = sw.prepare(path)\npage", "prepare")
    notebook.run("other.session.position = (1, 2)\nassert other.session.pattern is not None", "a")
    notebook.run("gone = other.session\nother.close()\nassert gone.closed", "b")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    monkeypatch.setenv("STEMWIDGETS_CACHE", "")


@pytest.mark.parametrize("make", [sw.explore, sw.prepare, sw.rrvae_dashboard])
def test_closing_a_page_frees_session_scan_and_widgets(make):
    there, data = len(_instances), SCAN.copy()
    page = make(data)
    session, scan = weakref.ref(page.session), weakref.ref(data)
    assert len(_instances) > there + 100
    page.close()
    del data
    gc.collect()
    assert len(_instances) == there
    assert session() is None
    assert scan() is None
    with pytest.raises(sw.InputError, match="page is closed"):
        page.session.position = (1, 1)
    page.close()


def test_a_closed_session_says_so_and_still_tells_what_was_found():
    page = sw.explore(SCAN)
    session = page.session
    session.position = (2, 3)
    page.close()
    uses = [
        lambda: setattr(session, "position", (1, 1)),
        lambda: setattr(session, "detector", sw.DiscDetector((8, 8), 3)),
        lambda: session.training.start(),
        lambda: session.seeds.start(),
        lambda: session.decomposition.start("PCA", 2),
        lambda: session.calibration.start(),
        lambda: session.export("somewhere"),
        lambda: session.as_code(),
        lambda: session.scan.data[0, 0],
        lambda: np.asarray(session.scan.data),
        lambda: session.scan.data.shape,
        lambda: sw.explore(session),
        lambda: sw.MapView(session),
    ]
    for use in uses:
        with pytest.raises(sw.InputError, match="session is closed"):
            use()
    np.testing.assert_array_equal(session.channels["sum"].values, SCAN.sum(axis=(2, 3)))
    session.close()


def test_a_session_closes_its_views_and_a_view_only_itself():
    there = len(_instances)
    session = sw.Session(SCAN)
    views = [sw.MapView(session), sw.PatternView(session)]
    page = sw.explore(session)
    views[0].close()
    session.position = (1, 1)
    page.close()
    session.position = (2, 2)
    assert session.pattern[0, 0] == SCAN[2, 2, 0, 0]
    session.close()
    assert len(_instances) == there
