"""What goes wrong while a session is at work: it is told in words, and one can go on."""

import threading
import time
import warnings

import numpy as np
import pytest
import torch
from scans import AXES, turning_spot

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae import DivergenceError
from stemwidgets.rrvae.harmonic import run
from stemwidgets.rrvae.model import RRVAE
from stemwidgets.rrvae.paper import training
from stemwidgets.rrvae.paper.network import PaperNetwork
from stemwidgets.signals.conversion import arrays_to_signal


@pytest.fixture
def session():
    session = sw.Session(arrays_to_signal(turning_spot(), AXES, "spot"))
    session.wait(60)
    yield session
    session.close()


def trained_again(session):
    """After whatever happened, a training runs to its end and shows its maps."""
    session.training.start(latent_dim=1, seed=3)
    session.training.wait(60)
    session.wait(60)
    assert session.training.status == "finished"
    assert session.problem == ""
    assert np.isfinite(session.channels["z1"].values).all()


@pytest.fixture
def store(tmp_path):
    """A scan in a zarr store of several chunks, and the file of one chunk that is read late."""
    path = tmp_path / "scan.zspy"
    signal = arrays_to_signal(np.tile(turning_spot(), (4, 1, 1, 1)), axes(16), "spot")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signal.save(path, chunks=(4, 6, 18, 15))
    return path, sorted((path / "Experiments" / "spot" / "data").rglob("[0-9]*/0/0/0"))[-1]


def axes(rows):
    return AXES._replace(scan_y=type(AXES.scan_y)(rows, 0.2, 0.0, "Å"))


@pytest.mark.parametrize("kind", ["harmonic", "vae"])
@pytest.mark.parametrize("damage", ["truncated", "garbage"])
def test_a_chunk_that_is_damaged_while_the_scan_is_open_is_told(store, damage, kind):
    path, chunk = store
    session = sw.Session(path, lazy=True)
    session.wait(60)
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[: len(whole) // 2] if damage == "truncated" else b"\x07" * 900)
    options = {"kind": kind, **({"epochs": 1} if kind == "vae" else {})}
    session.training.start(**options)
    with pytest.raises(Exception, match=r"scan\.zspy|chunk|decompress|truncated|damaged"):
        session.training.wait(60)
    assert session.training.status == "failed"
    assert "file is damaged or cut off" in session.problem
    chunk.write_bytes(whole)
    trained_again(session)
    session.close()


@pytest.mark.parametrize("door", [sw.center_of_mass, sw.calibrate, lambda s: sw.RRVAE().fit(s)])
def test_a_script_is_told_of_a_damaged_chunk(store, door):
    path, chunk = store
    signal = sw.load(path, lazy=True)
    chunk.write_bytes(chunk.read_bytes()[:100])

    with pytest.raises(InputError, match=r"damaged or cut off .*Copy it again"):
        door(signal)


def test_an_exception_in_the_worker_is_told_and_the_next_training_runs(session, monkeypatch):
    steps = RRVAE.steps

    def broken(self, *given, **options):
        yield next(steps(self, *given, **options))
        raise ZeroDivisionError("a fault of ours")

    with monkeypatch.context() as patched:
        patched.setattr(RRVAE, "steps", broken)
        session.training.start(latent_dim=1)
        with pytest.raises(ZeroDivisionError, match="a fault of ours"):
            session.training.wait(60)
        assert session.training.status == "failed"
        assert "a fault of ours" in session.problem
    trained_again(session)


def test_a_device_without_memory_is_told_and_the_next_training_runs(session, monkeypatch):
    def full(*_, **__):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    with monkeypatch.context() as patched:
        patched.setattr(PaperNetwork, "loss", full)
        session.training.start(kind="vae", epochs=2)
        with pytest.raises(torch.cuda.OutOfMemoryError):
            session.training.wait(60)
        assert "memory" in session.problem
    trained_again(session)


@pytest.mark.parametrize("kind", ["harmonic", "vae"])
def test_a_burst_of_nan_ends_the_training_with_the_last_good_model(session, kind, monkeypatch):
    count = []

    def burst(step, last, *weights):
        count.append(0)
        poison = (torch.tensor(float("nan")),) if len(count) > 3 else ()
        return real(step, last, *weights, *poison)

    where = run if kind == "harmonic" else training
    real = where.require_finite
    with monkeypatch.context() as patched:
        patched.setattr(where, "require_finite", burst)
        patched.setattr(training, "SECONDS_PER_STEP", 0.0)
        options = {"kind": kind, **({"epochs": 40} if kind == "vae" else {})}
        session.training.start(**options)
        with pytest.raises(DivergenceError, match="no longer finite"):
            session.training.wait(60)
    session.wait(60)
    assert "no longer finite" in session.problem
    assert session.model is not None
    assert np.isfinite(session.model.decode(np.zeros((1, 2)))).any()
    trained_again(session)


def test_stop_during_the_first_step_ends_the_training_soon(session, monkeypatch):
    begun, go_on, steps = threading.Event(), threading.Event(), sw.RRVAE.steps

    def slow(self, *given, **options):
        begun.set()
        assert go_on.wait(30)
        yield from steps(self, *given, **options)

    with monkeypatch.context() as patched:
        patched.setattr(sw.RRVAE, "steps", slow)
        session.training.start(latent_dim=1)
        assert begun.wait(30)
        session.training.stop()
        assert session.training.stopping
        go_on.set()
        began = time.monotonic()
        session.training.wait(30)
        assert time.monotonic() - began < 5
    assert session.training.status == "stopped"
    assert not session.training.stopping
    trained_again(session)


def test_a_second_training_while_one_runs_leaves_it_alone(session):
    session.training.start(kind="vae", epochs=2000)
    with pytest.raises(sw.InputError, match="already running"):
        session.training.start()
    assert session.training.active
    session.training.stop()
    session.training.wait(60)
    trained_again(session)


def test_two_dashboards_on_one_session_show_the_same_and_close_apart(session):
    one, other = sw.rrvae_dashboard(session), sw.explore(session)
    assert one.session is other.session is session
    session.position = (2, 3)
    session.training.start(latent_dim=1)
    session.training.wait(60)
    session.wait(60)
    assert session.position == (2, 3)
    assert session.problem == ""
    other.close()
    session.position = (1, 5)
    session.wait(60)
    assert session.position == (1, 5)
    assert session.problem == ""
    trained_again(session)
    one.close()
