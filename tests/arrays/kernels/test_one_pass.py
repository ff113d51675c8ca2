import dask.array as da
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from stemwidgets.arrays.detectors import preset
from stemwidgets.arrays.kernels.moments import kept_moments
from stemwidgets.arrays.kernels.one_pass import FirstLook
from stemwidgets.arrays.overview import overview
from stemwidgets.arrays.virtual_image import virtual_image

SHAPE = (44, 37)


def disc_and_ring(shape):
    y, x = np.indices(shape)
    r = np.hypot(y - 0.4 * shape[0], x - 0.6 * shape[1])
    return [r < 0.2 * shape[1], (r > 0.25 * shape[1]) & (r < 0.8 * shape[1]), r < 1]


def looked_at(patterns, detectors, bin_by, mask=None):
    shape, n = patterns.shape[1:], len(patterns)
    binned = np.empty((n, *(size // bin_by if bin_by else 0 for size in shape)), np.float32)
    found = np.zeros(shape, np.int64), np.empty((n, 3)), np.empty((n, len(detectors))), binned
    FirstLook(detectors, shape, patterns.dtype, bin_by, mask)(patterns, *found)
    return found


def by_numpy(patterns, detectors, bin_by):
    counts = patterns.astype(np.int64)
    high, wide = (size // bin_by for size in patterns.shape[1:])
    whole = counts[:, : high * bin_by, : wide * bin_by]
    images = np.stack([counts[:, used].sum(axis=1) for used in detectors], axis=1)
    binned = whole.reshape(len(counts), high, bin_by, wide, bin_by).sum(axis=(2, 4))
    return counts.sum(axis=0), kept_moments(counts), images, binned.astype(np.float32)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i1"])
@pytest.mark.parametrize(("count", "bin_by"), [(1, 4), (8, 8), (13, 12), (21, 16)])
def test_one_read_gives_the_sums_of_numpy(dtype, count, bin_by):
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(count)
    patterns = rng.integers(limits.min, limits.max, (count, *SHAPE), dtype, endpoint=True)
    detectors = disc_and_ring(SHAPE)

    found, expected = looked_at(patterns, detectors, bin_by), by_numpy(patterns, detectors, bin_by)

    for one, other in zip(found, expected, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i1"])
@pytest.mark.parametrize("bin_by", [4, 8])
def test_pixels_that_are_left_out_count_in_the_sum_of_patterns_alone(dtype, bin_by):
    limits, rng = np.iinfo(dtype), np.random.default_rng(7)
    patterns = rng.integers(limits.min, limits.max, (11, *SHAPE), dtype, endpoint=True)
    mask = rng.random(SHAPE) < 0.1
    mask[20:29] = mask[:, 3] = True
    detectors = disc_and_ring(SHAPE)

    found = looked_at(patterns, detectors, bin_by, mask)

    whole = by_numpy(patterns, detectors, bin_by)
    kept = by_numpy(np.where(mask, 0, patterns), detectors, bin_by)
    for one, other in zip(found, (whole[0], *kept[1:]), strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
@pytest.mark.parametrize("shape", [(4, 4096), (1200, 16), (260, 244)])
def test_the_brightest_patterns_do_not_overflow(dtype, shape):
    patterns = np.full((9, *shape), np.iinfo(dtype).max, dtype)
    detectors = [np.ones(shape, bool)]

    found, expected = looked_at(patterns, detectors, 4), by_numpy(patterns, detectors, 4)

    for one, other in zip(found, expected, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("shape", "dtype", "bin_by"), [(SHAPE, "u4", 4), (SHAPE, "f4", 4), (SHAPE, "u2", 6)]
)
def test_other_patterns_and_bins_are_left_to_others(shape, dtype, bin_by):
    assert not FirstLook.can(shape, np.dtype(dtype), bin_by)
    assert FirstLook.can(SHAPE, np.dtype("u2"), None)
    assert not FirstLook.can((43, 37), np.dtype("u2"), None)


@pytest.mark.parametrize("dtype", ["u2", "f4"])
@pytest.mark.parametrize("bin_by", [None, 4, 6])
def test_every_way_gives_the_same_overview(dtype, bin_by, monkeypatch):
    y, x = np.indices(SHAPE)
    mean = 2 + 30 * (np.hypot(y - 21, x - 17) < 7)
    data = np.random.default_rng(0).poisson(mean, (5, 6, *SHAPE)).astype(dtype)
    seen = overview(data, detectors=True, bin_by=bin_by)
    rings = [preset(name, seen.disc) for name in ("BF", "ADF")]

    assert_array_equal(seen.bright_field, virtual_image(data, rings[0]))
    assert_array_equal(seen.dark_field, virtual_image(data, rings[1]))
    monkeypatch.setattr("stemwidgets.arrays.blocks.SHARED_BYTES", 0)
    lazy = da.from_array(data, chunks=(2, 4, -1, 20))
    for other in (overview(data, None, True, bin_by=bin_by), overview(lazy, None, True, (1, 1), 6)):
        assert_array_equal(other.sum_image, seen.sum_image)
        assert_array_equal(other.mean_pattern, seen.mean_pattern)
        assert_array_equal(other.com, seen.com)
        if bin_by == 6:
            assert_array_equal(other.binned, seen.binned)
