"""Zeroth and first moments of patterns, at about the speed of reading them.

Sums of integers are exact as long as they stay below 2⁵³.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.kernels.intrinsics import fetch, narrow_sum
from stemwidgets.arrays.kernels.limits import Watch, watch_rows
from stemwidgets.arrays.kernels.moments_uint8 import as_words, byte_moments

GROUP = 8  # rows that are added up in registers
AHEAD = 8192  # bytes that are fetched before they are needed: 1024 take 1.2 times as long
_MOST = 28  # 0 + 1 + … + 7, the largest sum of weights inside a group

Moments = NDArray[np.float64]


def plain_moments(patterns: NDArray[Any], watch: Watch | None = None) -> Moments:
    """Sums ``(Σ I, Σ I·y, Σ I·x)`` of each pattern.

    Parameters
    ----------
    patterns : ndarray, shape [n, ky, kx]
        Contiguous, of a type that numba knows.
    watch : Watch, optional
        Limits that the patterns are compared with while they are in the cache.

    Returns
    -------
    ndarray of float64, shape [n, 3]
        Not finite where a pixel is not.
    """
    words = as_words(patterns)
    if words is not None:
        return byte_moments(patterns, words, watch)
    columns: NDArray[Any] = np.empty(patterns.shape[-1], dtype=accumulator(patterns))
    result = np.empty((len(patterns), 3))
    _plain(patterns, columns, watch, result)
    return result


def accumulator(patterns: NDArray[Any]) -> type:
    """Narrowest type that certainly holds the sums of a group and of a column of counts."""
    kind, longest = patterns.dtype.kind, max(patterns.shape[1:])
    if kind == "f" or patterns.itemsize == 8:  # sums of 64 bits, which would wrap around
        return np.float64
    narrow, wide = (np.uint32, np.uint64) if kind == "u" else (np.int32, np.int64)
    largest = _MOST * longest * 2 ** (8 * patterns.itemsize)
    return narrow if largest <= np.iinfo(narrow).max else wide


@numba.njit(cache=True, nogil=True)
def _plain(
    patterns: NDArray[Any], columns: NDArray[Any], watch: Watch | None, result: Moments
) -> None:  # pragma: no cover
    for i in range(len(patterns)):
        add_moments(patterns, i, columns, watch, result[i])


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def add_moments(
    patterns: NDArray[Any],
    i: int,
    columns: NDArray[Any],
    watch: Watch | None,
    result: Moments,
) -> None:  # pragma: no cover
    """The sums of :func:`plain_moments` of pattern number `i`, for other compiled functions.

    `columns`, of the width of a pattern, is of a type that the sums of eight rows surely fit.
    """
    _, height, width = patterns.shape
    line = width * patterns.itemsize
    columns[:] = 0
    total = moment_y = 0.0
    for y in range(0, height - GROUP + 1, GROUP):
        rows = patterns[i, y : y + GROUP]
        for byte in range(AHEAD, AHEAD + GROUP * line, 64):
            fetch(rows, byte)
        together, within = _group(rows, columns)
        total += together
        moment_y += y * together + within
        if watch is not None:
            watch_rows(patterns, i, i + 1, y, y + GROUP, watch)
    for y in range(height - height % GROUP, height):
        together = _row(patterns[i, y], columns)
        total += together
        moment_y += y * together
    if watch is not None and height % GROUP:
        watch_rows(patterns, i, i + 1, height - height % GROUP, height, watch)
    result[0] = total
    result[1] = moment_y
    result[2] = _column_moment(columns)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _group(rows: Any, columns: NDArray[Any]) -> tuple[float, float]:  # pragma: no cover
    """Sum and first moment of eight rows, which are added to the columns."""
    number = columns.dtype.type
    r0, r1, r2, r3 = rows[0], rows[1], rows[2], rows[3]
    r4, r5, r6, r7 = rows[4], rows[5], rows[6], rows[7]
    together = number(0)
    within = number(0)
    for x in range(len(columns)):
        part = number(r7[x])
        moment = part
        part = narrow_sum(part, number(r6[x]))
        moment = narrow_sum(moment, part)
        part = narrow_sum(part, number(r5[x]))
        moment = narrow_sum(moment, part)
        part = narrow_sum(part, number(r4[x]))
        moment = narrow_sum(moment, part)
        part = narrow_sum(part, number(r3[x]))
        moment = narrow_sum(moment, part)
        part = narrow_sum(part, number(r2[x]))
        moment = narrow_sum(moment, part)
        part = narrow_sum(part, number(r1[x]))
        moment = narrow_sum(moment, part)
        part = narrow_sum(part, number(r0[x]))
        columns[x] = narrow_sum(columns[x], part)
        together = narrow_sum(together, part)
        within = narrow_sum(within, moment)
    return float(together), float(within)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _row(row: Any, columns: NDArray[Any]) -> float:  # pragma: no cover
    number = columns.dtype.type
    together = number(0)
    for x in range(len(columns)):
        value = number(row[x])
        columns[x] = narrow_sum(columns[x], value)
        together = narrow_sum(together, value)
    return float(together)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _column_moment(columns: NDArray[Any]) -> float:  # pragma: no cover
    moment = 0.0
    for x in range(len(columns)):
        moment += x * float(columns[x])
    return moment
