"""Going on with a training: in the same model, from a checkpoint, after a kill."""

import os
import random
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from scans import turning_spot

from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae import RRVAE, DivergenceError, model_file
from stemwidgets.rrvae.common.notices import TrainingNotice
from stemwidgets.rrvae.paper.training import PaperTraining

KINDS = {
    "harmonic": {},
    "paper": {"centered": True, "epochs": 4},
    "vae": {"centered": True, "epochs": 4},
}
NETWORKS = ["paper", "vae"]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def make(kind):
    return lambda **options: RRVAE(kind=kind, **KINDS[kind] | options)


@pytest.fixture(params=NETWORKS)
def make_network(request):
    return lambda **options: RRVAE(kind=request.param, **KINDS[request.param] | options)


@pytest.fixture
def every_step(monkeypatch):
    """Report after each step."""
    monkeypatch.setattr("stemwidgets.rrvae.paper.training.SECONDS_PER_STEP", 0.0)


@pytest.fixture
def at_every_moment(monkeypatch):
    """Write checkpoints as often as possible."""
    monkeypatch.setattr("stemwidgets.rrvae.checkpoint.SECONDS_BETWEEN_WRITINGS", 0.0)
    monkeypatch.setattr("stemwidgets.rrvae.checkpoint.LARGEST_SHARE", 1e9)


def record(model, tmp_path):
    """All that a model has learned, to the last bit."""
    path = tmp_path / "compared.rrvae"
    model.save(path)
    tensors, plain = model_file.read(path)
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}, plain


def stop_after(model, count, data, **how):
    steps = model.steps(data, maps=False, **how)
    for _ in range(count):
        next(steps)
    steps.close()
    return model


def larger_dose(scan):
    return 1.01 * scan


def two_pixels_swapped(scan):
    swapped = scan.copy()
    swapped[..., 8, [7, 11]] = scan[..., 8, [11, 7]]
    return swapped


def shorter(scan):
    return scan[:3]


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("count", [1, 3, 6])
def test_a_training_that_was_stopped_is_completed_as_if_it_had_not_been(make, count, tmp_path):
    scan = turning_spot()
    unbroken, broken = make().fit(scan), stop_after(make(), count, scan)
    assert record(broken, tmp_path) != record(unbroken, tmp_path)

    broken.fit(scan)

    assert record(broken, tmp_path) == record(unbroken, tmp_path)


def test_two_trainings_in_turn_are_one_of_their_length(make_network, tmp_path):
    scan = turning_spot()
    once, twice = make_network(epochs=6).fit(scan), make_network(epochs=3).fit(scan)

    last = list(twice.steps(scan))[-1]

    assert (last.epoch, last.epochs, last.remaining) == (6, 6, 0)
    whole, _ = record(once, tmp_path)
    assert record(twice, tmp_path)[0] == whole


def test_an_ended_harmonic_training_goes_on(tmp_path):
    scan = turning_spot()
    model = RRVAE(seed=0).fit(scan)
    before = record(model, tmp_path)

    angle = model.encode(scan).angle

    model.fit(scan)

    assert record(model, tmp_path) != before
    turned = np.angle(np.exp(1j * (model.encode(scan).angle - angle)))
    assert np.degrees(np.median(np.abs(turned))) < 3


def test_patterns_of_another_scan_train_what_was_learned_further(make_network):
    scan = turning_spot()
    other = np.random.default_rng(0).poisson(scan[1:]).astype(np.float32)
    model, fresh = make_network(epochs=100).fit(scan), make_network(epochs=100)

    model.fit(other)
    losses = [next(each.steps(other)).loss for each in (model, fresh)]

    assert losses[0] < 0.8 * losses[1]
    assert model.encode(other).latent.shape == (3, 6, 2)


