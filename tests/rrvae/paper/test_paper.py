from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from rotated_patterns import harmonic, rotated_patterns

from stemwidgets.arrays.maps.circular import compare_angles, wrap
from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae.common.device import one_thread
from stemwidgets.rrvae.common.notices import TrainingNotice
from stemwidgets.rrvae.paper import coordinate_decoder
from stemwidgets.rrvae.paper.coordinate_decoder import half_sum_of_squares
from stemwidgets.rrvae.paper.model import PaperTrained, Scaling
from stemwidgets.rrvae.paper.network import PaperNetwork
from stemwidgets.rrvae.paper.settings import PaperSettings, on_plateau
from stemwidgets.rrvae.paper.training import PaperTraining

BINNING = 3


@pytest.fixture(autouse=True)
def alone_on_one_thread():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def truth():
    return rotated_patterns(harmonic, n=300, dose=2e4, seed=0, size=63)


@pytest.fixture(scope="module")
def patterns(truth):
    bins = truth.patterns.reshape(300, 21, BINNING, 21, BINNING)
    return bins.sum(axis=(2, 4))


@pytest.fixture(scope="module")
def window(patterns):
    return PixelWindow.from_mean(patterns.mean(axis=0))


@pytest.fixture(scope="module")
def prepared(patterns, window):
    return torch.from_numpy(window.apply(patterns))


@pytest.fixture
def training(prepared, window):
    def start(seed=0, rows=300, **settings):
        chosen = PaperSettings(**settings)
        return PaperTraining.create(prepared[:rows], window.coordinates, 2, seed, chosen)

    return start


@pytest.fixture(scope="module")
def trained(prepared, window):
    settings = PaperSettings(centered=True, epochs=30)
    with one_thread():
        training = PaperTraining.create(prepared, window.coordinates, 2, 0, settings)
        list(training.steps())
        return training.result()


