"""Windows of a scan: each position once, as one fit of all would say, however it is read."""

import dask.array as da
import numpy as np
import pytest

from arrays.band_limit.fields import rms
from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.band_limit.neighbours import Neighbours
from stemwidgets.arrays.band_limit.waves import Waves

LIMIT = BandLimit(1.3, (0.4, 0.3))
SCANS = [(7, 9), (40, 53), (41, 130), (95, 60), (120, 107), (6, 300)]
WHOLE = slice(0, None)


def counts(scan, detector=(8, 9), seed=0):
    data = np.random.default_rng(seed).poisson(5.0, (*scan, *detector)).astype(np.uint16)
    data[1, 2] = data[-1, -1] = 0
    return data


def as_numbers(patterns):
    return patterns.reshape(-1, patterns.shape[-2] * patterns.shape[-1]).astype(np.float32)


def read(neighbours, data, own=WHOLE):
    """Fitted patterns and variances in the order of the scan."""
    size = np.zeros(neighbours.scan)[own].size
    fitted, variance = np.full((size, 72), np.nan, np.float32), np.full(size, np.nan)
    for numbers, each, of_each in neighbours.fit(data, as_numbers, own):
        assert np.isnan(variance[numbers]).all()
        fitted[numbers], variance[numbers] = each, of_each
    assert np.isfinite(variance).all()
    return fitted, variance


@pytest.mark.parametrize("scan", SCANS)
def test_windows_cover_each_position_once_and_are_of_one_shape(scan):
    windows = Neighbours(scan, LIMIT.per_step, 1e-2).windows
    seen = np.zeros(scan, int)
    for rows, columns, inner in windows:
        seen[rows, columns][inner] += 1
        shape = rows.stop - rows.start, columns.stop - columns.start
        assert shape == tuple(
            part.stop - part.start for part in (windows[0].rows, windows[0].columns)
        )
        assert 0 <= rows.start < rows.stop <= scan[0]
        assert 0 <= columns.start < columns.stop <= scan[1]
    assert (seen == 1).all()


@pytest.mark.parametrize("noise", [1e-2, 0.1])
def test_windows_agree_with_one_fit_of_the_whole_scan(noise):
    scan = (95, 75)
    maps = np.random.default_rng(0).standard_normal((*scan, 8))
    neighbours = Neighbours(scan, LIMIT.per_step, noise)
    assert len(neighbours.windows) > 1
    found, variance = neighbours.fit_maps(maps, np.zeros(scan, bool))
    whole = Waves(scan, LIMIT.per_step, noise)
    inside = np.s_[3:-3, 3:-3]
    assert rms((found - whole.fit(maps))[inside]) < 0.05  # of the noise of one position
    np.testing.assert_allclose(variance, whole.variance(), atol=0.01)


@pytest.mark.parametrize("chunks", [(5, 7, 8, 9), (64, 11, 4, 9), (1, 70, 8, 3), (64, 70, 8, 9)])
def test_lazy_and_eager_scans_give_the_same_bits(chunks):
    data = counts((64, 70))
    neighbours = Neighbours.of(data.shape[:2], LIMIT, 1e-2)
    expected = read(neighbours, data)
    found = read(neighbours, da.from_array(data, chunks=chunks))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("own", [slice(0, 20), slice(13, 50), slice(50, 64)])
def test_some_rows_are_as_in_the_whole_scan(own):
    data = counts((64, 70))
    neighbours = Neighbours.of(data.shape[:2], LIMIT, 1e-2)
    rows = np.arange(64 * 70).reshape(64, 70)[own].ravel()
    for part, whole in zip(read(neighbours, data, own), read(neighbours, data), strict=True):
        np.testing.assert_array_equal(part, whole[rows])


def test_empty_patterns_stay_empty_and_count_nothing():
    data = counts((30, 21))
    neighbours = Neighbours.of(data.shape[:2], LIMIT, 1e-2)
    fitted, _ = read(neighbours, data)
    empty = data.reshape(len(fitted), -1).sum(axis=1) == 0
    assert empty.any()
    assert (fitted[empty] == 0).all()
    maps = as_numbers(data).reshape(30, 21, -1).astype(float)
    expected, _ = neighbours.fit_maps(maps, empty.reshape(30, 21))
    np.testing.assert_allclose(fitted[~empty], expected.reshape(len(fitted), -1)[~empty], atol=1e-3)


def test_a_scan_without_counts_is_read():
    data = np.zeros((12, 9, 8, 9), np.uint16)
    fitted, variance = read(Neighbours.of((12, 9), LIMIT, 1e-2), data)
    assert not fitted.any()
    assert (variance == 1).all()


def test_a_periodic_scan_that_fits_in_a_window_has_no_edges():
    limit = BandLimit(1.3, (0.2, 0.25), periodic=True)
    neighbours = Neighbours.of((13, 21), limit, 1e-2)
    assert np.ptp(neighbours.waves.variance()) < 1e-9
