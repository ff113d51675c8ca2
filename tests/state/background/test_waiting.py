"""An interrupt, Ctrl-C or a notebook's Stop, ends what one waits for, and what it found stays."""

import signal
import threading
import time

import numpy as np
import pytest
from rotated_patterns import harmonic, rotated_patterns
from scans import Pacer, turning_spot

import stemwidgets as sw
from stemwidgets.arrays.cancel import noted_interrupts
from stemwidgets.state import ScanSession
from stemwidgets.state.scan.decomposition import METHODS

SCAN = rotated_patterns(harmonic, n=300, dose=2e4, seed=1, size=17).patterns.reshape(15, 20, 17, 17)
LONG = {"kind": "paper", "epochs": 100_000}


def interrupt_when(ready) -> threading.Thread:
    """Press Ctrl-C once something is so and the main thread waits."""

    def waits() -> bool:
        return signal.getsignal(signal.SIGINT) is not signal.default_int_handler

    def press() -> None:
        end = time.monotonic() + 60
        while not (ready() and waits()) and time.monotonic() < end:
            time.sleep(0.01)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


@pytest.fixture
def session():
    session = sw.Session(SCAN)
    yield session
    session.close()


def test_an_interrupted_wait_stops_the_training_and_keeps_what_it_learned(session):
    training = session.training
    training.start(**LONG)
    press = interrupt_when(lambda: training.history)
    with pytest.raises(KeyboardInterrupt, match=r"was stopped.*stays.*go_on"):
        training.wait()
    press.join()
    assert training.status == "stopped"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    session.wait(60)
    assert session.model.encode(SCAN).angle.shape == SCAN.shape[:2]
    assert training.resumable
    training.start(kind="paper", epochs=3)
    training.wait(60)


def test_an_interrupt_while_the_scan_is_awaited_stops_the_training_too(session, monkeypatch):
    session.training.start(**LONG)
    monkeypatch.setattr(type(session.calibration), "busy", True)
    press = interrupt_when(lambda: session.training.history)
    with pytest.raises(KeyboardInterrupt, match=r"training was stopped.*Reading goes on"):
        session.wait()
    press.join()
    assert session.training.status == "stopped"


def test_an_interrupted_wait_for_seeds_keeps_those_that_are_done(session):
    seeds = session.seeds
    seeds.start(20)
    press = interrupt_when(lambda: seeds.trained)
    with pytest.raises(KeyboardInterrupt, match="Seeds that are done are kept"):
        seeds.wait()
    press.join()
    assert seeds.status == "stopped"
    assert 1 <= len(seeds.trained) < 20


def test_an_interrupted_wait_gives_up_a_decomposition(session, monkeypatch):
    going = threading.Event()
    monkeypatch.setitem(METHODS, "PCA", lambda *_: going.wait(30))
    session.decomposition.start("PCA", 2)
    press = interrupt_when(lambda: session.decomposition.running)
    with pytest.raises(KeyboardInterrupt, match="given up"):
        session.decomposition.wait()
    going.set()
    press.join()
    assert session.decomposition.status == "idle"
    assert session.decomposition.shown == ()


@pytest.mark.parametrize("kind", ["harmonic", "paper"])
def test_an_interrupted_fit_leaves_a_model_that_goes_on(kind, tmp_path):
    model = sw.RRVAE(kind=kind, epochs=None if kind == "harmonic" else 100_000)
    file = tmp_path / "checkpoint.rrvae" if kind == "paper" else None
    began, steps = threading.Event(), model.steps

    def watched(*arguments, **options):
        for progress in steps(*arguments, **options):
            if progress.read == 1 and progress.epoch:
                began.set()
            yield progress

    model.steps = watched
    press = interrupt_when(began.is_set)
    with pytest.raises(KeyboardInterrupt, match="what was learned stays"):
        model.fit(SCAN, checkpoint=file)
    press.join()
    assert np.isfinite(model.encode(SCAN).angle).mean() > 0.9
    assert model.resumable
    if file is not None:
        assert sw.RRVAE.resume(file).resumable


def test_an_interrupt_never_cuts_an_answer_short():
    """A callback that a wait runs ends; the interrupt comes after it."""
    session = ScanSession(turning_spot(), make_model=Pacer)
    ended = []

    def answer() -> None:
        signal.raise_signal(signal.SIGINT)
        ended.append(True)

    thread = threading.Thread(target=lambda: session.mailbox.post("answer", answer))
    thread.start()
    thread.join()
    with pytest.raises(KeyboardInterrupt):
        session.wait(10)
    assert ended
    session.close()


def test_a_second_interrupt_is_raised_and_a_handler_of_others_stays():
    with noted_interrupts() as asked:
        signal.raise_signal(signal.SIGINT)
        assert asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(True))
    try:
        with noted_interrupts() as asked:
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard
    assert not asked
