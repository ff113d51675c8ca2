"""Mean pattern and dark field of a scan whose beam wanders over the detector."""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import iterate_blocks
from stemwidgets.arrays.checks import require_scan

Map = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Aligned:
    """Mean pattern and dark field of patterns that are followed as the beam wanders.

    Parameters
    ----------
    mean_pattern : ndarray, shape [ky, kx]
        Mean of the patterns, each moved by whole pixels; 0 where `hidden`.
    hidden : ndarray of bool, shape [ky, kx]
        True where no pattern had a pixel to show.
    dark_field : ndarray, shape [iy, ix]
        Counts outside the disc over the mean counts of a pattern.
    """

    mean_pattern: Map
    hidden: NDArray[np.bool_]
    dark_field: Map


def align(
    data: Any,
    departure: Map,
    center: tuple[float, float],
    inner: float,
    aspect: float = 1.0,
    mask: NDArray[np.bool_] | None = None,
) -> Aligned:
    """Read a scan once and follow its beam.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        Counts; numpy or dask (read one chunk at a time).
    departure : ndarray, shape [iy, ix, 2]
        ``(y, x)`` of the beam from its mean position [px].
    center : (float, float)
        ``(ky, kx)`` of the disc at the mean position [px].
    inner : float
        Radius [kx-pixels] about the disc's centre beyond which all is dark field.
    aspect : float
        Height over width of a pixel.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out, whatever it holds.

    Raises
    ------
    InputError
        If `data` is not a scan.
    """
    require_scan(data)
    shape = data.shape[2:]
    hidden = np.zeros(shape, dtype=bool) if mask is None else mask
    total, seen = np.zeros(shape), np.zeros(shape)
    dark_field, counts = np.empty(data.shape[:2]), 0.0
    for where, patterns in iterate_blocks(data):
        moved = departure[where].reshape(-1, 2)
        dark, bright = _follow(
            patterns.reshape(-1, *shape), hidden, moved, center, inner, aspect, total, seen
        )
        dark_field[where] = dark.reshape(dark_field[where].shape)
        counts += bright
    mean = np.divide(total, seen, out=np.zeros(shape), where=seen > 0)
    return Aligned(mean, seen == 0, dark_field * (dark_field.size / counts if counts > 0 else 0.0))


@numba.njit(cache=True, nogil=True)
def _follow(
    patterns: NDArray[Any],
    hidden: NDArray[np.bool_],
    moved: Map,
    center: tuple[float, float],
    inner: float,
    aspect: float,
    total: Map,
    seen: Map,
) -> tuple[Map, float]:  # pragma: no cover
    n, height, width = patterns.shape
    dark = np.zeros(n)
    counts = 0.0
    for i in range(n):
        shift_y, shift_x = round(moved[i, 0]), round(moved[i, 1])
        middle_y, middle_x = center[0] + moved[i, 0], center[1] + moved[i, 1]
        for y in range(height):
            dy = (y - middle_y) * aspect
            to_y = y - shift_y
            for x in range(width):
                if hidden[y, x]:
                    continue
                value = float(patterns[i, y, x])
                counts += value
                if dy * dy + (x - middle_x) ** 2 > inner * inner:
                    dark[i] += value
                to_x = x - shift_x
                if 0 <= to_y < height and 0 <= to_x < width:
                    total[to_y, to_x] += value
                    seen[to_y, to_x] += 1
    return dark, counts