def small_decoder(double=False):
    coordinates = torch.rand(11, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    network = PaperNetwork.create(coordinates, latent_dim=3, turning=True, seed=0)
    dtype = torch.float64 if double else torch.float32
    layers = [(weight.to(dtype), bias.to(dtype)) for weight, bias in network.decoder]
    return layers, coordinates.to(dtype)


def by_autograd(layers, coordinates, latent, angle, target):
    x, y = coordinates[:, 0], coordinates[:, 1]
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    turned_back = torch.stack([cos * x + sin * y, cos * y - sin * x], dim=-1)
    z = latent[:, None].expand(-1, len(coordinates), -1)
    value = torch.cat([turned_back, z], dim=-1)
    for weight, bias in layers[:-1]:
        value = (value @ weight + bias).tanh()
    weight, bias = layers[-1]
    return ((value @ weight + bias)[..., 0] - target).square().sum() / 2


def test_derivatives_by_hand_are_those_of_autograd(monkeypatch):
    monkeypatch.setattr(coordinate_decoder, "ROWS_ON_CPU", 25)
    layers, coordinates = small_decoder(double=True)
    leaves = [tensor.requires_grad_() for layer in layers for tensor in layer]
    generator = torch.Generator().manual_seed(1)
    latent = torch.randn(5, 3, dtype=torch.float64, generator=generator).requires_grad_()
    angle = torch.randn(5, dtype=torch.float64, generator=generator).requires_grad_()
    target = torch.randn(5, 11, dtype=torch.float64, generator=generator)

    ours, reference = (
        torch.autograd.grad(
            loss(layers, coordinates, latent, angle, target), [*leaves, latent, angle]
        )
        for loss in (half_sum_of_squares, by_autograd)
    )

    for a, b in zip(ours, reference, strict=True):
        torch.testing.assert_close(a, b)


def test_positive_angle_turns_kx_towards_ky():
    layers, _ = small_decoder()
    y, x = np.indices((7, 7)) - 3.0
    grid = torch.tensor(np.stack([x.ravel(), y.ravel()], axis=1), dtype=torch.float32) / 3
    latent = torch.zeros(2, 3)

    straight, quarter = coordinate_decoder.decode(
        layers, grid, latent, torch.tensor([0.0, np.pi / 2])
    ).reshape(2, 7, 7)

    torch.testing.assert_close(quarter, torch.rot90(straight, -1), rtol=0, atol=1e-5)


def test_opposite_angles_in_one_batch_turn_opposite_ways():
    layers, coordinates = small_decoder()
    angle = torch.tensor([0.7, -0.7, np.pi, -np.pi])
    latent = torch.ones(4, 3) * 0.3

    together = coordinate_decoder.decode(layers, coordinates, latent, angle)

    for i in range(4):
        alone = coordinate_decoder.decode(layers, coordinates, latent[i : i + 1], angle[i : i + 1])
        torch.testing.assert_close(together[i], alone[0])
    assert (together[0] - together[1]).abs().max() > 0.01
    torch.testing.assert_close(together[2], together[3], rtol=0, atol=1e-5)


def test_centred_patterns_teach_it_the_angle(truth, trained, prepared):
    found = trained.encode(prepared)

    comparison = compare_angles(found["angle"], truth.angle)
    assert comparison.handedness == 1
    assert abs(comparison.offset) < np.radians(10)
    assert comparison.median_difference < np.radians(15)
    assert found["latent"].shape == (300, 2)
    assert all(np.isfinite(found[name]).all() for name in ("angle", "latent", "residual"))
    assert (found["angle_std"] > 0).all()
    assert found["confidence"].mean() > 0.9
    assert found["residual"].mean() == pytest.approx(1.0, abs=0.1)


@pytest.mark.slow
def test_longer_training_finds_the_angle_to_a_few_degrees(truth, prepared, window):
    settings = PaperSettings(centered=True, epochs=90)
    training = PaperTraining.create(prepared, window.coordinates, 2, 0, settings)
    list(training.steps())

    found = training.result().encode(prepared)

    comparison = compare_angles(found["angle"], truth.angle)
    assert comparison.median_difference < np.radians(5)
    assert comparison.correlation > 0.97


def test_own_setting_of_the_paper_learns_little_in_few_epochs(truth, training, prepared):
    run = training(epochs=3)
    steps = list(run.steps())

    found = run.result().encode(prepared)

    assert steps[-1].reconstruction < steps[0].reconstruction
    assert np.isfinite(found["angle"]).all()
    assert compare_angles(found["angle"], truth.angle).correlation < 0.5


def test_decoded_pattern_has_its_com_along_the_angle(trained, window):
    y, x = window.coordinates
    latent = torch.tensor([[0.0, 0.0], [1.0, -0.5], [-0.7, 0.4], [0.2, 1.1]])
    angle = torch.tensor([0.0, 0.5, -2.0, 3.0])

    counts = trained.decode(latent, angle)

    turning = (counts - trained.scaling.offset).numpy()
    direction = np.arctan2(turning @ y, turning @ x)
    assert np.abs(wrap(direction - angle.numpy())).max() < np.radians(3)


def test_encoded_patterns_decode_to_themselves_in_counts(trained, prepared):
    found = trained.encode(prepared)

    counts = trained.decode(torch.from_numpy(found["latent"]), torch.from_numpy(found["angle"]))

    assert counts.shape == prepared.shape
    by_mean = (prepared - prepared.mean(dim=0)).square().mean()
    assert (counts - prepared).square().mean() < 0.8 * by_mean


def test_residual_of_some_pixels_stands_for_that_of_all(trained, prepared):
    whole, some = trained.encode(prepared), trained.encode(prepared, pixels=80)

    np.testing.assert_array_equal(whole["angle"], some["angle"])
    assert np.corrcoef(whole["residual"], some["residual"])[0, 1] > 0.5
    assert some["residual"].mean() == pytest.approx(whole["residual"].mean(), rel=0.05)


@pytest.mark.parametrize("turning", [True, False])
def test_saved_and_read_again_gives_identical_maps(training, prepared, turning):
    run = training(rows=60, turning=turning, epochs=2)
    list(run.steps())
    before = run.result()
    after = PaperTrained.from_record(*before.to_record(), torch.device("cpu"))

    first, second = before.encode(prepared[:60]), after.encode(prepared[:60])
    for name, column in first.items():
        np.testing.assert_array_equal(column, second[name])
    latent, angle = torch.ones(3, 2), torch.zeros(3)
    torch.testing.assert_close(before.decode(latent, angle), after.decode(latent, angle))


def test_two_trainings_in_two_threads_learn_what_each_learns_alone(training, prepared):
    def learn(seed):
        with one_thread():
            run = training(seed=seed, rows=100, centered=True, epochs=4)
            list(run.steps())
            return run.result().encode(prepared[:100])["angle"]

    alone = [learn(0), learn(1)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(learn, (0, 1)))

    np.testing.assert_array_equal(alone[0], together[0])
    np.testing.assert_array_equal(alone[1], together[1])
    assert not np.array_equal(*alone)


def test_stopped_at_once_it_still_encodes(training, prepared):
    run = training(centered=True)
    steps = run.steps()
    first = next(steps)
    steps.close()

    assert first.epoch == 0
    assert 0 < first.fraction < 0.1
    assert np.isfinite(run.result().encode(prepared)["angle"]).all()


def test_stopped_and_started_again_it_learns_the_same(training, monkeypatch):
    monkeypatch.setattr("stemwidgets.rrvae.paper.training.SECONDS_PER_STEP", 0.0)
    unbroken, broken = (training(rows=100, centered=True, epochs=3) for _ in range(2))
    list(unbroken.steps())
    steps = broken.steps()
    for _ in range(7):
        next(steps)
    steps.close()
    last = list(broken.steps())[-1]

    assert last.fraction == 1
    torch.testing.assert_close(unbroken.network.parameters, broken.network.parameters)


def test_every_epoch_has_its_own_order(training):
    run = training()

    first, second = (torch.cat(run._batches(epoch)) for epoch in (0, 1))

    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(300))
    assert not torch.equal(first, second)


