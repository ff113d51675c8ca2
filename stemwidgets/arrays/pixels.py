"""Detector pixels that cannot be trusted: dead, hot, covered by a beam stop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from stemwidgets.arrays.blocks import iterate_blocks
from stemwidgets.arrays.checks import require_finite
from stemwidgets.arrays.errors import InputError

SLICE_PIXELS = 2**22
TILE = 1024  # pixels whose sums stay in the cache
LIT = 30.0
REACH = 4
SIGNIFICANCE = 6.0
OUT_OF_RANGE = 8.0
ROUNDING = 1e-6
NEGATIVE_SHARE = 0.3

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PixelStatistics:
    """What each detector pixel saw over the scan.

    Parameters
    ----------
    count : int
        Number of patterns.
    filled : int
        Number of patterns with counts.
    mean, variance : ndarray, shape [ky, kx]
        Over the scan; 0 in pixels that are not finite in any pattern.
    broken : ndarray of bool, shape [ky, kx]
        Pixels that are NaN or infinite in every pattern.
    """

    count: int
    filled: int
    mean: Array
    variance: Array
    broken: Mask


def pixel_statistics(data: Any, mask: Mask | None = None) -> PixelStatistics:
    """Read a scan once and sum up every pixel.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        Counts or intensities; numpy or dask (read one chunk at a time).
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out, whatever it holds.

    Raises
    ------
    InputError
        As :meth:`PixelSums.statistics`.
    """
    sums = PixelSums(data.shape[-2:], mask)
    for _, patterns in iterate_blocks(data):
        sums.add(patterns)
    return sums.statistics()


class PixelSums:
    """Sums of every pixel over patterns; of integers exact, in whatever blocks they come.

    Parameters
    ----------
    shape : (int, int)
        Of the patterns.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out, whatever it holds.
    """

    def __init__(self, shape: tuple[int, int], mask: Mask | None = None) -> None:
        self.shape = shape
        self.used = (np.ones(shape, dtype=bool) if mask is None else ~mask).ravel()
        self.count = self.filled = 0
        self.lowest = np.inf
        self.reference = np.zeros(self.used.size)
        self.first = np.zeros(self.used.size)
        self.second = np.zeros(self.used.size)
        self.never_finite = np.ones(self.used.size, dtype=bool)
        self.not_finite: list[NDArray[np.int_]] = []

    def add(self, patterns: NDArray[Any]) -> None:
        """Add patterns ``[..., ky, kx]``; the first ones are those of the first scan position."""
        flat = patterns.reshape(-1, self.used.size)
        rows = max(1, SLICE_PIXELS // self.used.size)
        for start in range(0, len(flat), rows):
            self._add(np.ascontiguousarray(flat[start : start + rows]))

    def _add(self, values: NDArray[Any]) -> None:
        totals, lowest = _totals(values, self.used)
        if _finite(totals).all():
            self.never_finite[:] = False
            self.not_finite.append(np.zeros(len(values), dtype=int))
        else:
            strange = ~_finite(values) & self.used
            self.never_finite &= strange.all(axis=0)
            self.not_finite.append(strange.sum(axis=1))
            values = np.where(strange, 0, values)
            totals, lowest = _totals(values, self.used)
        self.lowest = min(self.lowest, lowest)
        self.filled += int((totals > 0).sum())
        if self.count == 0:
            self.reference = values[0].astype(np.float64)
        self.count += len(values)
        _accumulate(values, self.reference, self.first, self.second)

    def statistics(self) -> PixelStatistics:
        """The statistics of all patterns that were added.

        Raises
        ------
        InputError
            If a pixel is not finite in some patterns only, or the patterns are no intensities: as
            negative as they are positive.
        """
        strange = np.concatenate(self.not_finite) - int((self.never_finite & self.used).sum())
        require_finite(np.where(strange > 0, np.nan, 0.0))
        with np.errstate(invalid="ignore", over="ignore"):  # in pixels that are left out
            shift = self.first / self.count
            mean = self._rounded(self.reference + shift)
            variance = self._rounded(self.second / self.count - shift**2)
        variance = np.where(variance > 1e-10 * np.square(mean), variance, 0.0)
        negative, positive = -mean[mean < 0].sum(), mean[mean > 0].sum()
        if self.lowest < 0 and negative > NEGATIVE_SHARE * positive:
            raise InputError(
                "Expected counts or intensities, got a mean pattern that is as negative as it is "
                "positive: a mean was subtracted. Pass the patterns as they were recorded; a "
                "background may be subtracted."
            )
        return PixelStatistics(
            self.count,
            self.filled,
            mean.reshape(self.shape),
            variance.reshape(self.shape),
            (self.never_finite & self.used).reshape(self.shape),
        )

    def _rounded(self, values: Array) -> Array:
        """Less the last digits, which depend on the order of summing."""
        return np.where(self.used, values, 0.0).astype(np.float32).astype(np.float64)


def _finite(values: NDArray[Any]) -> Mask:
    with np.errstate(over="ignore"):
        return np.isfinite(values.astype(np.float32))


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def _totals(patterns: NDArray[Any], used: Mask) -> tuple[Array, float]:  # pragma: no cover
    """Sum of each pattern, and the lowest value of all."""
    count, pixels = patterns.shape
    totals = np.zeros(count)
    lowest = np.inf
    for i in range(count):
        total, low = 0.0, np.inf
        for j in range(pixels):
            value = np.float64(patterns[i, j]) if used[j] else 0.0
            total += value
            low = min(low, value)
        totals[i] = total
        lowest = min(lowest, low)
    return totals, lowest


@numba.njit(cache=True, nogil=True)
def _accumulate(
    patterns: NDArray[Any], reference: Array, first: Array, second: Array
) -> None:  # pragma: no cover
    count, pixels = patterns.shape
    for start in range(0, pixels, TILE):
        stop = min(start + TILE, pixels)
        for i in range(count):
            for j in range(start, stop):
                value = np.float64(patterns[i, j]) - reference[j]
                first[j] += value
                second[j] += value * value


def faulty_pixels(statistics: PixelStatistics, mask: Mask | None = None) -> Mask:
    """Find pixels that do not follow their neighbours.

    A pixel is dead if it never changes while pixels on both sides of it, in two directions at
    least, do; it is hot (or weak) if its mean lies outside the range of its neighbours by many
    times that range and by more than the noise allows. A beam stop is wider than what is found.

    Parameters
    ----------
    statistics : PixelStatistics
        Of the whole scan.
    mask : ndarray of bool, shape [ky, kx], optional
        Pixels that are known to be faulty.

    Returns
    -------
    ndarray of bool, shape [ky, kx]
        True where a pixel should be left out; those known are included.
    """
    faulty = statistics.broken if mask is None else statistics.broken | mask
    faulty = faulty | (~faulty & _dead(statistics))
    return faulty | _outliers(statistics, faulty)


def _dead(statistics: PixelStatistics) -> Mask:
    mean, variance = statistics.mean, statistics.variance
    with np.errstate(divide="ignore", invalid="ignore"):
        counts = statistics.count * mean**2 / variance
    lit = (variance > 0) & (counts > LIT)
    surrounded = np.zeros(mean.shape, dtype=int)
    for step in ((0, 1), (1, 0), (1, 1), (1, -1)):
        surrounded += _within_reach(lit, step) & _within_reach(lit, (-step[0], -step[1]))
    return (variance == 0) & (surrounded >= 2)


def _within_reach(lit: Mask, step: tuple[int, int]) -> Mask:
    near = np.zeros_like(lit)
    for i in range(1, REACH + 1):
        near |= _shifted(lit, (i * step[0], i * step[1]), False)
    return near


def _outliers(statistics: PixelStatistics, faulty: Mask) -> Mask:
    mean = np.where(faulty, np.nan, statistics.mean)
    steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    around = np.stack([_shifted(mean, step, np.nan) for step in steps])
    known = np.isfinite(around).sum(axis=0)
    apart = (known == len(steps)).astype(int)  # where all are known, a faulty one may be among them
    ordered = np.sort(around, axis=0)
    rows, columns = np.indices(mean.shape)
    low = ordered[apart, rows, columns]
    high = ordered[np.maximum(known - 1 - apart, 0), rows, columns]
    usual = ndimage.median_filter(statistics.variance, 3)
    variance = np.maximum(statistics.variance, usual)
    noise = SIGNIFICANCE * np.sqrt(2 * variance / statistics.count)
    allowed = OUT_OF_RANGE * (high - low) + noise
    excess = np.maximum(mean - high, low - mean)
    return ~faulty & (known >= 3) & (excess > np.maximum(allowed, ROUNDING * mean[~faulty].max()))


def _shifted(values: NDArray[Any], step: tuple[int, int], fill: Any) -> NDArray[Any]:
    return ndimage.shift(values, step, order=0, cval=fill, mode="constant")


def require_mask(mask: ArrayLike, shape: tuple[int, ...]) -> Mask:
    """Check a mask of detector pixels.

    Raises
    ------
    InputError
        If it is not of bool, or not of the shape ``[ky, kx]`` of the patterns.
    """
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != shape:
        raise InputError(
            f"Expected a mask of bool and of the pattern's shape {tuple(shape)}, True where a "
            f"pixel is left out, got {mask.dtype} of shape {mask.shape}. Make it for example by "
            "mask = mean_pattern < threshold."
        )
    return mask


def common_mask(data: Any) -> Mask | None:
    """The mask of a masked array of patterns, numpy or dask; None for any other array.

    Raises
    ------
    InputError
        If patterns differ in their masks.
    """
    is_dask = hasattr(data, "dask")
    if not np.ma.isMaskedArray(data._meta if is_dask else data):
        return None
    getmaskarray: Callable[[Any], Any] = np.ma.getmaskarray
    if is_dask:
        import dask.array

        getmaskarray = dask.array.ma.getmaskarray
    leading = tuple(range(data.ndim - 2))
    masks = getmaskarray(data)
    somewhere, everywhere = np.asarray(masks.any(leading)), np.asarray(masks.all(leading))
    if (somewhere != everywhere).any():
        raise InputError(
            f"Expected one mask for all patterns, got {int((somewhere != everywhere).sum())} "
            "pixels that are masked in some patterns only. Mask them in all: "
            "mask=numpy.ma.getmaskarray(data).any(axis=(0, 1))."
        )
    return everywhere if everywhere.any() else None
