"""Maps without the noise beyond the limit, and the noise that is found in them."""

import numpy as np
import pytest

from arrays.band_limit.fields import CROPS, field, rms, waves
from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.band_limit.maps import band_limited, white_noise

SHAPE = (24, 31)
LIMIT = BandLimit(1.3, (0.2, 0.25))


def noisy(shape, size, seed=0):
    random = np.random.default_rng(seed)
    truth = np.concatenate([waves(shape, LIMIT.per_step, seed=s) for s in (7, 8)], axis=-1)
    return truth, truth + size * random.standard_normal(truth.shape)


@pytest.mark.parametrize("name", CROPS)
def test_noise_free_maps_come_back(name):
    com, limit = field(name)
    found, variance = band_limited(com, BandLimit(1.0, limit))
    assert rms(found - com) < 1e-3 * rms(com)
    assert variance.shape == com.shape[:2]


@pytest.mark.parametrize("size", [0.03, 0.3, 1.0, 3.0])
def test_the_noise_left_is_that_of_the_variance(size):
    errors, variances = [], []
    for seed in range(20):
        truth, maps = noisy(SHAPE, size, seed)
        found, variance = band_limited(maps, LIMIT)
        errors.append(rms(found - truth) ** 2 / size**2)
        variances.append(variance.mean())
    assert np.mean(errors) < 1
    # what the prior takes off a weak wave is on top of the noise
    assert 0.9 * np.mean(variances) < np.mean(errors) < 2 * np.mean(variances) + 0.05


@pytest.mark.parametrize("size", [0.01, 1.0])
@pytest.mark.parametrize("shape", [SHAPE, (90, 110), (13, 60)])
def test_white_noise_is_found_within_its_error(shape, size):
    _, maps = noisy(shape, size)
    found = white_noise(maps, LIMIT, np.zeros(shape, bool)) / size**2
    beyond = np.prod(shape) * (1 - LIMIT.share)
    assert np.abs(found - 1).max() < 5 * np.sqrt(2 / beyond)


def test_white_noise_is_found_beside_gaps():
    _, maps = noisy(SHAPE, 0.3)
    missing = np.random.default_rng(1).random(SHAPE) < 0.1
    maps[missing] = np.nan
    found = white_noise(maps, LIMIT, missing) / 0.09
    assert np.abs(found - 1).max() < 5 * np.sqrt(2 / (SHAPE[0] * SHAPE[1] * 0.7))


def test_positions_that_are_not_defined_stay_so_and_change_nothing_around_them():
    truth, maps = noisy(SHAPE, 0.1)
    maps[3, 4] = maps[0, 0] = np.nan
    found, variance = band_limited(maps, LIMIT)
    assert (np.isnan(found).all(axis=-1) == np.isnan(maps).all(axis=-1)).all()
    assert (np.isnan(variance) == np.isnan(maps).all(axis=-1)).all()
    assert np.nanmax(variance) <= 1 + 1e-9
    assert np.nanmax(np.abs(found - truth)) < 0.5


def test_one_component_that_is_not_defined_leaves_the_position_out():
    _, maps = noisy(SHAPE, 0.1)
    maps[5, 6, 1] = np.nan
    found, _ = band_limited(maps, LIMIT)
    assert np.isnan(found[5, 6]).all()


def test_maps_without_any_position_stay_as_they_are():
    maps = np.full((*SHAPE, 2), np.nan)
    found, variance = band_limited(maps, LIMIT)
    assert np.isnan(found).all()
    assert np.isnan(variance).all()


def test_noise_alone_is_nearly_all_taken_out():
    maps = np.random.default_rng(0).standard_normal((*SHAPE, 2))
    found, variance = band_limited(maps, LIMIT)
    assert rms(found) ** 2 < 0.3
    assert variance.max() < 1


@pytest.mark.parametrize("per_step", [(0.1, 0.2), (0.3, 0.25), (0.49, 0.05)])
def test_the_share_is_that_of_the_ellipse(per_step):
    share = BandLimit(1.0, per_step).share
    assert share == pytest.approx(np.pi * per_step[0] * per_step[1], rel=0.02)


def test_the_share_of_an_aliased_scan_is_the_whole():
    assert BandLimit(1.0, (0.8, 0.9)).share == 1.0
    assert np.pi / 4 < BandLimit(1.0, (0.6, 0.5)).share < 1


def test_a_map_that_is_the_same_everywhere_changes_nothing_in_the_others():
    _, maps = noisy(SHAPE, 1.0)
    expected, variance = band_limited(maps, LIMIT)
    with_constant = np.concatenate([np.full((*SHAPE, 1), 3.0), maps], axis=-1)
    found, beside = band_limited(with_constant, LIMIT)
    np.testing.assert_allclose(found[..., 1:], expected, rtol=1e-6)
    np.testing.assert_allclose(beside, variance, rtol=1e-6)
