"""Fit of the waves of a probe: signal stays, noise goes, nothing leaks, gaps count nothing."""

import numpy as np
import pytest

from arrays.band_limit.fields import CROPS, field, rms, thick_specimen, waves
from stemwidgets.arrays.band_limit.waves import Waves

SHAPE, LIMIT = (13, 21), (0.2, 0.25)
NOISES = [1e-6, 1e-2, 1.0]
CASES = [(SHAPE, LIMIT), ((24, 17), (0.12, 0.3)), ((16, 12), (0.6, 0.2)), ((5, 40), (0.1, 0.1))]


def gaps(shape, seed=3, share=0.12):
    missing = np.random.default_rng(seed).random(shape) < share
    missing[0, 0] = missing[2, -1] = True
    return missing


@pytest.mark.parametrize("name", CROPS)
def test_a_noise_free_scan_comes_back(name):
    com, limit = field(name)
    fitted = Waves(com.shape[:2], limit, 1e-6).fit(com)
    assert rms(fitted - com) < 1e-3 * rms(com)


@pytest.mark.parametrize("defocus", [0.0, 300.0])
def test_all_pixels_behind_a_thick_specimen_come_back_whatever_the_defocus(defocus):
    patterns, limit = thick_specimen((26, 23), defocus)
    signal = patterns - patterns.mean(axis=(0, 1))
    fitted = Waves(signal.shape[:2], limit, 1e-6).fit(signal)
    assert rms(fitted - signal) < 1e-3 * rms(signal)


@pytest.mark.parametrize(("shape", "limit"), CASES)
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("periodic", [False, True])
def test_no_position_is_noisier_than_the_data(shape, limit, noise, periodic):
    variance = Waves(shape, limit, noise, periodic).variance()
    assert variance.shape == shape
    assert variance.min() > 0
    assert variance.max() <= 1


@pytest.mark.parametrize("missing", [None, gaps(SHAPE)], ids=["whole", "gaps"])
@pytest.mark.parametrize("noise", [1e-4, 1e-2, 1.0])
def test_the_variance_is_that_of_drawn_noise(missing, noise):
    fit = Waves(SHAPE, LIMIT, noise)
    drawn = np.random.default_rng(1).standard_normal((*SHAPE, 4000))
    found = fit.fit(drawn, missing).var(axis=-1) / fit.variance(missing)
    error = np.sqrt(2 / drawn.shape[-1])
    assert np.abs(found - 1).max() < 5 * error
    assert abs(found.mean() - 1) < 3 * error


def test_without_noise_gaps_are_filled_by_their_neighbours():
    truth, missing = waves(SHAPE, LIMIT, top=0.8), gaps(SHAPE, share=0.05)
    fitted = Waves(SHAPE, LIMIT, 1e-6).fit(truth, missing)
    assert rms((fitted - truth)[1:-1, 1:-1]) < 0.02


@pytest.mark.parametrize("held", [0.0, 1e6, np.nan, np.inf])
def test_missing_positions_count_nothing_whatever_they_hold(held):
    maps, missing = np.random.default_rng(2).standard_normal((*SHAPE, 3)), gaps(SHAPE)
    fit = Waves(SHAPE, LIMIT, 1e-2)
    expected = fit.fit(maps, missing)
    maps[missing] = held
    np.testing.assert_array_equal(fit.fit(maps, missing), expected)


@pytest.mark.parametrize("position", [(0, 0), (0, 30), (20, 0), (20, 59), (39, 30)])
@pytest.mark.parametrize("noise", [1e-2, 0.3])
def test_nothing_leaks_over_the_edges(position, noise):
    shape, at = (40, 60), position
    weights = np.abs(Waves(shape, LIMIT, noise).weights(at))
    across = [weights[39 - at[0]], weights[:, 59 - at[1]]]  # the edge or middle that is opposite
    opposite = [line for line, size, p in zip(across, shape, at, strict=True) if p in (0, size - 1)]
    assert max(line.max() for line in opposite) < 5e-3 * weights.max()


def test_a_periodic_scan_goes_on_at_its_other_edge():
    fit = Waves(SHAPE, LIMIT, 1e-2, periodic=True)
    moved = np.roll(fit.weights((6, 10)), (-6, 10), axis=(0, 1))
    np.testing.assert_allclose(fit.weights((0, 20)), moved, atol=1e-12)
    assert fit.weights((0, 20))[0, 0] > 0.1 * fit.weights((0, 20))[0, 20]


