"""Work that nobody wants any more is given up."""

import threading
import time

import dask.array as da
import numpy as np
import pytest
from rotated_patterns import harmonic, rotated_patterns
from scans import AXES, Pacer, turning_spot

from stemwidgets.arrays import blocks
from stemwidgets.arrays.blocks import iterate_blocks, read_blocks
from stemwidgets.arrays.cancel import Interrupted, give_up_if_unwanted, interruptible
from stemwidgets.arrays.detectors import DiscDetector
from stemwidgets.rrvae import RRVAE
from stemwidgets.rrvae.encoding import ROWS
from stemwidgets.state import ScanSession

DATA = np.ones((5, 2, 8, 8), np.float32)
ROW = DATA[0].nbytes


@pytest.mark.parametrize("walk", [iterate_blocks, lambda d, b: read_blocks(d, np.sum, b)])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_walk_through_patterns_ends_at_the_next_block(walk, lazy, monkeypatch):
    monkeypatch.setattr(blocks, "AHEAD_BYTES", 1)
    data = da.from_array(DATA, chunks=(1, -1, -1, -1)) if lazy else DATA
    seen = []
    blocks_of_data = walk(data, ROW)
    with interruptible(lambda: len(seen) == 2):
        seen += [next(blocks_of_data) for _ in range(2)]
        with pytest.raises(Interrupted):
            next(blocks_of_data)


def test_nothing_is_given_up_outside():
    with interruptible(lambda: True):
        pass
    assert len(list(iterate_blocks(DATA, ROW))) == 5


def test_encoding_is_given_up_between_its_parts():
    few = rotated_patterns(harmonic, n=300, dose=2e4, seed=1, size=33).patterns
    model = RRVAE(seed=0).fit(few)
    asked = []

    def unwanted() -> bool:
        asked.append(threading.get_ident())
        return len(asked) > 2

    with interruptible(unwanted), pytest.raises(Interrupted):
        model.encode(np.concatenate([few] * (1 + 8 * ROWS // len(few))))
    assert len(asked) < 9


class Slow(Pacer):
    """A model whose maps take ten seconds once it is trained, unless they are given up."""

    began, gave_up = threading.Event(), threading.Event()

    def encode(self, data, descan="find"):
        maps = super().encode(data)
        if self.closed:
            self.began.set()
            try:
                for _ in range(1000):
                    time.sleep(0.01)
                    give_up_if_unwanted()
            except Interrupted:
                self.gave_up.set()
                raise
        return maps


@pytest.fixture
def reading():
    """A session that reads the maps of a trained model."""
    Slow.began.clear()
    Slow.gave_up.clear()
    session = ScanSession(turning_spot(), AXES, make_model=Slow)
    session.training.start()
    session.training.wait(10)
    session.mailbox.drain()
    assert Slow.began.wait(10)
    yield session
    session.close()


def test_a_new_training_gives_up_reading_the_old_maps(reading):
    reading.training.start(pace=0.02, steps=1000)
    assert Slow.gave_up.wait(1)
    assert reading.problem == ""


def test_an_adopted_model_gives_them_up(reading):
    model = Pacer()
    model.shape = reading.scan.shape
    reading.learned.adopt(model, model.encode(reading.scan.data))
    assert Slow.gave_up.wait(1)


def test_closing_does_not_wait_for_them(reading):
    began = time.monotonic()
    reading.close()
    assert Slow.gave_up.is_set()
    assert time.monotonic() - began < 3


def test_a_detector_does_not_wait_for_them(reading):
    reading.detector = DiscDetector((2.0, 2.0), 1.0)
    deadline = time.monotonic() + 5
    while "virtual detector" not in reading.channels and time.monotonic() < deadline:
        reading.mailbox.drain()
        time.sleep(0.01)
    assert "virtual detector" in reading.channels
    assert not Slow.gave_up.is_set()
