"""The decoder: its slopes, its turning, and what it makes of patterns that are given."""

import math
from dataclasses import fields

import pytest
import torch

from stemwidgets.rrvae.harmonic.manifold import Manifold, scattered_points

ORDER = torch.tensor([0.0, 1.0, 1.0, 2.0, 3.0])
SIGNAL = torch.tensor([2.0, 4.0, 1.0, 0.5, 0.3])


def make(latent_dim=2, classes=1, seed=0, signal=SIGNAL):
    return Manifold.create(ORDER, signal, latent_dim, classes, seed)


def exact(manifold):
    return Manifold(*(getattr(manifold, field.name).double() for field in fields(manifold)))


def random_codes(latent_dim, classes, count=40):
    generator = torch.Generator().manual_seed(3)
    latent = torch.randn(count, latent_dim, generator=generator)
    return latent, torch.arange(count) % classes


@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("latent_dim", [1, 2, 3])
def test_slopes_are_those_of_the_decoded_patterns(latent_dim, classes):
    manifold = exact(make(latent_dim, classes))
    latent, class_index = random_codes(latent_dim, classes)
    latent = latent.double()

    decoded, slopes = manifold.decode_with_slopes(latent, class_index)

    torch.testing.assert_close(decoded, manifold.decode(latent, class_index))
    for direction, step in enumerate(1e-5 * torch.eye(latent_dim).double()):
        before, after = (manifold.decode(latent + s, class_index) for s in (-step, step))
        rise = after - before
        torch.testing.assert_close(slopes[:, direction], rise / 2e-5, rtol=1e-5, atol=1e-6)


def test_each_class_has_patterns_of_its_own():
    manifold = make(classes=3)
    latent, _ = random_codes(2, 1)
    each = [manifold.decode(latent, torch.full((40,), class_index)) for class_index in range(3)]
    mixed = torch.arange(40) % 3

    decoded = manifold.decode(latent, mixed)

    torch.testing.assert_close(decoded, torch.stack(each)[mixed, torch.arange(40)])
    assert not torch.allclose(each[0], each[1], atol=0.1)


def test_turning_moves_the_pattern_by_the_angle():
    manifold = exact(make())
    coefficients = torch.randn(7, 10, dtype=torch.float64)
    angle = torch.linspace(-3, 3, 7, dtype=torch.float64)
    phi = torch.linspace(0, 6, 25, dtype=torch.float64)

    def around(rows, where):
        phase = where[..., None] * manifold.order
        waves = torch.cat([phase.cos(), -phase.sin()], dim=-1)
        return (waves * rows[:, None]).sum(-1)

    turned = around(manifold.turn(coefficients, angle), phi)

    torch.testing.assert_close(turned, around(coefficients, phi - angle[:, None]))


def test_turning_is_additive_and_keeps_the_energy_of_each_order():
    manifold = exact(make())
    coefficients = torch.randn(6, 10, dtype=torch.float64)
    first, second = torch.rand(2, 6, dtype=torch.float64) * 7 - 3

    twice = manifold.turn(manifold.turn(coefficients, first), second)

    torch.testing.assert_close(twice, manifold.turn(coefficients, first + second))
    back = manifold.turn(coefficients, torch.full((6,), 2 * math.pi, dtype=torch.float64))
    torch.testing.assert_close(back, coefficients)
    energy = torch.hypot(*coefficients.chunk(2, dim=1))
    torch.testing.assert_close(torch.hypot(*twice.chunk(2, dim=1)), energy)
    torch.testing.assert_close(twice[:, [0, 5]], coefficients[:, [0, 5]])  # m = 0


def test_turning_rate_is_the_slope_of_turning():
    manifold = exact(make())
    coefficients = torch.randn(6, 10, dtype=torch.float64)
    step = torch.full((6,), 1e-5, dtype=torch.float64)

    rise = manifold.turn(coefficients, step) - manifold.turn(coefficients, -step)

    rate = manifold.turning_rate(coefficients)
    torch.testing.assert_close(rate, rise / 2e-5, rtol=1e-5, atol=1e-8)


def smooth_surface(latent):
    z1, z2 = latent[:, 0], latent[:, 1]
    columns = [z1, z1.cos(), z2, z1 * z2 / 2, 0.3 * z2.sin()]
    imaginary = [0 * z1, z2.cos(), 0.4 * z1, z1.sin() / 2, 0 * z1]
    return torch.stack(columns + imaginary, dim=1)


def fitted_to(manifold, latent, patterns, noise):
    features = manifold.features(latent)
    return manifold.fitted((features.T @ features)[None], (features.T @ patterns)[None], noise)


def test_a_smooth_surface_is_found_again():
    latent = 0.8 * scattered_points(500, 2)
    truth = smooth_surface(latent)
    noisy = truth + 0.1 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))

    manifold = fitted_to(make(), latent, noisy, 0.01)

    elsewhere = 0.7 * scattered_points(733, 2)[500:]
    decoded = manifold.decode(elsewhere, torch.zeros(len(elsewhere), dtype=torch.long))
    error = (decoded - smooth_surface(elsewhere)).square().mean().sqrt()
    assert error < 0.05


def test_components_without_signal_stay_at_zero():
    signal = torch.tensor([2.0, 4.0, 0.0, 1e-3, 0.3])
    latent = scattered_points(300, 2)
    noise = torch.randn(300, 10, generator=torch.Generator().manual_seed(0))

    manifold = fitted_to(make(signal=signal), latent, noise, 1.0)

    strength = manifold.decode(latent, torch.zeros(300, dtype=torch.long)).square().mean(dim=0)
    assert (strength[[2, 7, 5]] == 0).all()  # no signal; imaginary part of m = 0
    assert strength[[3, 8]].max() < 0.02 * strength[[1, 6]].min()


def test_a_class_without_patterns_decodes_to_nothing():
    manifold = make(classes=2)
    latent = scattered_points(200, 2)
    features = manifold.features(latent)
    normal = torch.stack([features.T @ features, torch.zeros(65, 65)])
    target = torch.stack([features.T @ smooth_surface(latent), torch.zeros(65, 10)])

    decoded = manifold.fitted(normal, target, 0.01).decode(latent, torch.ones(200).long())

    torch.testing.assert_close(decoded, torch.zeros(200, 10))


def test_the_same_seed_gives_the_same_start_and_another_does_not():
    first, again, other = make(seed=4), make(seed=4), make(seed=5)

    assert torch.equal(first.weights, again.weights)
    assert not torch.equal(first.weights, other.weights)
    assert first.degrees_of_freedom == 9
