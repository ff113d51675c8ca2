"""Patterns moved by whole pixels."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.calibration.descan import Descan

REACH = 0.75  # px: the beam is moved by whole pixels if it goes farther, and the mask with it

Map = NDArray[np.float64]
Float = NDArray[np.float32]
Mask = NDArray[np.bool_]


def whole_pixels(descan: Descan) -> NDArray[np.int64]:
    """Whole pixels ``[iy, ix, 2]`` by which patterns are moved."""
    departure = descan.departure
    whole = np.rint(departure).astype(np.int64)
    return whole if np.abs(departure).max() > REACH else np.zeros_like(whole)


def put_back(pattern: Float, departure: Map) -> Float:
    """A pattern ``[ky, kx]`` about its own centre where the beam falls; NaN beyond its edges.

    Parameters
    ----------
    pattern : ndarray, shape [ky, kx]
        A reconstructed pattern, for example.
    departure : ndarray, shape [2]
        Departure of the beam ``(y, x)`` [px], rounded to whole pixels.
    """
    result = np.full_like(pattern, np.nan)
    there, here = [], []
    for shift, size in zip(np.rint(departure).astype(int), pattern.shape, strict=True):
        there.append(slice(max(0, shift), min(size, size + shift)))
        here.append(slice(max(0, -shift), min(size, size - shift)))
    result[tuple(there)] = pattern[tuple(here)]
    return result


@numba.njit(cache=True, nogil=True)
def moved(
    patterns: NDArray[Any],
    whole: NDArray[np.int64],
    hidden: Mask,
    result: NDArray[Any],
    seen: Mask,
) -> None:  # pragma: no cover
    """Move patterns ``[n, ky, kx]`` back by whole pixels ``[n, 2]``; 0 where nothing is seen."""
    n, height, width = patterns.shape
    for i in range(n):
        for y in range(height):
            from_y = y + whole[i, 0]
            for x in range(width):
                from_x = x + whole[i, 1]
                known = 0 <= from_y < height and 0 <= from_x < width
                if known:
                    known = not hidden[from_y, from_x]
                seen[i, y, x] = known
                if known:
                    result[i, y, x] = patterns[i, from_y, from_x]
                else:
                    result[i, y, x] = 0