def test_patterns_of_another_shape_or_choice_of_pixels_are_refused(make):
    scan = turning_spot()
    model = make().fit(scan, pixel_size=(0.05, 0.04))
    whole = np.zeros((18, 15), dtype=bool)
    whole[9, 7] = True

    with pytest.raises(InputError, match=r"18×15 pixels.*got 18×14.*train a new model"):
        model.fit(scan[..., 1:])
    with pytest.raises(InputError, match=r"1\.25 times as high as wide.*got 1\."):
        model.fit(scan, pixel_size=(1.0, 1.0))
    with pytest.raises(InputError, match="leaves out 1 pixels more"):
        model.fit(scan, mask=whole)
    with pytest.raises(InputError, match="at least 16 patterns"):
        model.fit(scan[:2])
    assert model.fit(scan, pixel_size=(0.5, 0.4)).trained


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("seed", range(4))
def test_resumed_at_any_moment_it_learns_the_same_to_the_last_bit(make, seed, tmp_path):
    scan, path = turning_spot(), tmp_path / "run.rrvae"
    draw = random.Random(seed)
    unbroken = make(seed=seed).fit(scan)

    stop_after(make(seed=seed), draw.randint(1, 3), scan, checkpoint=path)
    for count in (draw.randint(1, 2), draw.randint(1, 2)):
        stop_after(RRVAE.resume(path), count, scan, checkpoint=path)
    resumed = RRVAE.resume(path).fit(scan, checkpoint=path)

    assert record(resumed, tmp_path) == record(unbroken, tmp_path)
    assert record(RRVAE.load(path), tmp_path) == record(unbroken, tmp_path)


@pytest.mark.usefixtures("every_step")
def test_a_plateau_is_found_at_the_same_step_after_a_break(tmp_path, monkeypatch):
    monkeypatch.setattr("stemwidgets.rrvae.paper.training.STEPS_PER_LOSS", 3)
    scan, path = turning_spot(), tmp_path / "run.rrvae"
    unbroken = RRVAE(kind="vae", centered=True)
    last = list(unbroken.steps(scan, maps=False))[-1]
    assert last.epoch == last.epochs < 3000

    broken = RRVAE(kind="vae", centered=True)
    stop_after(broken, 25, scan, checkpoint=path)
    resumed = RRVAE.resume(path).fit(scan)

    assert record(resumed, tmp_path) == record(unbroken, tmp_path)
    again = list(resumed.steps(scan, maps=False))[-1]
    assert again.epoch > last.epoch


def test_a_training_that_had_ended_is_left_as_it_is_by_resuming(make, tmp_path):
    scan, path = turning_spot(), tmp_path / "run.rrvae"
    done = make().fit(scan, checkpoint=path)
    resumed = RRVAE.resume(path)
    assert resumed.trained
    assert resumed.resumable

    progress = list(resumed.steps(scan))

    assert {step.remaining for step in progress} == {0}
    assert progress[-1].encoding is not None
    assert record(resumed, tmp_path) == record(done, tmp_path)
    assert list(resumed.steps(scan))[-1].epoch > progress[-1].epoch


@pytest.mark.parametrize("change", [larger_dose, two_pixels_swapped, shorter])
def test_a_checkpoint_is_refused_with_other_data(make, change, tmp_path):
    scan, path = turning_spot(), tmp_path / "run.rrvae"
    make().fit(scan, checkpoint=path)
    resumed = RRVAE.resume(path)
    words = {
        larger_dose: "counts per pattern instead",
        two_pixels_swapped: "mean pattern",
        shorter: "shape is 3×6×18×15 instead of 4×6×18×15",
    }

    with pytest.raises(InputError, match=words[change]):
        resumed.fit(change(scan))
    assert resumed.fit(scan).trained


def test_lazy_data_and_data_in_memory_are_the_same(make, tmp_path):
    scan, path = turning_spot(), tmp_path / "run.rrvae"
    make().fit(da.from_array(scan, chunks=(3, 2, 18, 15)), checkpoint=path)

    assert RRVAE.resume(path).fit(scan).trained


