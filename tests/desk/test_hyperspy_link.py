"""HyperSpy opens our page for its signals, and its navigator moves with the session."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest
from scans import AXES, SHAPE, turning_spot

import stemwidgets as sw
from stemwidgets.arrays.axes import Axis
from stemwidgets.signals.conversion import arrays_to_signal
from stemwidgets.signals.signal_type import DiffractionScan

ROOT = Path(__file__).parents[2]


@pytest.fixture
def linked():
    signal = arrays_to_signal(turning_spot(), AXES, "spot")
    signal.axes_manager.indices = (4, 1)
    session = sw.Session(signal)
    following = session.follow(signal)
    yield session, signal, following
    session.close()


def test_both_move_together_and_nothing_comes_back(linked):
    session, signal, _ = linked
    assert session.position == (1, 4)
    moves, places = [], []
    signal.axes_manager.events.indices_changed.connect(lambda: moves.append(1), [])
    session.observe(lambda change: places.append(change["new"]), "position")
    signal.axes_manager.indices = (5, 3)
    assert session.position == (3, 5)
    session.position = (2, 0)
    assert signal.axes_manager.indices == (0, 2)
    np.testing.assert_array_equal(signal.get_current_signal().data, session.pattern)
    session.position = (2, 0)
    assert (len(moves), places) == (2, [(3, 5), (2, 0)])


def test_a_scan_whose_axes_are_swapped_is_followed_too():
    signal = hs.signals.Signal2D(turning_spot().swapaxes(0, 1))
    for axis, name in zip(signal.axes_manager.navigation_axes, "yx", strict=True):
        axis.name = name
    session = sw.Session(signal)
    session.follow(signal)
    session.position = (3, 5)
    assert signal.axes_manager.indices == (3, 5)
    np.testing.assert_array_equal(signal.get_current_signal().data, session.pattern)
    session.close()


def test_a_link_that_is_closed_moves_nothing(linked):
    session, signal, following = linked
    following.close()
    following.close()
    session.position = (0, 0)
    assert signal.axes_manager.indices == (4, 1)
    signal.axes_manager.indices = (2, 2)
    assert session.position == (0, 0)


@pytest.mark.parametrize(
    "other",
    [
        lambda: np.zeros(SHAPE),
        lambda: hs.signals.Signal2D(np.zeros(SHAPE[2:])),
        lambda: arrays_to_signal(turning_spot()[:3], AXES._replace(scan_y=Axis(3))),
    ],
)
def test_what_is_not_navigated_over_the_scan_is_refused(linked, other):
    with pytest.raises(sw.InputError, match=r"HyperSpy signal|navigated over the scan of 4 × 6"):
        linked[0].follow(other())


def test_hyperspy_finds_type_and_page_where_stemwidgets_is_installed(tmp_path):
    installed = tmp_path / "stemwidgets-0.dist-info"
    installed.mkdir()
    (installed / "entry_points.txt").write_text("[hyperspy.extensions]\nstemwidgets = stemwidgets")
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: stemwidgets\nVersion: 0\n")
    code = """
        import warnings
        warnings.simplefilter("ignore")
        import hyperspy.api as hs, numpy as np, stemwidgets as sw
        for lazy in (False, True):
            signal = hs.signals.Signal2D(np.random.default_rng(0).poisson(9, (4, 6, 18, 15)))
            signal = signal.as_lazy() if lazy else signal
            signal.set_signal_type("diffraction_scan")
            gui = signal.explore(display=False)["ipywidgets"]
            gui["widget"].session.wait(30)
            signal.axes_manager.indices = (5, 2)
            assert gui["widget"].session.position == (2, 5)
            assert gui["wdict"]["map"] is gui["widget"].parts["map"]
            print(type(signal).__name__, gui["widget"].session.scan.shape)
            gui["widget"].session.close()
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = ["DiffractionScan (4, 6, 18, 15)", "LazyDiffractionScan (4, 6, 18, 15)"]
    assert found.stdout.splitlines() == lines, found.stderr


def test_such_a_scan_is_taken_as_any_other():
    signal = DiffractionScan(turning_spot())
    session = sw.Session(signal)
    np.testing.assert_array_equal(session.scan.data, turning_spot())
    session.close()