def test_looking_at_it_does_not_change_what_is_learned(training, prepared, monkeypatch):
    unwatched, watched = (training(rows=100, centered=True, epochs=3) for _ in range(2))
    list(unwatched.steps())
    monkeypatch.setattr("stemwidgets.rrvae.paper.training.SECONDS_PER_STEP", 0.0)
    steps = []
    for step in watched.steps():
        steps.append(step)
        watched.result()

    assert len(steps) == 15
    assert steps[-1].epoch == 3
    assert steps[-1].fraction == 1
    torch.testing.assert_close(unwatched.network.parameters, watched.network.parameters)


def test_plain_autoencoder_has_no_angle(training, prepared):
    run = training(turning=False, centered=True, epochs=20)
    steps = list(run.steps())
    trained = run.result()

    found = trained.encode(prepared)

    assert steps[-1].reconstruction < steps[0].reconstruction
    assert np.isnan(found["angle"]).all()
    assert (found["confidence"] == 0).all()
    assert (found["symmetry"] == 0).all()
    latent = torch.from_numpy(found["latent"])
    counts = trained.decode(latent, torch.full((300,), torch.nan))
    assert torch.isfinite(counts).all()
    assert counts.shape == prepared.shape


def test_plain_autoencoder_spends_its_latents_on_the_turning(truth, training, prepared):
    run = training(turning=False, centered=True, epochs=60)
    list(run.steps())

    latent = run.result().encode(prepared)["latent"]

    waves = np.stack([np.cos(truth.angle), np.sin(truth.angle)], axis=1)
    features = np.column_stack([latent, np.ones(300)])
    predicted = features @ np.linalg.lstsq(features, waves, rcond=None)[0]
    assert 1 - (waves - predicted).var() / waves.var() > 0.5


def test_scaling_of_the_paper_fills_zero_to_one(prepared):
    scaling = Scaling.min_max(prepared)
    scaled = scaling.apply(prepared)

    assert float(scaled.min()) == 0
    assert float(scaled.max()) == 1
    torch.testing.assert_close(scaling.undo(scaled), prepared, rtol=1e-4, atol=1e-3)


def test_centring_takes_the_mean_pattern_away(prepared):
    scaling = Scaling.centered(prepared)
    scaled = scaling.apply(prepared)

    assert float(scaled.mean(dim=0).abs().max()) < 1e-4
    assert float(scaled.square().mean()) == pytest.approx(1, rel=1e-4)
    torch.testing.assert_close(scaling.undo(scaled), prepared, rtol=1e-4, atol=1e-3)