def test_a_checkpoint_is_a_model_file_but_not_the_other_way_round(make, tmp_path):
    scan, path, saved = turning_spot(), tmp_path / "run.rrvae", tmp_path / "saved.rrvae"
    model = make().fit(scan, checkpoint=path)
    model.save(saved)

    from_checkpoint, from_model = (RRVAE.load(each).encode(scan) for each in (path, saved))

    np.testing.assert_array_equal(from_checkpoint.latent, from_model.latent)
    with pytest.raises(InputError, match=r"Expected a checkpoint, got saved\.rrvae"):
        RRVAE.resume(saved)
    with pytest.raises(InputError, match=r"saved without its training.*new RRVAE"):
        RRVAE.load(saved).fit(scan)


@pytest.mark.parametrize(
    ("name", "error"), [("no/folder/run.rrvae", FileNotFoundError), (".", InputError)]
)
def test_a_checkpoint_that_cannot_be_written_is_refused_at_once(name, error, tmp_path):
    with pytest.raises(error):
        RRVAE(kind="vae").fit(np.zeros(3), checkpoint=tmp_path / name)


@pytest.mark.usefixtures("at_every_moment", "every_step")
def test_a_full_disk_costs_the_checkpoint_but_not_the_training(tmp_path, monkeypatch):
    scan, path = turning_spot(), tmp_path / "run.rrvae"
    model = RRVAE(kind="vae", centered=True, epochs=4)
    stop_after(model, 2, scan, checkpoint=path)
    before = path.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("stemwidgets.rrvae.model_file.safetensors.torch.save", lambda *_, **__: b"")
    monkeypatch.setattr("stemwidgets.arrays.files.atomic.sync_all", full)
    seen = list(model.steps(scan, checkpoint=path))

    assert seen[-1].epoch == 4
    for words in (seen[-1].notice, model.checkpoint_problem):
        assert words.count(f"run.rrvae could not be written: the disk that holds {tmp_path}") == 1
        assert re.search(r"is full \(\d.* free of \d", words)
    assert model.encode(scan).latent.shape == (4, 6, 2)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.usefixtures("at_every_moment", "every_step")
def test_a_checkpoint_is_written_again_once_there_is_room(tmp_path, monkeypatch):
    scan, path, calls = turning_spot(), tmp_path / "run.rrvae", []

    def full_at_first(path, *what):
        calls.append(path)
        if len(calls) < 3:
            raise OSError(28, "No space left on device")
        write(path, *what)

    write = model_file.write
    monkeypatch.setattr("stemwidgets.rrvae.checkpoint.model_file.write", full_at_first)
    model = RRVAE(kind="vae", centered=True, epochs=4)
    with pytest.warns(TrainingNotice) as told:
        model.fit(scan, checkpoint=path)

    assert "run.rrvae is written again" in str(told[-1].message)
    assert model.checkpoint_problem == ""
    assert RRVAE.resume(path).trained


@pytest.mark.usefixtures("every_step")
def test_after_a_divergence_the_checkpoint_has_the_last_good_moment(
    make_network, tmp_path, monkeypatch
):
    scan, path = turning_spot(), tmp_path / "run.rrvae"
    step, calls = PaperTraining._step, []

    def wrong(self, rows):
        calls.append(0)
        return step(self, rows) * (np.nan if len(calls) > 5 else 1.0)

    monkeypatch.setattr(PaperTraining, "_step", wrong)
    model = make_network()
    with pytest.raises(DivergenceError):
        model.fit(scan, checkpoint=path)
    monkeypatch.setattr(PaperTraining, "_step", step)

    last = list(RRVAE.resume(path).steps(scan))[-1]

    assert last.epoch == 4
    assert np.isfinite(last.loss)
    assert list(model.steps(scan))[-1].loss == last.loss


