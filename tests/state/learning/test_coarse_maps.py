"""While a training is watched one position stands for its block; at the end all are read."""

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
from scans import AXES, SHAPE, Pacer, turning_spot

from stemwidgets.state import ScanSession
from stemwidgets.state.channels import Channel
from stemwidgets.state.learning.comparison import compared
from stemwidgets.views.train_panel import TrainPanel

ROWS, COLUMNS = SHAPE[:2]
BLOCKS = np.ravel_multi_index(np.indices((ROWS, COLUMNS)) // 2 * 2, (ROWS, COLUMNS))
READING = "The maps of all positions are being read."


class Coarse(Pacer):
    """Shows every second position while it trains, and counts how often all are read."""

    read = 0

    def steps(self, data, pixel_size=(1.0, 1.0), faulty="find", descan="find"):
        for progress in super().steps(data, pixel_size):
            angle = progress.encoding.angle.ravel()[BLOCKS]
            yield replace(progress, encoding=replace(progress.encoding, angle=angle, shown=BLOCKS))
        self.read = 0

    def encode(self, data, descan="find"):
        self.read += 1
        return super().encode(data)


def channels(rng):
    """Angles of the COM that have nothing in common with those of their neighbours."""
    com = rng.uniform(-np.pi, np.pi, (ROWS, COLUMNS)).astype(np.float32)
    magnitude = np.ones_like(com)
    return {
        "angle": Channel("angle", com.ravel()[BLOCKS] + 0.5, "rad", "angle"),
        "COM angle": Channel("COM angle", com, "rad", "angle", magnitude),
        "COM magnitude": Channel("COM magnitude", magnitude),
    }


def test_only_positions_that_were_read_are_compared():
    maps = channels(np.random.default_rng(0))
    found = compared(maps, shown=BLOCKS)
    assert found.agreement.correlation == pytest.approx(1, abs=1e-6)
    assert found.agreement.offset == pytest.approx(-0.5, abs=1e-5)
    assert found.agreement.count == len(np.unique(BLOCKS))
    left = found.agreement.difference(found.angle.values, found.com.values)
    np.testing.assert_allclose(left, 0, atol=1e-5)
    assert compared(maps).agreement.correlation < 0.9


def test_a_position_that_stands_for_nothing_is_not_compared():
    shown = np.where(BLOCKS == 0, -1, BLOCKS)
    found = compared(channels(np.random.default_rng(0)), shown=shown)
    np.testing.assert_array_equal(np.isnan(found.com.values), shown == -1)
    assert found.agreement.count == len(np.unique(BLOCKS)) - 1


@pytest.mark.parametrize("lazy", [False, True])
def test_at_the_end_all_positions_are_read_also_of_a_lazy_scan(lazy):
    data = da.from_array(turning_spot(), chunks=(2, 3, -1, -1)) if lazy else turning_spot()
    session = ScanSession(data, AXES, make_model=Coarse)
    panel, told = TrainPanel(session), []
    status = panel.parts["status"]
    status.observe(lambda change: told.append(READING in change["new"]), "value")
    session.training.start()
    session.training.wait(10)
    session.wait(10)
    assert session.model.read == 1
    assert session.learned.encoding is session.learned.latest
    assert session.learned.latest.shown is None
    assert any(told)
    assert READING not in status.value
    assert not session.learned.reading_maps
    session.close()
