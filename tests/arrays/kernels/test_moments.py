"""Moments of pixels that do not all count alike are those of a plain sum in numpy."""

import numpy as np
import pytest

from stemwidgets.arrays.center_of_mass import moments, pattern_moments
from stemwidgets.arrays.kernels.moments import kept_moments
from stemwidgets.arrays.kernels.weighted_moments import weighted_moments

INTEGERS = ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8"]
FLOATS = ["f4", "f8"]
SHAPES = [(5, 8, 9), (1, 17, 16), (4, 9, 40), (7, 24, 300), (2, 150, 16), (3, 8, 1030)]


def patterns(shape, dtype, seed=0):
    """Numbers over the whole range of small integers, and sums that stay below 2⁵³."""
    rng = np.random.default_rng(seed)
    if dtype in FLOATS:
        return rng.normal(3, 5, shape).astype(dtype)
    limits = np.iinfo(dtype)
    low, high = max(limits.min, -(2**30)), min(limits.max, 2**30)
    return rng.integers(low, high, shape, dtype=np.int64, endpoint=True).astype(dtype)


def plain(data, weights, background=0.0, threshold=-np.inf):
    """The definition, pixel by pixel: what does not count may hold anything."""
    with np.errstate(invalid="ignore"):
        above = np.asarray(data.astype(np.float64)) - background
        lost = np.where(np.isinf(above), np.nan, 0.0)  # an infinity below tells of itself
        counted = np.where(above < threshold, lost, above) * weights
    counted = np.where(weights == 0, 0.0, counted)
    y, x = np.indices(data.shape[1:])
    return np.stack([(counted * one).sum(axis=(1, 2)) for one in (np.ones_like(y), y, x)], axis=-1)


def scattered(shape):
    keep = np.random.default_rng(1).random(shape) > 0.2
    keep[:, 3] = keep[2] = False
    return keep


def one_pixel(shape):
    keep = np.zeros(shape, dtype=bool)
    keep[-1, -1] = True
    return keep


def all_but_one(shape):
    return ~one_pixel(shape)


@pytest.mark.parametrize("kept", [scattered, one_pixel, all_but_one])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_sums_over_kept_integers_are_exact(dtype, kept):
    for shape in SHAPES:
        data, keep = patterns(shape, dtype), kept(shape[1:])
        np.testing.assert_array_equal(kept_moments(data, keep), plain(data, keep))


@pytest.mark.parametrize("threshold", [-1e30, -3.5, 0, 7, 99.2, 70_000, 1e30])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_sums_above_a_threshold_are_exact(dtype, threshold):
    for shape in SHAPES:
        data, keep = patterns(shape, dtype), scattered(shape[1:])
        expected = plain(data, keep, threshold=threshold)
        np.testing.assert_array_equal(kept_moments(data, keep, threshold), expected)


@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
def test_weights_background_and_threshold_go_together(dtype):
    rng = np.random.default_rng(2)
    for shape in SHAPES:
        data, weights = patterns(shape, dtype), rng.random(shape[1:]) * scattered(shape[1:])
        dark = rng.random(shape[1:])
        size = np.abs(plain(abs(data.astype(np.float64)) + 1, np.ones(shape[1:])))
        for background in (None, dark):
            for threshold in (None, 2.5):
                found = weighted_moments(data, weights, background, threshold)
                expected = plain(
                    data,
                    weights,
                    0.0 if background is None else background,
                    -np.inf if threshold is None else threshold,
                )
                assert (abs(found - expected) <= 1e-13 * size).all()
                again = pattern_moments(data, weights, threshold, background)
                assert (abs(again - expected) <= 1e-13 * size).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_not_finite_is_told_where_it_counts_only(dtype, value):
    data, keep = patterns((6, 12, 13), dtype), scattered((12, 13))
    y, x = (int(place[5]) for place in np.nonzero(keep))
    data[:, ~keep] = value
    zero = np.where(keep, data, 0)
    for threshold in (None, 1.0):
        expected = kept_moments(zero, keep, threshold)
        np.testing.assert_array_equal(kept_moments(data, keep, threshold), expected)
        lost = data.copy()
        lost[4, y, x] = value
        told = np.isfinite(kept_moments(lost, keep, threshold)).all(axis=1)
        np.testing.assert_array_equal(told, np.arange(6) != 4)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "i4", "f4"])
def test_a_background_without_threshold_is_only_subtracted(dtype):
    data = patterns((9, 16, 24), dtype)
    dark = np.random.default_rng(3).random((16, 24)) * 3
    keep = scattered((16, 24))

    found = pattern_moments(data, keep, background=dark)

    size = plain(abs(data.astype(np.float64)) + 1, np.ones((16, 24)))
    assert (abs(found - plain(data, keep, dark)) <= 1e-13 * size).all()


@pytest.mark.parametrize("dtype", ["u1", "u2", "i1", "i2", "u4", "i4"])
@pytest.mark.parametrize("shape", [(1, 600, 256), (1, 8, 5000), (1, 9, 4096)])
def test_the_brightest_patterns_do_not_overflow_with_a_mask(dtype, shape):
    data, keep = np.full(shape, np.iinfo(dtype).max, dtype), all_but_one(shape[1:])

    for threshold in (None, 5):  # beyond 2⁵³ the last bits are rounded
        found = moments(data, ~keep, threshold)
        np.testing.assert_allclose(found, plain(data, keep), rtol=1e-15)
