"""Moments of patterns whose pixels do not all count alike, at half the speed of reading or more.

Four patterns go together, so that each row of mask, weights and background is fetched once for all
four. Nothing is stored in the inner loops, which are short: a row or two. Sums of integers are
exact as long as they stay below 2⁵³.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.kernels.intrinsics import fetch, narrow_sum
from stemwidgets.arrays.kernels.limits import ROWS, Watch, watch_rows
from stemwidgets.arrays.kernels.moments_uint8 import PIXELS, kept_byte_moments

TOGETHER = 4  # patterns: more of them need more registers than there are
WIDEST = 256  # columns of two rows, whose first moment fits 32 bits: 2 · 2¹⁶ · 256² / 2 ≤ 2³²
AHEAD = 2048  # bytes that are fetched before they are needed
NARROW = 4  # bytes of the largest integers that are added up as integers

Moments = NDArray[np.float64]


def kept_moments(
    patterns: NDArray[Any],
    keep: NDArray[np.bool_],
    threshold: float | None = None,
    watch: Watch | None = None,
) -> Moments:
    """Sums ``(Σ I, Σ I·y, Σ I·x)`` of each pattern over the pixels to keep.

    Parameters
    ----------
    patterns : ndarray, shape [n, ky, kx]
        Contiguous, of a type that numba knows.
    keep : ndarray of bool, shape [ky, kx]
        True where a pixel counts; the others may hold anything.
    threshold : float, optional
        Pixels with fewer counts are left out.
    watch : Watch, optional
        Limits that the patterns are compared with while they are in the cache.

    Returns
    -------
    ndarray of float64, shape [n, 3]
        Not finite where a pixel to keep is not.
    """
    dtype, (n, _, width) = patterns.dtype, patterns.shape
    if dtype.kind == "f" or dtype.itemsize > NARROW:
        return weighted_moments(patterns, keep.astype(np.float64), None, threshold, watch)
    limits = np.iinfo(dtype)
    low = limits.min if threshold is None else max(int(np.ceil(threshold)), int(limits.min))
    if low > limits.max:
        low, keep = limits.min, np.zeros_like(keep)
    if dtype.itemsize == 1 and width % PIXELS == 0 and (dtype.kind == "u" or low == limits.min):
        return kept_byte_moments(patterns, keep, low, watch)
    bits = np.where(keep, ~dtype.type(0), dtype.type(0))
    number = f"{'i' if dtype.kind == 'i' else 'u'}{4 if dtype.itemsize <= 2 else 8}"
    places = np.arange(min(width, WIDEST), dtype=number)
    result = np.empty((n, 3))
    how = (_even(bits), dtype.type(low), places)
    _walk(patterns, how, None, None, np.empty((TOGETHER, 3)), watch, result)
    return result


def weighted_moments(
    patterns: NDArray[Any],
    weights: NDArray[np.float64],
    background: NDArray[np.float64] | None = None,
    threshold: float | None = None,
    watch: Watch | None = None,
) -> Moments:
    """Sums ``(Σ J, Σ J·y, Σ J·x)`` of each pattern, with J = w (I − background) or 0.

    Parameters
    ----------
    patterns : ndarray, shape [n, ky, kx]
        Contiguous, of a type that numba knows.
    weights : ndarray, shape [ky, kx]
        J is 0 where the weight w is 0, whatever the pixel holds.
    background : ndarray, shape [ky, kx], optional
        0 if not given.
    threshold : float, optional
        J is 0 where I − background is below.
    watch : Watch, optional
        As for `kept_moments`.

    Returns
    -------
    ndarray of float64, shape [n, 3]
        Not finite where a pixel that counts is not.
    """
    n, _, width = patterns.shape
    places, result = np.arange(width, dtype=np.float64), np.empty((n, 3))
    sums = np.empty((TOGETHER, 3))
    if patterns.dtype.kind != "f" and background is None and threshold is None:
        _walk(patterns, None, (_even(weights), places), None, sums, watch, result)
        return result
    dark = np.zeros(weights.shape) if background is None else background
    low = -np.inf if threshold is None else float(threshold)
    _walk(patterns, None, None, (weights, dark, low, places), sums, watch, result)
    return result


def _even(image: NDArray[Any]) -> NDArray[Any]:
    """The same with an even number of rows: the last, if one is missing, counts nothing."""
    return np.pad(image, ((0, len(image) % 2), (0, 0)))


@numba.njit(cache=True, nogil=True)
def _walk(
    patterns: NDArray[Any],
    kept: Any,
    weighted: Any,
    above: Any,
    sums: Moments,
    watch: Watch | None,
    result: Moments,
) -> None:  # pragma: no cover
    """Read four patterns at a time by rows, in the way for which arguments are given."""
    n, height, _ = patterns.shape
    if kept is not None:
        bits, low, places = kept
    if weighted is not None:
        weights, places = weighted
    if above is not None:
        weights, dark, low, places = above
    step = 2 if above is None else 1
    for start in range(0, n, TOGETHER):
        four = _four(start, n)
        sums[:] = 0.0
        for y in range(0, height, step):
            _fetch(patterns, start, y, step)
            if kept is not None:
                _add_kept(patterns, four, y, bits, low, places, sums)
            if weighted is not None:
                _add_weighted(patterns, four, y, weights, places, sums)
            if above is not None:
                _add_above(patterns, four, y, weights, dark, low, places, sums)
            if watch is not None and ((y + step) % ROWS == 0 or y + step >= height):
                stop = min(start + TOGETHER, n)
                watch_rows(patterns, start, stop, y - y % ROWS, y + step, watch)
        result[start : start + TOGETHER] = sums[: n - start]


@numba.njit(cache=True, nogil=True)
def _four(start: int, n: int) -> Any:  # pragma: no cover
    """Four patterns from one on; the last again where there are fewer."""
    return start, min(start + 1, n - 1), min(start + 2, n - 1), min(start + 3, n - 1)


@numba.njit(cache=True, nogil=True)
def _fetch(patterns: NDArray[Any], start: int, y: int, rows: int) -> None:  # pragma: no cover
    """Prefetch what follows some rows of four patterns."""
    _, height, width = patterns.shape
    line = width * patterns.itemsize
    for k in range(TOGETHER):
        first = ((start + k) * height + y) * line + AHEAD
        for byte in range(first, first + rows * line, 64):
            fetch(patterns, byte)


@numba.njit(cache=True, nogil=True, forceinline=True)
def _add_kept(
    patterns: NDArray[Any],
    four: Any,
    y: int,
    bits: NDArray[Any],
    low: Any,
    places: NDArray[Any],
    sums: Moments,
) -> None:  # pragma: no cover
    for left in range(0, patterns.shape[2], WIDEST):
        _add_part(patterns, four, y, left, bits, low, places, sums)


@numba.njit(cache=True, nogil=True)
def _add_part(
    patterns: NDArray[Any],
    four: Any,
    y: int,
    left: int,
    bits: NDArray[Any],
    low: Any,
    places: NDArray[Any],
    sums: Moments,
) -> None:  # pragma: no cover
    """Two rows, or a part of them, in the narrow type of `places`."""
    number = places.dtype.type
    zero = number(0)
    right, z = min(left + len(places), patterns.shape[2]), min(y + 1, patterns.shape[1] - 1)
    a0, b0 = patterns[four[0], y, left:right], patterns[four[0], z, left:right]
    a1, b1 = patterns[four[1], y, left:right], patterns[four[1], z, left:right]
    a2, b2 = patterns[four[2], y, left:right], patterns[four[2], z, left:right]
    a3, b3 = patterns[four[3], y, left:right], patterns[four[3], z, left:right]
    bits_a, bits_b = bits[y, left:right], bits[y + 1, left:right]
    t0 = t1 = t2 = t3 = v0 = v1 = v2 = v3 = h0 = h1 = h2 = h3 = zero
    for x in range(right - left):
        bit_a, bit_b, place = bits_a[x], bits_b[x], places[x]
        second = number(b0[x] & bit_b) if b0[x] >= low else zero
        both = narrow_sum(second, number(a0[x] & bit_a) if a0[x] >= low else zero)
        v0, t0 = narrow_sum(v0, second), narrow_sum(t0, both)
        h0 = narrow_sum(h0, number(both * place))
        second = number(b1[x] & bit_b) if b1[x] >= low else zero
        both = narrow_sum(second, number(a1[x] & bit_a) if a1[x] >= low else zero)
        v1, t1 = narrow_sum(v1, second), narrow_sum(t1, both)
        h1 = narrow_sum(h1, number(both * place))
        second = number(b2[x] & bit_b) if b2[x] >= low else zero
        both = narrow_sum(second, number(a2[x] & bit_a) if a2[x] >= low else zero)
        v2, t2 = narrow_sum(v2, second), narrow_sum(t2, both)
        h2 = narrow_sum(h2, number(both * place))
        second = number(b3[x] & bit_b) if b3[x] >= low else zero
        both = narrow_sum(second, number(a3[x] & bit_a) if a3[x] >= low else zero)
        v3, t3 = narrow_sum(v3, second), narrow_sum(t3, both)
        h3 = narrow_sum(h3, number(both * place))
    total = float(t0), float(t1), float(t2), float(t3)
    vertical = float(v0), float(v1), float(v2), float(v3)
    horizontal = float(h0), float(h1), float(h2), float(h3)
    for k in range(TOGETHER):
        sums[k, 0] += total[k]
        sums[k, 1] += y * total[k] + vertical[k]
        sums[k, 2] += left * total[k] + horizontal[k]


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _add_weighted(
    patterns: NDArray[Any],
    four: Any,
    y: int,
    weights: NDArray[np.float64],
    places: NDArray[np.float64],
    sums: Moments,
) -> None:  # pragma: no cover
    """Two rows of integers; a pixel of weight 0 adds 0."""
    z = min(y + 1, patterns.shape[1] - 1)
    a0, b0 = patterns[four[0], y], patterns[four[0], z]
    a1, b1 = patterns[four[1], y], patterns[four[1], z]
    a2, b2 = patterns[four[2], y], patterns[four[2], z]
    a3, b3 = patterns[four[3], y], patterns[four[3], z]
    weights_a, weights_b = weights[y], weights[y + 1]
    t0 = t1 = t2 = t3 = v0 = v1 = v2 = v3 = h0 = h1 = h2 = h3 = 0.0
    for x in range(len(places)):
        weight_a, weight_b, place = weights_a[x], weights_b[x], places[x]
        second = float(b0[x]) * weight_b
        both = float(a0[x]) * weight_a + second
        v0, t0, h0 = v0 + second, t0 + both, h0 + place * both
        second = float(b1[x]) * weight_b
        both = float(a1[x]) * weight_a + second
        v1, t1, h1 = v1 + second, t1 + both, h1 + place * both
        second = float(b2[x]) * weight_b
        both = float(a2[x]) * weight_a + second
        v2, t2, h2 = v2 + second, t2 + both, h2 + place * both
        second = float(b3[x]) * weight_b
        both = float(a3[x]) * weight_a + second
        v3, t3, h3 = v3 + second, t3 + both, h3 + place * both
    total, vertical, horizontal = (t0, t1, t2, t3), (v0, v1, v2, v3), (h0, h1, h2, h3)
    for k in range(TOGETHER):
        sums[k, 0] += total[k]
        sums[k, 1] += y * total[k] + vertical[k]
        sums[k, 2] += horizontal[k]


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _add_above(
    patterns: NDArray[Any],
    four: Any,
    y: int,
    weights: NDArray[np.float64],
    background: NDArray[np.float64],
    low: float,
    places: NDArray[np.float64],
    sums: Moments,
) -> None:  # pragma: no cover
    """A row of numbers of any type; -∞, which is below `low`, gives NaN, times 0."""
    r0, r1 = patterns[four[0], y], patterns[four[1], y]
    r2, r3 = patterns[four[2], y], patterns[four[3], y]
    weight, dark = weights[y], background[y]
    t0 = t1 = t2 = t3 = h0 = h1 = h2 = h3 = 0.0
    for x in range(len(places)):
        w, d, place = weight[x], dark[x], places[x]
        i0, i1 = float(r0[x]) - d, float(r1[x]) - d
        i2, i3 = float(r2[x]) - d, float(r3[x]) - d
        i0 *= 0.0 if i0 < low else w
        i1 *= 0.0 if i1 < low else w
        i2 *= 0.0 if i2 < low else w
        i3 *= 0.0 if i3 < low else w
        i0, i1 = (i0 if w != 0 else 0.0), (i1 if w != 0 else 0.0)
        i2, i3 = (i2 if w != 0 else 0.0), (i3 if w != 0 else 0.0)
        t0, t1, t2, t3 = t0 + i0, t1 + i1, t2 + i2, t3 + i3
        h0, h1, h2, h3 = h0 + place * i0, h1 + place * i1, h2 + place * i2, h3 + place * i3
    total, horizontal = (t0, t1, t2, t3), (h0, h1, h2, h3)
    for k in range(TOGETHER):
        sums[k, 0] += total[k]
        sums[k, 1] += y * total[k]
        sums[k, 2] += horizontal[k]
