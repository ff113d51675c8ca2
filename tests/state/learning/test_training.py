import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scans import AXES, Pacer, turning_spot

from stemwidgets.arrays.errors import InputError
from stemwidgets.state import ScanSession, Training
from stemwidgets.state.background.worker import Mailbox
from stemwidgets.state.scan.scan import Scan


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES, make_model=Pacer)
    yield session
    session.close()


def test_a_training_runs_to_its_end_and_keeps_its_history(session):
    session.training.start(steps=5)
    session.training.wait(10)
    assert session.training.status == "finished"
    assert session.training.progress.epoch == 5
    assert session.training.history == tuple((n, 10.0 / n) for n in range(1, 6))
    assert session.model.trained
    assert session.model.pixel_size == (0.05, 0.04)


def test_training_brings_maps_and_their_comparison_with_the_centre_of_mass(session):
    session.training.start(latent_dim=3)
    session.training.wait(10)
    assert {"angle", "confidence", "residual", "z1", "z2", "z3"} <= set(session.channels)
    assert session.channels["angle"].confidence is not None
    assert "offset" in session.learned.comparison


def test_a_second_training_with_fewer_latents_leaves_no_old_ones(session):
    session.training.start(latent_dim=3)
    session.training.wait(10)
    session.training.start(latent_dim=1)
    session.training.wait(10)
    assert "z1" in session.channels
    assert "z2" not in session.channels


def test_the_reconstruction_follows_the_position(session):
    assert session.reconstruction is None
    session.training.start()
    session.training.wait(10)
    session.position = (3, 0)
    first = session.reconstruction
    session.position = (1, 0)
    np.testing.assert_allclose(first - session.reconstruction, 2.0)


def test_the_mean_reconstruction_is_that_of_all_positions(session):
    session.training.start()
    session.training.wait(10)
    session.wait(10)
    patterns = []
    for iy in range(4):
        for ix in range(6):
            session.position = (iy, ix)
            patterns.append(session.reconstruction)
    np.testing.assert_allclose(
        session.learned.mean_reconstruction, np.mean(patterns, axis=0), rtol=1e-5
    )


def test_a_new_training_takes_the_old_reconstruction_away(session):
    session.training.start()
    session.training.wait(10)
    assert session.reconstruction is not None
    session.training.start(pace=0.02, steps=50)
    assert session.reconstruction is None
    assert session.model is None


def test_stop_closes_the_generator_and_keeps_what_was_learned(session):
    session.training.start(pace=0.02, steps=1000)
    while session.training.progress is None:
        session.mailbox.drain()
    session.training.stop()
    assert session.training.stopping
    begin = time.monotonic()
    session.training.wait(5)
    assert not session.training.stopping
    assert time.monotonic() - begin < 0.5
    assert session.training.status == "stopped"
    assert session.model.closed
    session.wait(5)
    assert session.reconstruction is not None


def test_pause_holds_and_resume_goes_on(session):
    training = session.training
    training.start(pace=0.02, steps=40)
    training.pause()
    assert training.status == "paused"
    time.sleep(0.1)
    session.mailbox.drain()
    held = training.progress.epoch
    time.sleep(0.15)
    session.mailbox.drain()
    assert training.progress.epoch == held
    training.resume()
    training.wait(10)
    assert training.progress.epoch == 40


def test_a_paused_training_can_be_stopped(session):
    session.training.start(pace=0.01, steps=1000)
    session.training.pause()
    session.training.stop()
    session.training.wait(5)
    assert session.training.status == "stopped"


def test_a_second_start_while_one_runs_is_refused_in_words(session):
    session.training.start(pace=0.02, steps=1000)
    with pytest.raises(InputError, match="already running"):
        session.training.start()
    assert session.training.active


def test_wait_gives_up_after_its_timeout_without_ending_the_training(session):
    session.training.start(pace=0.02, steps=1000)
    with pytest.raises(TimeoutError, match="running"):
        session.training.wait(0.1)
    assert session.training.active


def test_a_failure_is_kept_shown_and_raised(session):
    session.training.start(nonsense=1)
    with pytest.raises(TypeError, match="nonsense"):
        session.training.wait(10)
    assert session.training.status == "failed"
    assert "nonsense" in session.problem