def test_centred_patterns_train_to_the_plateau_and_the_papers_own_for_100_epochs():
    few = PaperSettings.for_data(300, turning=True, centered=True)
    many = PaperSettings.for_data(60_000, turning=True, centered=True)

    assert (few.epochs, few.to_plateau) == (400, True)
    assert (many.epochs, many.to_plateau) == (2, True)
    assert PaperSettings.for_data(300, turning=True, centered=False) == PaperSettings(True)
    assert PaperSettings.for_data(300, turning=True, centered=True, epochs=7) == PaperSettings(
        centered=True, epochs=7
    )


def test_adam_is_that_of_torch(training):
    run, generator = training(rows=20), torch.Generator().manual_seed(0)
    theirs = run.weights.clone().requires_grad_()
    reference = torch.optim.Adam([theirs], lr=run.settings.learning_rate)
    for _ in range(50):
        gradient = torch.randn(len(theirs), generator=generator)
        run._descend(gradient)
        theirs.grad = gradient
        reference.step()

    torch.testing.assert_close(run.weights, theirs.detach())


def falling(count, rate, noise=0.0, floor=35.0):
    steps = np.arange(count)
    draws = np.random.default_rng(0).normal(scale=noise, size=count)
    return list(floor + 100 * np.exp(-rate * steps) + draws)


def test_a_loss_that_falls_no_further_is_on_a_plateau_however_noisy():
    assert on_plateau(falling(60, rate=0.2))
    assert on_plateau(falling(60, rate=0.2, noise=1.0))
    assert on_plateau(falling(40, rate=-0.05))
    assert on_plateau([1e-6 * loss for loss in falling(60, rate=0.2)])


def test_a_loss_that_falls_is_not_on_a_plateau():
    assert not on_plateau(falling(60, rate=0.02))
    assert not on_plateau(falling(60, rate=0.02, noise=1.0))
    assert not on_plateau(falling(19, rate=0.5))
    assert not on_plateau([5.0] * 60)
    assert not on_plateau([*falling(60, rate=0.2), np.nan])


def test_training_ends_on_its_plateau(training, monkeypatch):
    monkeypatch.setattr("stemwidgets.rrvae.paper.training.STEPS_PER_LOSS", 2)
    run = training(rows=60, turning=False, centered=True, epochs=3000, to_plateau=True)

    last = list(run.steps())[-1]

    assert last.fraction == 1
    assert last.epoch == last.epochs < 1000


def test_patterns_that_do_not_fit_into_memory_are_encoded_in_smaller_batches(
    trained, prepared, monkeypatch
):
    encode = PaperNetwork.encode

    def hungry(self, scaled):
        if len(scaled) > 40:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return encode(self, scaled)

    whole = trained.encode(prepared)
    monkeypatch.setattr(PaperNetwork, "encode", hungry)
    with pytest.warns(TrainingNotice, match="for 256 patterns at once.* with 32 at a time"):
        found = trained.encode(prepared)

    for name, column in whole.items():
        np.testing.assert_allclose(found[name], column, rtol=1e-4, atol=1e-4)


def test_batches_that_do_not_fit_into_memory_teach_the_same_in_parts(training, monkeypatch):
    loss = PaperNetwork.loss

    def hungry(self, scaled, normal):
        if len(scaled) > 7:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return loss(self, scaled, normal)

    whole, parts = (training(rows=70, centered=True, epochs=2) for _ in range(2))
    list(whole.steps())
    monkeypatch.setattr(PaperNetwork, "loss", hungry)
    with pytest.warns(TrainingNotice):
        list(parts.steps())

    torch.testing.assert_close(whole.weights, parts.weights, rtol=1e-3, atol=1e-4)


def test_batches_are_of_one_size(prepared, window):
    run = PaperTraining.create(
        prepared[:47], window.coordinates, 2, 0, PaperSettings(centered=True, epochs=1)
    )

    assert [len(rows) for rows in run._batches(0)] == [16, 16, 15]
