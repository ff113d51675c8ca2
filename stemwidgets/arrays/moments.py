"""Zeroth and first moments of patterns, at about the speed of reading them.

Sums of integers are exact as long as they stay below 2⁵³.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.byte_moments import as_words, byte_moments
from stemwidgets.arrays.intrinsics import fetch, narrow_sum

GROUP = 8  # rows that are added up in registers
AHEAD = 1024  # bytes that are fetched before they are needed
_MOST = 28  # 0 + 1 + … + 7, the largest sum of weights inside a group

Moments = NDArray[np.float64]


def plain_moments(patterns: NDArray[Any]) -> Moments:
    """Sums ``(Σ I, Σ I·y, Σ I·x)`` of each pattern.

    Parameters
    ----------
    patterns : ndarray, shape [n, ky, kx]
        Contiguous, of a type that numba knows.

    Returns
    -------
    ndarray of float64, shape [n, 3]
        Not finite where a pixel is not.
    """
    words = as_words(patterns)
    if words is not None:
        return byte_moments(patterns, words)
    columns: NDArray[Any] = np.empty(patterns.shape[-1], dtype=_accumulator(patterns))
    return _plain(patterns, columns)


def kept_moments(patterns: NDArray[Any], keep: NDArray[np.bool_]) -> Moments:
    """The sums of :func:`plain_moments` over the pixels to keep, whatever the others hold.

    Parameters
    ----------
    patterns : ndarray, shape [n, ky, kx]
        Contiguous, of a type that numba knows.
    keep : ndarray of bool, shape [ky, kx]
        True where a pixel counts.
    """
    columns: NDArray[Any] = np.empty(patterns.shape[-1], dtype=_accumulator(patterns))
    return _kept(patterns, keep, columns, *_spans(keep))


def weighted_moments(
    patterns: NDArray[Any],
    weights: NDArray[np.float64],
    background: NDArray[np.float64],
    threshold: float,
) -> Moments:
    """Sums ``(Σ J, Σ J·y, Σ J·x)`` of each pattern, with J = w (I − background) or 0.

    Parameters
    ----------
    patterns : ndarray, shape [n, ky, kx]
        Contiguous, of a type that numba knows.
    weights, background : ndarray, shape [ky, kx]
        J is 0 where the weight w is 0, whatever the pixel holds.
    threshold : float
        J is 0 where I − background is below.

    Returns
    -------
    ndarray of float64, shape [n, 3]
    """
    return _weighted(patterns, weights, background, float(threshold), *_spans(weights != 0))


def _spans(used: NDArray[np.bool_]) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Where the used part of each row begins and ends."""
    some = used.any(axis=1)
    last = used.shape[1] - used[:, ::-1].argmax(axis=1)
    return np.where(some, used.argmax(axis=1), 0), np.where(some, last, 0)


def _accumulator(patterns: NDArray[Any]) -> type:
    """The narrowest type that the sums of a group and of a column of counts surely fit."""
    kind, longest = patterns.dtype.kind, max(patterns.shape[1:])
    if kind == "f":
        return np.float64
    narrow, wide = (np.uint32, np.uint64) if kind == "u" else (np.int32, np.int64)
    largest = _MOST * longest * 2 ** (8 * patterns.itemsize)
    return narrow if largest <= np.iinfo(narrow).max else wide


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _plain(patterns: NDArray[Any], columns: NDArray[Any]) -> Moments:  # pragma: no cover
    result = np.empty((len(patterns), 3))
    for i in range(len(patterns)):
        add_moments(patterns[i], columns, result[i])
    return result


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def add_moments(
    pattern: NDArray[Any], columns: NDArray[Any], result: Moments
) -> None:  # pragma: no cover
    """The sums of :func:`plain_moments` of one pattern, for other compiled functions.

    `columns`, of the width of the pattern, is of a type that the sums of eight rows surely fit.
    """
    height, width = pattern.shape
    line = width * pattern.itemsize
    columns[:] = 0
    total = 0.0
    moment_y = 0.0
    for y in range(0, height - GROUP + 1, GROUP):
        for byte in range(y * line + AHEAD, (y + GROUP) * line + AHEAD, 64):
            fetch(pattern, byte)
        together, within = _group(pattern[y : y + GROUP], columns)
        total += together
        moment_y += y * together + within
    for y in range(height - height % GROUP, height):
        together = _row(pattern[y], columns)
        total += together
        moment_y += y * together
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


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _kept(  # pragma: no cover
    patterns: NDArray[Any],
    keep: NDArray[np.bool_],
    columns: NDArray[Any],
    first: NDArray[np.int_],
    last: NDArray[np.int_],
) -> Moments:
    n, height, _ = patterns.shape
    number = columns.dtype.type
    nothing = number(0)
    result = np.empty((n, 3))
    for i in range(n):
        columns[:] = 0
        total = 0.0
        moment_y = 0.0
        for y in range(height):
            start, stop = first[y], last[y]
            row, kept, column = patterns[i, y, start:stop], keep[y, start:stop], columns[start:stop]
            together = nothing
            for x in range(stop - start):
                value = number(row[x]) if kept[x] else nothing
                column[x] = narrow_sum(column[x], value)
                together = narrow_sum(together, value)
            total += float(together)
            moment_y += y * float(together)
        result[i, 0] = total
        result[i, 1] = moment_y
        result[i, 2] = _column_moment(columns)
    return result


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _weighted(  # pragma: no cover
    patterns: NDArray[Any],
    weights: NDArray[np.float64],
    background: NDArray[np.float64],
    threshold: float,
    first: NDArray[np.int_],
    last: NDArray[np.int_],
) -> Moments:
    n, height, width = patterns.shape
    columns = np.empty(width)
    result = np.empty((n, 3))
    for i in range(n):
        columns[:] = 0
        total = 0.0
        moment_y = 0.0
        for y in range(height):
            start, stop = first[y], last[y]
            row, column = patterns[i, y, start:stop], columns[start:stop]
            weight, dark = weights[y, start:stop], background[y, start:stop]
            together = 0.0
            for x in range(stop - start):
                value = float(row[x]) - dark[x]
                factor = 0.0 if value < threshold else weight[x]  # 0 · inf tells of the inf
                value = 0.0 if weight[x] == 0 else value * factor
                column[x] += value
                together += value
            total += together
            moment_y += y * together
        result[i, 0] = total
        result[i, 1] = moment_y
        result[i, 2] = _column_moment(columns)
    return result