def test_a_periodic_fit_turns_each_wave_down_by_its_noise_over_its_strength():
    rows, columns = SHAPE
    fit = Waves(SHAPE, LIMIT, 1e-2, periodic=True)
    response = np.fft.fft2(np.fft.ifftshift(np.roll(fit.weights((0, 0)), (6, 10), (0, 1)))).real
    q = np.hypot(np.fft.fftfreq(rows)[:, None] / LIMIT[0], np.fft.fftfreq(columns) / LIMIT[1])
    x = np.minimum(q, 1)
    pairs = 2 / np.pi * (np.arccos(x) - x * np.sqrt(1 - x**2))
    strength = np.where(q <= 1, np.maximum(pairs, 1e-3), 0)
    noise = fit.noise * strength.sum() / strength.size
    expected = strength / (strength + noise)
    np.testing.assert_allclose(response[q > 0], expected[q > 0], atol=1e-10)
    assert response[0, 0] >= expected[0, 0] - 1e-10


@pytest.mark.parametrize(("shape", "limit"), CASES)
def test_a_constant_passes(shape, limit):
    ones = np.ones((*shape, 1))
    np.testing.assert_allclose(Waves(shape, limit, 1e-6).fit(ones), 1, atol=1e-3)
    np.testing.assert_allclose(Waves(shape, limit, 1e-6, periodic=True).fit(ones), 1, atol=1e-5)


def test_the_fit_is_linear_and_each_map_is_fitted_by_itself():
    maps = np.random.default_rng(4).standard_normal((*SHAPE, 3))
    mixed = maps @ np.array([[1.0], [-2.0], [0.5]])
    fit = Waves(SHAPE, LIMIT, 1e-2)
    np.testing.assert_allclose(fit.fit(mixed), fit.fit(maps) @ [[1.0], [-2.0], [0.5]], atol=1e-12)
    np.testing.assert_allclose(fit.fit(maps[..., 1:2]), fit.fit(maps)[..., 1:2], atol=1e-12)


def test_weights_are_the_response_of_other_positions_to_this_one():
    fit = Waves(SHAPE, LIMIT, 1e-2)
    maps = np.random.default_rng(4).standard_normal((*SHAPE, 1))
    for position in ((0, 0), (5, 20), (12, 7)):
        found = (fit.weights(position) * maps[..., 0]).sum()
        assert found == pytest.approx(fit.fit(maps)[position][0], abs=1e-12)


def test_along_an_aliased_axis_every_wave_is_within_the_limit():
    limit = (0.6, 0.2)  # steps along y are too long
    y = np.arange(16)
    fastest = np.cos(np.pi * y)[:, None, None] * np.ones((1, 12, 1))
    fitted = Waves((16, 12), limit, 1e-6).fit(fastest)
    assert rms(fitted - fastest) < 1e-2
    sideways = np.cos(np.pi * np.arange(60))[None, :, None] * np.ones((16, 1, 1))
    assert rms(Waves((16, 60), limit, 1e-2).fit(sideways)[:, 10:-10]) < 0.02


def test_the_axes_may_be_exchanged():
    maps = np.random.default_rng(4).standard_normal((*SHAPE, 2))
    turned = Waves(SHAPE[::-1], LIMIT[::-1], 1e-2).fit(maps.transpose(1, 0, 2))
    np.testing.assert_allclose(
        turned.transpose(1, 0, 2), Waves(SHAPE, LIMIT, 1e-2).fit(maps), atol=1e-10
    )


@pytest.mark.parametrize("periodic", [False, True])
def test_residual_freedom_is_the_noise_that_is_taken_out(periodic):
    fit = Waves(SHAPE, LIMIT, 1e-2, periodic)
    drawn = np.random.default_rng(1).standard_normal((*SHAPE, 2000))
    left = ((drawn - fit.fit(drawn)) ** 2).sum(axis=(0, 1))
    assert left.mean() == pytest.approx(
        fit.residual_freedom, abs=4 * left.std() / np.sqrt(left.size)
    )


def test_the_independent_share_of_a_periodic_scan_is_that_of_its_waves():
    fit = Waves((40, 60), (0.11, 0.13), 1e-6, periodic=True)
    assert fit.independent == pytest.approx(np.pi * 0.11 * 0.13, rel=0.05)


def test_scan_that_was_broken_off_is_fitted_as_far_as_it_goes():
    maps = np.random.default_rng(0).normal(size=(30, 22, 3))
    missing = np.zeros((30, 22), bool)
    missing[19:] = missing[:, :4] = True
    missing[7, 9] = True
    waves = Waves((30, 22), (0.2, 0.3), 0.1)
    part = Waves((19, 18), (0.2, 0.3), 0.1)

    fitted, share = waves.fit(maps, missing), waves.variance(missing)

    inner = missing[:19, 4:]
    np.testing.assert_array_equal(fitted[:19, 4:], part.fit(maps[:19, 4:], inner))
    np.testing.assert_array_equal(share[:19, 4:], part.variance(inner))
    assert not fitted[19:].any()
