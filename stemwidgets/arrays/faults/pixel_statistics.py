"""Statistics of each detector pixel over a scan, from sums that add up block by block."""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.checks import require_squares
from stemwidgets.arrays.errors import InputError

SLICE_PIXELS = 2**22  # of patterns at once, 16 MB in single precision
TILE = 1024  # pixels whose sums stay in the cache
NEGATIVE_SHARE = 0.3  # of the positive sum: more is no noise, a mean was subtracted

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PixelStatistics:
    """Statistics of each detector pixel over the scan.

    Parameters
    ----------
    count : int
        Number of patterns.
    filled : int
        Number of patterns with counts.
    mean, variance : ndarray, shape [ky, kx]
        Mean and variance over the scan; 0 in pixels that are not finite in any pattern.
    broken : ndarray of bool, shape [ky, kx]
        Pixels that are NaN or infinite in every pattern.
    """

    count: int
    filled: int
    mean: Array
    variance: Array
    broken: Mask


class PixelSums:
    """Sums of every pixel over patterns; exact for integers, in whatever blocks they come.

    Parameters
    ----------
    shape : (int, int)
        Shape of the patterns.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out, whatever it holds.
    """

    def __init__(self, shape: tuple[int, int], mask: Mask | None = None) -> None:
        self.shape = shape
        self.used = (np.ones(shape, dtype=bool) if mask is None else ~mask).ravel()
        self.count = self.filled = 0
        self.lowest, self.most = np.inf, 0.0
        self.reference = np.zeros(self.used.size)
        self.first = np.zeros(self.used.size)
        self.second = np.zeros(self.used.size)
        self.never_finite = np.ones(self.used.size, dtype=bool)
        self.not_finite: list[NDArray[np.int_]] = []

    def of(self, patterns: NDArray[Any]) -> "PixelSums":
        """Sums of other patterns ``[..., ky, kx]``, with the same mask."""
        sums = PixelSums(self.shape, ~self.used.reshape(self.shape))
        flat = patterns.reshape(-1, self.used.size)
        rows = max(1, SLICE_PIXELS // self.used.size)
        for start in range(0, len(flat), rows):
            sums._add(np.ascontiguousarray(flat[start : start + rows]))
        return sums

    def merge(self, more: "PixelSums") -> None:
        """Add the sums of the patterns that follow."""
        if self.count == 0:
            self.reference = more.reference
        with np.errstate(invalid="ignore", over="ignore"):  # in pixels that are left out
            shift = more.reference - self.reference
            self.second += more.second + shift * (2 * more.first + more.count * shift)
            self.first += more.first + more.count * shift
        self.count += more.count
        self.filled += more.filled
        self.lowest, self.most = min(self.lowest, more.lowest), max(self.most, more.most)
        self.never_finite &= more.never_finite
        self.not_finite += more.not_finite

    def _add(self, values: NDArray[Any]) -> None:
        totals = _totals(values, self.used)
        if _finite(totals).all():
            self.never_finite[:] = False
            self.not_finite.append(np.zeros(len(values), dtype=int))
        else:
            strange = ~_finite(values) & self.used
            self.never_finite &= strange.all(axis=0)
            self.not_finite.append(strange.sum(axis=1))
            values = np.where(strange, 0, values)
            totals = _totals(values, self.used)
        if not values.min() >= 0 and self.used.any():
            self.lowest = min(self.lowest, float(values[:, self.used].min()))
        self.most = max(self.most, float(np.abs(totals).max()))
        self.filled += int((totals > 0).sum())
        if self.count == 0:
            self.reference = values[0].astype(np.float64)
        self.count += len(values)
        _accumulate(values, self.reference, self.first, self.second)

    def statistics(self) -> PixelStatistics:
        """The statistics of all patterns that were added.

        An InputError if a pixel is not finite in some patterns only, a pattern is too bright, or
        the patterns are no intensities: as negative as they are positive.
        """
        strange = np.concatenate(self.not_finite) - int((self.never_finite & self.used).sum())
        require_squares(np.where(strange > 0, np.nan, self.most))
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
        """Values without their last digits, which depend on the order of summing."""
        return np.where(self.used, values, 0.0).astype(np.float32).astype(np.float64)


def _finite(values: NDArray[Any]) -> Mask:
    with np.errstate(over="ignore"):
        return np.isfinite(values.astype(np.float32))


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def _totals(patterns: NDArray[Any], used: Mask) -> Array:  # pragma: no cover
    """Sum of each pattern."""
    count, pixels = patterns.shape
    totals = np.zeros(count)
    for i in range(count):
        total = 0.0
        for j in range(pixels):
            total += np.float64(patterns[i, j]) if used[j] else 0.0
        totals[i] = total
    return totals


@numba.njit(cache=True, nogil=True)
def _accumulate(
    patterns: NDArray[Any], reference: Array, first: Array, second: Array
) -> None:  # pragma: no cover
    """Add to the sums, four patterns at once."""
    count, pixels = patterns.shape
    fours = count - count % 4
    for start in range(0, pixels, TILE):
        stop = min(start + TILE, pixels)
        for i in range(0, fours, 4):
            for j in range(start, stop):
                a = np.float64(patterns[i, j]) - reference[j]
                b = np.float64(patterns[i + 1, j]) - reference[j]
                c = np.float64(patterns[i + 2, j]) - reference[j]
                d = np.float64(patterns[i + 3, j]) - reference[j]
                first[j] += (a + b) + (c + d)
                second[j] += (a * a + b * b) + (c * c + d * d)
        for i in range(fours, count):
            for j in range(start, stop):
                a = np.float64(patterns[i, j]) - reference[j]
                first[j] += a
                second[j] += a * a
