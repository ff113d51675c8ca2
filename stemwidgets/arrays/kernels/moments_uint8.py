"""Zeroth and first moments of patterns of bytes, eight pixels in a word.

It takes 0.7 of the time of the plain kernel, and 0.6 where pixels are left out (0.75 if signed).

A word of eight bytes is split into its even and its odd pixels, each with 16 bits: both are added
up without being taken apart. A column here is a pair of pixels; what the second of each adds to the
moment along x is summed apart.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.kernels.intrinsics import fetch
from stemwidgets.arrays.kernels.limits import Watch, watch_pattern

GROUP = 8  # rows added up in registers: their moment is below 28 · 2 · 2⁸ < 2¹⁶ in each pair
STRIP = 128  # rows of which a column of pairs of bytes fits 16 bits: 128 · 2 · 255 < 2¹⁶
AHEAD = 8192  # bytes that are fetched before they are needed, as in the plain kernel
PIXELS = 8  # in a word
BYTE, HALF, LONG = np.uint64(8), np.uint64(16), np.uint64(32)  # bits of a shift
BYTES = np.uint64(0x00FF00FF00FF00FF)  # every other byte: even pixels, with room for 16 bits each
SIGNS = np.uint64(0x8080808080808080)  # the highest bit of each byte
HALVES = np.uint64(0x0000FFFF0000FFFF)  # every other 16 bits, with room for 32 each
LOW_HALF = np.uint64(0xFFFF)  # the first of four 16-bit numbers
LOW_LONG = np.uint64(0xFFFFFFFF)  # the first of two 32-bit numbers

Words = NDArray[np.uint64]


def fills_words(patterns: NDArray[Any]) -> bool:
    """True for contiguous patterns of bytes of which eight rows and eight columns go together."""
    eights = patterns.shape[1] % GROUP == 0 and patterns.shape[2] % PIXELS == 0
    return patterns.itemsize == 1 and eights and patterns.ctypes.data % PIXELS == 0


def byte_moments(
    patterns: NDArray[Any],
    keep: NDArray[np.bool_] | None = None,
    low: int = 0,
    watch: Watch | None = None,
) -> NDArray[np.float64]:
    """Sums ``(Σ I, Σ I·y, Σ I·x)`` of each pattern over the pixels to keep, ``[n, 3]``, exact.

    Patterns of uint8 or int8 ``[n, ky, kx]`` must fill words; int8 only with pixels to keep. Pixels
    of uint8 with fewer counts than `low` are left out. For `keep` and `watch` see `kept_moments`.
    Each pixel has a floor, which it must exceed to count: one comparison serves mask and threshold.
    The rest becomes the least number, which is 0: with their highest bit turned, signed numbers are
    larger by 128.
    """
    limits, (n, _, width) = np.iinfo(patterns.dtype), patterns.shape
    signed = limits.min < 0
    floors = None
    if keep is not None:
        floor = limits.min if signed else max(low, 1) - 1
        floors = np.where(keep.ravel(), floor, limits.max).astype(patterns.dtype)
    band, result = np.empty((GROUP, width), patterns.dtype), np.empty((n, 3))
    words = patterns.view(np.uint64), band.view(np.uint64)
    _walk(patterns, words, floors, patterns.dtype.type(limits.min), band, watch, result)
    if keep is None or not signed:
        return result
    y, x = np.nonzero(keep)
    return result - 128 * np.array([len(y), y.sum(), x.sum()], np.float64)


@numba.njit(cache=True, nogil=True)
def _walk(
    patterns: NDArray[Any],
    words: tuple[Words, Words],
    floors: NDArray[Any] | None,
    least: Any,
    band: NDArray[Any],
    watch: Watch | None,
    result: NDArray[np.float64],
) -> None:  # pragma: no cover
    n, height, width = patterns.shape
    columns = np.empty(width // PIXELS, np.uint64)
    flat, filled = patterns.reshape(n, -1), band.reshape(-1)
    for i in range(n):
        total = moment_y = moment_x = 0.0
        for top in range(0, height, STRIP):
            columns[:] = np.uint64(0)
            for y in range(top, min(top + STRIP, height), GROUP):
                start = (i * height + y) * width + AHEAD
                for byte in range(start, start + GROUP * width, 64):
                    fetch(patterns, byte)
                if floors is None:
                    together, within, second = _group(words[0][i, y : y + GROUP], columns)
                else:
                    part = slice(y * width, (y + GROUP) * width)
                    _exceeding(flat[i, part], floors[part], least, filled)
                    if least < 0:
                        for row in range(GROUP):
                            for x in range(len(columns)):
                                words[1][row, x] ^= SIGNS
                    together, within, second = _group(words[1], columns)
                total += together
                moment_y += y * together + within
                moment_x += second
            moment_x += _pair_moment(columns)
        result[i, 0] = total
        result[i, 1] = moment_y
        result[i, 2] = moment_x
        if watch is not None:
            watch_pattern(patterns, i, watch)


@numba.njit(cache=True, nogil=True, forceinline=True)
def _exceeding(
    pixels: NDArray[Any], floors: NDArray[Any], least: Any, band: NDArray[Any]
) -> None:  # pragma: no cover
    """Copy pixels above their floors into a band, and the least number for all others."""
    for x in range(len(band)):
        band[x] = pixels[x] if pixels[x] > floors[x] else least


@numba.njit(cache=True, nogil=True)
def _group(rows: Any, columns: Words) -> tuple[float, float, float]:  # pragma: no cover
    """Sum and first moment of eight rows, which are added to the columns; sum of odd pixels."""
    together = within = second = np.uint64(0)
    for x in range(len(columns)):
        part = moment = odds = np.uint64(0)
        for row in range(GROUP):  # from the last on, so that each row's sum counts its place
            word = rows[GROUP - 1 - row, x]
            odd = (word >> BYTE) & BYTES
            odds += odd
            part += (word & BYTES) + odd
            if row < GROUP - 1:
                moment += part
        columns[x] += part
        together += (part & HALVES) + ((part >> HALF) & HALVES)
        within += (moment & HALVES) + ((moment >> HALF) & HALVES)
        second += (odds & HALVES) + ((odds >> HALF) & HALVES)
    return _both(together), _both(within), _both(second)


@numba.njit(cache=True, nogil=True)
def _both(word: np.uint64) -> float:  # pragma: no cover
    """Sum of the two halves of a word."""
    return float(word & LOW_LONG) + float(word >> LONG)


@numba.njit(cache=True, nogil=True)
def _pair_moment(columns: Words) -> float:  # pragma: no cover
    """First moment along x, as if both pixels of a pair were its first."""
    moment = 0.0
    for x in range(len(columns)):
        word = columns[x]
        for pair in range(PIXELS // 2):
            moment += float(PIXELS * x + 2 * pair) * float(word & LOW_HALF)
            word >>= HALF
    return moment