def test_what_was_learned_on_another_type_of_device_goes_on_with_other_draws(tmp_path):
    scan, path = turning_spot(), tmp_path / "run.rrvae"
    stop_after(RRVAE(kind="vae", centered=True, epochs=60), 1, scan, checkpoint=path)

    def as_on_a_gpu(tensors, plain):
        tensors["training.draws"] = tensors["training.draws"][:16].clone()
        plain["training"]["device"] = "cuda"

    damaged(path, as_on_a_gpu)

    last = list(RRVAE.resume(path).steps(scan))[-1]
    assert last.epoch == 60
    assert np.isfinite(last.loss)


def damaged(path, change):
    tensors, plain = model_file.read(path)
    change(tensors, plain)
    model_file.write(path, tensors, plain)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, plain: tensors.pop("training.mean"),
        lambda tensors, plain: tensors.update(
            {"training.square": tensors["training.draws"].clone()}
        ),
        lambda tensors, plain: plain.pop("training"),
        lambda tensors, plain: plain["training"]["position"].update(steps=10**9),
        lambda tensors, plain: plain["training"]["position"].update(losses="many"),
        lambda tensors, plain: plain["fingerprint"].pop("dose"),
    ],
)
def test_a_damaged_checkpoint_is_refused_in_words(change, tmp_path):
    scan, path = turning_spot(), tmp_path / "run.rrvae"
    RRVAE(kind="vae", epochs=1).fit(scan, checkpoint=path)
    damaged(path, change)

    with pytest.raises(InputError, match="lacks a part or has a wrong one"):
        RRVAE.resume(path).fit(scan)


LEARN = """
import sys
from scans import turning_spot
from stemwidgets.rrvae import RRVAE, checkpoint
checkpoint.SECONDS_BETWEEN_WRITINGS, checkpoint.LARGEST_SHARE = 0.0, 1e9
kind, path = sys.argv[1:]
model = RRVAE(kind=kind, **({} if kind == "harmonic" else {"centered": True, "epochs": 60}))
model.fit(turning_spot(), checkpoint=path)
"""


def killed(kind, path, seconds):
    """Train in a process of its own and kill it some time after its first checkpoint."""
    here = Path(__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", LEARN, kind, str(path)],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(here.parent)},
    )
    while not path.exists() and process.poll() is None:
        time.sleep(0.005)
    time.sleep(seconds)
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
def test_killed_at_any_moment_it_learns_the_same_to_the_last_bit(seed, tmp_path):
    kind, path = list(KINDS)[seed % 3], tmp_path / "run.rrvae"
    options = {} if kind == "harmonic" else {"centered": True, "epochs": 60}
    unbroken = RRVAE(kind=kind, **options).fit(turning_spot())

    killed(kind, path, random.Random(seed).uniform(0.0, 0.4))
    resumed = RRVAE.resume(path)
    print(f"{kind}: killed at {resumed._fitting.state[1]['training']}")
    resumed.fit(turning_spot(), checkpoint=path)

    assert record(resumed, tmp_path) == record(unbroken, tmp_path)


def test_fit_warns_of_what_went_otherwise_than_planned(monkeypatch, tmp_path):
    import torch

    from stemwidgets.rrvae.paper.network import PaperNetwork

    loss = PaperNetwork.loss

    def hungry(self, scaled, normal):
        if len(scaled) > 5:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return loss(self, scaled, normal)

    scan = turning_spot()
    whole = RRVAE(kind="paper", centered=True, epochs=4).fit(scan)
    monkeypatch.setattr(PaperNetwork, "loss", hungry)
    model = RRVAE(kind="paper", centered=True, epochs=4)
    with pytest.warns(TrainingNotice, match=r"not suffice for 12 .* with 3 at a time") as told:
        model.fit(scan, checkpoint=tmp_path / "run.rrvae")

    assert len(told) <= 2
    expected, found = whole.encode(scan).latent, model.encode(scan).latent
    np.testing.assert_allclose(found, expected, rtol=0.01, atol=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RRVAE.resume(tmp_path / "run.rrvae").fit(scan)
