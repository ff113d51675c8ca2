"""Zeroth and first moments of patterns, at about the speed of reading them.

The plain kernel: two rows at a time, in the narrowest type that holds their sums. It takes half
the time of a loop in float64 for integers of 16 bits, and a quarter where pixels are left out.
Bytes have a faster one, weights one of their own. Sums of integers are exact as long as they stay
below 2⁵³.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.kernels.intrinsics import fetch, narrow_sum
from stemwidgets.arrays.kernels.limits import Watch, watch_pattern
from stemwidgets.arrays.kernels.moments_uint8 import byte_moments, fills_words
from stemwidgets.arrays.kernels.weighted_moments import weighted_moments

AHEAD = 8192  # bytes that are fetched before they are needed: with 2048 it takes 1.2 times as long
NARROW = 4  # bytes of the largest integers that are added up as integers

Moments = NDArray[np.float64]


def kept_moments(
    patterns: NDArray[Any],
    keep: NDArray[np.bool_] | None = None,
    threshold: float | None = None,
    watch: Watch | None = None,
) -> Moments:
    """Sums ``(Σ I, Σ I·y, Σ I·x)`` of each pattern over the pixels to keep.

    Parameters
    ----------
    patterns : ndarray, shape [n, ky, kx]
        Contiguous, of a type that numba knows.
    keep : ndarray of bool, shape [ky, kx], optional
        True where a pixel counts; the others may hold anything. All count if not given.
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
    if keep is None and threshold is not None:
        keep = np.ones(patterns.shape[1:], dtype=bool)
    low, bits = 0, None
    if dtype.kind != "f" and dtype.itemsize <= NARROW:
        limits = np.iinfo(dtype)
        low = limits.min if threshold is None else max(int(np.ceil(threshold)), int(limits.min))
        if low > limits.max:
            low, keep = limits.min, np.zeros(patterns.shape[1:], dtype=bool)
        quick = dtype.kind == "u" or (keep is not None and low == limits.min)
        if quick and fills_words(patterns):
            return byte_moments(patterns, keep, low, watch)
        bits = None if keep is None else np.where(keep, ~dtype.type(0), dtype.type(0))
    elif keep is not None:
        return weighted_moments(patterns, keep.astype(np.float64), None, threshold, watch)
    result = np.empty((n, 3))
    _walk(patterns, bits, dtype.type(low), places(dtype, width), watch, result)
    return result


def places(dtype: np.dtype[Any], width: int, rows: int = 1) -> NDArray[Any]:
    """Places of the columns that are added up at once, in the type of their sums.

    Two lines of so many counts, each the sum of `rows` pixels, have a first moment below
    2 · rows · 2ᵇ · W² / 2, with b bits in a pixel: it fits 32 bits if W ≤ 2^((32 - b) / 2) / √rows.
    """
    bits = 8 * dtype.itemsize + int(rows).bit_length() - 1
    if dtype.kind == "f" or bits >= 64:  # sums of 64 bits, which would wrap around
        return np.arange(width, dtype=np.float64)
    size = 32 if bits <= 18 else 64
    kind = "u" if dtype.kind == "u" else "i"
    return np.arange(min(width, 2 ** ((size - bits) // 2)), dtype=f"{kind}{size // 8}")


@numba.njit(cache=True, nogil=True)
def _walk(
    patterns: NDArray[Any],
    bits: NDArray[Any] | None,
    low: Any,
    places: NDArray[Any],
    watch: Watch | None,
    result: Moments,
) -> None:  # pragma: no cover
    for i in range(len(patterns)):
        add_moments(patterns[i], bits, low, places, result[i])
        if watch is not None:
            watch_pattern(patterns, i, watch)


@numba.njit(cache=True, nogil=True)
def add_moments(
    pattern: NDArray[Any],
    bits: NDArray[Any] | None,
    low: Any,
    places: NDArray[Any],
    result: Moments,
) -> None:  # pragma: no cover
    """The sums of :func:`kept_moments` of one pattern, for other compiled functions.

    All `bits` are set where a pixel to keep counts, if it is not below `low`.
    """
    height, width = pattern.shape
    line = width * pattern.itemsize
    total = moment_y = moment_x = 0.0
    for y in range(0, height, 2):
        z = min(y + 1, height - 1)
        for byte in range(y * line + AHEAD, (y + 2) * line + AHEAD, 64):
            fetch(pattern, byte)
        for left in range(0, width, len(places)):
            part = slice(left, min(left + len(places), width))
            first, second = pattern[y, part], pattern[z, part]
            if bits is None:
                both, below, along = _pair(first, second, None, None, low, places)
            else:
                both, below, along = _pair(first, second, bits[y, part], bits[z, part], low, places)
            if y == z:  # the last of an odd number of rows: taken twice
                both, below, along = both / 2, 0.0, along / 2
            total += both
            moment_y += y * both + below
            moment_x += left * both + along
    result[0] = total
    result[1] = moment_y
    result[2] = moment_x


@numba.njit(cache=True, nogil=True, forceinline=True, fastmath={"reassoc", "contract", "nsz"})
def _pair(
    first: NDArray[Any], second: NDArray[Any], keep: Any, keep_second: Any, low: Any, places: Any
) -> tuple[float, float, float]:  # pragma: no cover
    """Sum of two rows, of the second, and the first moment of both along the row."""
    number = places.dtype.type
    both, below, along = number(0), number(0), number(0)
    for x in range(len(first)):
        a, b = number(first[x]), number(second[x])
        if keep is not None:
            a = number(first[x] & keep[x]) if first[x] >= low else number(0)
            b = number(second[x] & keep_second[x]) if second[x] >= low else number(0)
        two = narrow_sum(a, b)
        both, below = narrow_sum(both, two), narrow_sum(below, b)
        along = narrow_sum(along, number(two * places[x]))
    return float(both), float(below), float(along)
