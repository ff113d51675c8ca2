"""Sums over parts of patterns, at about the speed of reading them.

Sums of integers are exact as long as they stay below 2⁵³.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.kernels.intrinsics import narrow_sum

GROUP = 8  # patterns that are added up in registers: of 16 bits their sum fits 32
VECTOR = 32  # pixels that a processor adds up at once, of one byte each (AVX2)


class DetectorSum:
    """Weighted sum of the pixels of each pattern.

    Parameters
    ----------
    weights : ndarray of bool or float, shape [ky, kx]
        Weight of each pixel; where it is 0, the pixel may hold anything.
    dtype : numpy.dtype
        Type of the patterns, one that numba knows.
    """

    def __init__(self, weights: NDArray[Any], dtype: np.dtype[Any]) -> None:
        used = weights != 0
        self._kept = weights.dtype == bool and dtype.kind != "f"
        self._weights: NDArray[Any] | None = None
        if self._kept:
            self._weights = np.where(used, ~np.zeros(1, dtype), np.zeros(1, dtype))  # all bits
        elif weights.dtype != bool:
            self._weights = weights.astype(np.float64)
        self._runs = _runs(_widened(used) if self._kept else used)

    def __call__(self, patterns: NDArray[Any]) -> NDArray[np.float64]:
        """Sums of patterns ``[..., ky, kx]``, of shape ``[...]``."""
        flat = patterns.reshape(-1, *patterns.shape[-2:])
        if self._kept:
            sums = _kept(flat, self._runs, self._weights, _wide(flat))
        else:
            sums = _weighted(flat, self._runs, self._weights)
        return sums.reshape(patterns.shape[:-2])


class PatternSum:
    """Sum over patterns, pixel by pixel.

    Parameters
    ----------
    shape : (int, int)
        Shape of a pattern.
    dtype : numpy.dtype
        Type of the patterns, one that numba knows.
    """

    def __init__(self, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        exact, small = dtype.kind in "bui" and dtype.itemsize <= 4, dtype.itemsize <= 2
        self.total: NDArray[Any] = np.zeros(shape, np.int64 if exact else np.float64)
        self._zero = np.zeros(1, np.int32) if exact and small else self.total[0, :1].copy()

    def add(self, patterns: NDArray[Any]) -> None:
        """Add patterns ``[n, ky, kx]``."""
        add_patterns(patterns, self.total, self._zero)


def bin_patterns(patterns: NDArray[Any], factor: int, result: NDArray[np.float32]) -> None:
    """Sums of `factor` × `factor` pixels; what is left over at the end is dropped.

    The sums of patterns ``[n, ky, kx]`` are written to `result`, ``[n, ky // factor, kx //
    factor]``.
    """
    size = result.shape[-2] * result.shape[-1] * factor
    lines = np.empty(size, dtype=_wide(patterns, factor).dtype)
    _binned(patterns, factor, lines, np.empty(size // 2, dtype=lines.dtype), result)


def _wide(patterns: NDArray[Any], height: int = 1) -> NDArray[Any]:
    """Zero of the type that certainly holds the sum of so many rows of pixels."""
    kind, size = patterns.dtype.kind, patterns.itemsize
    if kind == "f" or size == 8:  # sums of 64 bits, which would wrap around
        return np.zeros(1, np.float64)
    if size <= 2 and patterns.shape[-1] * height < 2**15:
        return np.zeros(1, np.uint32 if kind == "u" else np.int32)
    return np.zeros(1, np.uint64 if kind == "u" else np.int64)


def _widened(used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Runs in whole steps of the vectors that a processor adds up at once."""
    height, width = used.shape
    steps = np.pad(used, ((0, 0), (0, -width % VECTOR)))
    steps = steps.reshape(height, steps.shape[1] // VECTOR, VECTOR)
    return np.repeat(steps.any(axis=2), VECTOR, axis=1)[:, :width]


def _runs(used: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Row, begin and end of every run of used pixels, ``[runs, 3]``."""
    steps = np.diff(np.pad(used, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, first = np.nonzero(steps == 1)
    return np.stack([rows, first, np.nonzero(steps == -1)[1]], axis=1).astype(np.int64)


@numba.njit(cache=True, nogil=True)
def _kept(
    patterns: NDArray[Any], runs: NDArray[np.int64], keep: Any, zero: NDArray[Any]
) -> NDArray[np.float64]:  # pragma: no cover
    """Sums of integers, in the type of `zero`, which those of a row fit.

    Where every other pixel counts it takes a tenth to a quarter of the time of :func:`_weighted`,
    on a disc 0.8 of it.
    """
    number = zero.dtype.type
    result = np.empty(len(patterns))
    for i in range(len(patterns)):
        total = 0.0
        for j in range(len(runs)):
            y, first, stop = runs[j, 0], runs[j, 1], runs[j, 2]
            run, bits = patterns[i, y, first:stop], keep[y, first:stop]
            together = number(0)
            for x in range(stop - first):
                together = narrow_sum(together, number(run[x] & bits[x]))
            total += float(together)
        result[i] = total
    return result


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _weighted(
    patterns: NDArray[Any], runs: NDArray[np.int64], weights: NDArray[np.float64] | None
) -> NDArray[np.float64]:  # pragma: no cover
    """Sums of numbers of any type over the pixels in runs; each counts once without weights."""
    result = np.empty(len(patterns))
    for i in range(len(patterns)):
        total = 0.0
        for j in range(len(runs)):
            y, first, stop = runs[j, 0], runs[j, 1], runs[j, 2]
            run = patterns[i, y, first:stop]
            if weights is None:
                for x in range(len(run)):
                    total += float(run[x])
            else:
                weight = weights[y, first:stop]
                for x in range(len(run)):
                    total += weight[x] * run[x]
        result[i] = total
    return result


@numba.njit(cache=True, nogil=True)
def add_patterns(
    patterns: NDArray[Any], total: NDArray[Any], zero: NDArray[Any]
) -> None:  # pragma: no cover
    """Add patterns to a total, of which eight fit the type of `zero`.

    Eight at a time take a third to half of the time of one after the other.
    """
    n, height, width = patterns.shape
    number = zero.dtype.type
    for start in range(0, n - n % GROUP, GROUP):
        for y in range(height):
            p0, p1, p2 = patterns[start, y], patterns[start + 1, y], patterns[start + 2, y]
            p3, p4, p5 = patterns[start + 3, y], patterns[start + 4, y], patterns[start + 5, y]
            p6, p7 = patterns[start + 6, y], patterns[start + 7, y]
            row = total[y]
            for x in range(width):
                first = narrow_sum(number(p0[x]), number(p1[x]))
                first = narrow_sum(first, narrow_sum(number(p2[x]), number(p3[x])))
                second = narrow_sum(number(p4[x]), number(p5[x]))
                second = narrow_sum(second, narrow_sum(number(p6[x]), number(p7[x])))
                row[x] += narrow_sum(first, second)
    for i in range(n - n % GROUP, n):
        for y in range(height):
            for x in range(width):
                total[y, x] += number(patterns[i, y, x])


@numba.njit(cache=True, nogil=True)
def _binned(
    patterns: NDArray[Any],
    factor: int,
    lines: NDArray[Any],
    halves: NDArray[Any],
    result: NDArray[np.float32],
) -> None:  # pragma: no cover
    n, height, width = result.shape
    used = width * factor
    for i in range(n):
        for y in range(height):
            rows = patterns[i, y * factor : (y + 1) * factor]
            _add_rows(rows, lines[y * used : (y + 1) * used])
        add_columns(lines, halves, factor, result[i].reshape(-1))


@numba.njit(cache=True, nogil=True)
def add_columns(
    lines: NDArray[Any], halves: NDArray[Any], step: int, result: NDArray[np.float32]
) -> None:  # pragma: no cover
    """Sums of `step` neighbours, for other compiled functions.

    Neighbours in pairs: bins of two or four small integers take 0.6 of the time of a plain loop.

    `lines`, as long as the result times `step`, and `halves`, half as long, are overwritten.
    """
    source, other = lines, halves
    while step % 2 == 0:
        half = other[: len(source) // 2]
        _add_pairs(source, half)
        source, other, step = half, source, step // 2
    if step == 1:
        for x in range(len(result)):
            result[x] = source[x]
        return
    for x in range(len(result)):
        result[x] = source[x * step]
    for column in range(1, step):
        for x in range(len(result)):
            result[x] += source[x * step + column]


@numba.njit(cache=True, nogil=True)
def _add_pairs(line: NDArray[Any], result: NDArray[Any]) -> None:  # pragma: no cover
    """Neighbours together, in a form that vectorizes."""
    for x in range(len(result)):
        result[x] = narrow_sum(line[2 * x], line[2 * x + 1])


@numba.njit(cache=True, nogil=True)
def _add_rows(rows: NDArray[Any], columns: NDArray[Any]) -> None:  # pragma: no cover
    number = columns.dtype.type
    columns[:] = number(0)
    grouped = len(rows) - len(rows) % 4
    for y in range(0, grouped, 4):
        r0, r1, r2, r3 = rows[y], rows[y + 1], rows[y + 2], rows[y + 3]
        for x in range(len(columns)):
            first = narrow_sum(number(r0[x]), number(r1[x]))
            second = narrow_sum(number(r2[x]), number(r3[x]))
            columns[x] = narrow_sum(columns[x], narrow_sum(first, second))
    for y in range(grouped, len(rows)):
        row = rows[y]
        for x in range(len(columns)):
            columns[x] = narrow_sum(columns[x], number(row[x]))
