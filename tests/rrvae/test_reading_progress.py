"""A training tells how much of a large scan it has read, and can be stopped there."""

import math
import time

import dask.array as da
import pytest
from scans import AXES, turning_spot

import stemwidgets as sw
from stemwidgets.arrays import blocks
from stemwidgets.rrvae import RRVAE, fitting
from stemwidgets.rrvae import progress as watch
from stemwidgets.state import ScanSession
from stemwidgets.views.train_panel import TrainPanel

KINDS = {"harmonic": {}, "paper": {"kind": "paper", "epochs": 2}}


@pytest.fixture
def large(monkeypatch):
    """Every scan is large enough to be told of, and not read ahead."""
    monkeypatch.setattr(blocks, "AHEAD_BYTES", 1)
    monkeypatch.setattr(fitting, "LARGE", 0)
    monkeypatch.setattr(watch, "SECONDS_BETWEEN_READINGS", 0.0)


def in_chunks(pause=0.0):
    data = turning_spot()

    def slowly(block):
        time.sleep(pause)
        return block

    chunks = da.from_array(data, chunks=(1, 2, -1, -1))
    return chunks.map_blocks(slowly, dtype=data.dtype, meta=data[:0])


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_how_much_has_been_read_is_told_before_the_first_loss(large, options):
    told = list(RRVAE(seed=0, **options).steps(in_chunks(), maps=False))
    reading = [progress for progress in told if progress.read < 1]
    assert told[: len(reading)] == reading
    assert len(reading) >= 3
    shares = [progress.read for progress in reading]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.5 <= shares[-1]
    assert all(math.isnan(progress.loss) for progress in reading)
    assert all(math.isfinite(progress.loss) for progress in told[len(reading) :])


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_what_is_left_while_reading_can_begin_again(large, options):
    model = RRVAE(seed=0, **options)
    steps = model.steps(in_chunks())
    assert next(steps).read < 1
    steps.close()
    assert not model.trained
    again = model.fit(turning_spot()).encode(turning_spot())
    straight = RRVAE(seed=0, **options).fit(turning_spot()).encode(turning_spot())
    assert (again.angle == straight.angle).all()


def test_of_a_small_scan_nothing_is_told():
    assert all(progress.read == 1 for progress in RRVAE(seed=0).steps(in_chunks()))


def test_stop_does_not_wait_for_the_reading(large):
    session = ScanSession(in_chunks(pause=0.05), AXES)
    panel = TrainPanel(session)
    session.wait(30)
    session.training.start(seed=0)
    end = time.monotonic() + 20
    while session.training.progress is None and time.monotonic() < end:
        session.mailbox.drain()
        time.sleep(0.01)
    assert "of the scan read" in panel.parts["status"].value
    assert 0 < panel.parts["progress"].value < 1
    asked = time.monotonic()
    session.training.stop()
    session.training.wait(20)
    assert time.monotonic() - asked < 2
    assert session.training.status == "stopped"
    assert session.training.history == ()
    assert session.model is None
    session.close()


def test_seeds_and_scripts_take_no_notice(large):
    session = sw.Session(turning_spot())
    session.seeds.start(2)
    session.seeds.wait(60)
    assert len(session.seeds.trained) == 2
    assert all(math.isfinite(loss) for one in session.seeds.trained for _, loss in one.history)
    session.close()
