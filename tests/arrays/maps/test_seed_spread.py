"""How alike maps from different seeds are."""

import numpy as np
import pytest

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.seed_spread import (
    WIDEST,
    angle_spread,
    canonical_correlations,
    latent_spread,
)

SHAPE = (40, 50)


def angles(noise, count=4, symmetry=1, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(-np.pi, np.pi, SHAPE)
    hands = [1, -1, 1, 1, -1, 1][:count]
    return np.stack([h * (truth + noise * rng.normal(size=SHAPE)) + rng.normal() for h in hands])


@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_the_spread_is_that_of_one_map_however_many_there_are(count, noise):
    found = angle_spread(angles(noise, count))
    mean = np.sqrt((found.spread**2).mean())
    assert mean == pytest.approx(noise, rel=0.07)
    off = found.correlation[~np.eye(count, dtype=bool)]
    np.testing.assert_allclose(off, np.exp(-(noise**2)), atol=0.02)


def test_maps_that_differ_by_convention_only_have_no_spread():
    found = angle_spread(angles(0.0))
    assert found.spread.max() < 1e-6
    np.testing.assert_allclose(found.correlation, 1)


def test_a_position_where_seeds_disagree_stands_out():
    maps = angles(0.02)
    maps[:, 3, 4] = [0.0, 1.5, 3.0, -1.5]
    found = angle_spread(maps)
    assert np.unravel_index(found.spread.argmax(), SHAPE) == (3, 4)
    assert found.spread.max() <= WIDEST + 1e-9


def test_thirds_of_a_turn_are_alike_in_threefold_patterns():
    maps = angles(0.1)
    maps += 2 * np.pi / 3 * np.random.default_rng(1).integers(0, 3, maps.shape)
    assert np.median(angle_spread(maps, symmetry=3).spread) < 0.15
    assert np.median(angle_spread(maps).spread) > 0.5


def test_undefined_angles_leave_holes_and_a_map_without_any_says_nothing():
    maps = angles(0.1)
    maps[1:, 0, 0] = np.nan
    found = angle_spread(np.concatenate([maps, np.full((1, *SHAPE), np.nan)]))
    assert np.isnan(found.spread[0, 0])
    assert np.isnan(found.spread).sum() == 1
    assert np.isnan(found.correlation[4, :4]).all()


def clouds(mixes, noise=0.0):
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(*SHAPE, 2))
    return np.stack([truth @ mix + noise * rng.normal(size=truth.shape) for mix in mixes])


def test_mixed_latents_are_stable_and_a_noisy_one_is_less():
    turned = np.array([[0.6, -0.8], [0.8, 0.6]])
    found = latent_spread(clouds([np.eye(2), turned, np.diag([-1.0, 1.0])[::-1]]))
    np.testing.assert_allclose(found.stability, 1, atol=1e-9)
    np.testing.assert_allclose(found.canonical, 1, atol=1e-9)
    assert found.spread.max() < 1e-6
    latents = clouds([np.eye(2)] * 3)
    latents[..., 1] += np.random.default_rng(3).normal(size=latents.shape[:-1])
    found = latent_spread(latents)
    np.testing.assert_allclose(found.stability[:, 0], 1, atol=1e-9)
    np.testing.assert_allclose(found.stability[:, 1], 0.25, atol=0.03)
    np.testing.assert_allclose(found.canonical, [1, 0.5], atol=0.05)
    assert np.sqrt((found.spread**2).mean()) == pytest.approx(np.sqrt(0.75 / 2), rel=0.05)


def test_a_latent_that_is_not_used_has_no_stability():
    latents = clouds([np.eye(2)] * 2)
    latents[1, ..., 1] = 0.0
    latents[:, 0, 1] = np.nan
    found = latent_spread(latents)
    assert np.isnan(found.stability[1, 1])
    assert found.stability[0, 1] < 0.01
    assert np.isnan(found.spread[0, 1])


def test_independent_clouds_have_little_in_common():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(2, 2000, 3))
    assert canonical_correlations(a, b).max() < 0.1


def test_one_training_is_too_few():
    with pytest.raises(InputError, match="two trainings or more"):
        angle_spread(angles(0.1)[:1])
    with pytest.raises(InputError, match="two trainings or more"):
        latent_spread(np.zeros((1, 4, 6, 2)))