def test_a_failure_amid_steps_keeps_the_history():
    class Breaking(Pacer):
        def steps(self, data, pixel_size=(1.0, 1.0), faulty="find", descan="find"):
            yield from list(super().steps(data, pixel_size))[:2]
            raise InputError("the loss is not a number")

    training = Training(Scan(turning_spot()), Mailbox(print), Breaking)
    training.start()
    with pytest.raises(InputError, match="not a number"):
        training.wait(10)
    assert len(training.history) == 2


def test_after_a_failure_a_new_start_clears_the_problem(session):
    session.training.start(nonsense=1)
    with pytest.raises(TypeError):
        session.training.wait(10)
    session.training.start()
    assert session.problem == ""
    session.training.wait(10)
    assert session.training.status == "finished"


class Learner(Pacer):
    """Goes on where it stands."""

    resumable = True
    done = 0

    def steps(self, data, pixel_size=(1.0, 1.0), faulty="find", descan="find"):
        for progress in super().steps(data, pixel_size):
            self.done += 1
            yield replace(progress, epoch=self.done, epochs=self.done + 5 - progress.epoch)


def test_going_on_trains_the_same_model_and_lengthens_the_history():
    session = ScanSession(turning_spot(), AXES, make_model=Learner)
    training = session.training
    assert not training.resumable
    training.start()
    assert not training.resumable
    training.wait(10)
    model = session.model
    assert training.resumable
    training.go_on()
    assert session.model is None
    training.wait(10)
    assert session.model is training.model is model
    assert [epoch for epoch, _ in training.history] == list(range(1, 11))
    assert "angle" in session.channels
    training.start()
    training.wait(10)
    assert session.model is not model
    assert len(training.history) == 5
    session.close()


def test_only_a_model_that_can_goes_on(session):
    with pytest.raises(InputError, match="no training that could go on"):
        session.training.go_on()
    session.training.start(pace=0.02, steps=1000)
    with pytest.raises(InputError, match="already running"):
        session.training.go_on()
    session.training.stop()
    session.training.wait(5)
    assert not session.training.resumable
    with pytest.raises(InputError, match="start a new one"):
        session.training.go_on()


@pytest.mark.parametrize("kind", ["paper", "vae"])
def test_a_network_that_was_stopped_goes_on_to_its_end(kind):
    session = ScanSession(turning_spot(), AXES)
    training = session.training
    training.start(kind=kind, centered=True, epochs=40)
    while training.progress is None:
        session.mailbox.drain()
    training.stop()
    training.wait(20)
    stopped = training.progress.epoch
    training.go_on()
    training.wait(60)
    assert stopped <= training.progress.epoch == 40
    training.go_on()
    training.wait(60)
    assert training.progress.epoch == training.progress.epochs == 80
    session.close()


def test_closing_a_session_ends_its_training(session):
    session.training.start(pace=0.02, steps=1000)
    model_before = session.training
    session.close()
    assert model_before._puller.join(0)


def test_warming_up_makes_a_model_in_the_background():
    threads = []

    class Cold(Pacer):
        def __init__(self):
            threads.append(threading.current_thread())
            super().__init__()

    training = Training(Scan(turning_spot()), Mailbox(print), Cold)
    training.warm_up()
    while training.warming:
        time.sleep(0.01)
    [thread] = threads
    assert thread is not threading.current_thread()
    assert training.status == "idle"
    assert training.model is None


def test_a_failed_warm_up_stays_silent_until_the_training_fails():
    def make_model(**options):
        raise ImportError("no torch here")

    session = ScanSession(turning_spot(), AXES, make_model=make_model)
    session.training.warm_up()
    while session.training.warming:
        time.sleep(0.01)
    session.mailbox.drain()
    assert session.problem == ""
    session.training.start()
    with pytest.raises(ImportError):
        session.training.wait(10)
    assert "no torch here" in session.problem


def test_after_the_warm_up_a_training_loads_nothing_more_of_torch():
    code = """
import sys, time
from scans import turning_spot
from stemwidgets.state import ScanSession

session = ScanSession(turning_spot())
training = session.training
assert "torch" not in sys.modules
training.warm_up()
while training.warming:
    time.sleep(0.01)
before = set(sys.modules)
training.start()
while training.progress is None and training.active:
    session.mailbox.drain()
training.stop()
training.wait(60)
print(*sorted(name for name in set(sys.modules) - before if name.startswith("torch")))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) < 10, done.stdout


def test_status_cannot_be_set_from_outside(session):
    with pytest.raises(Exception, match="read-only"):
        session.training.status = "finished"
