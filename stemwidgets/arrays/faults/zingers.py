"""Single pixels of single patterns that light up: cosmic rays, X-rays, sparks (zingers)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.faults.events import in_type

# of the zinger: the brightest neighbour but one stays below, as no feature is one pixel wide
ISOLATED = 0.5
FEWEST_NEIGHBOURS = 3  # with finite values, to judge by
MOST = 0.01  # of all values: where more exceed the limit, it belongs to another scan


def without_zingers(patterns: NDArray[Any], limit: NDArray[np.float32]) -> NDArray[Any]:
    """Patterns in which zingers hold the median of their neighbours.

    A zinger lies above the limit, and at most one neighbour is half as bright: features of the
    pattern, however rare, are wider.

    Parameters
    ----------
    patterns : ndarray, shape [n, ky, kx]
        Patterns, which are not changed.
    limit : ndarray, shape [ky, kx]
        Highest count of each pixel but for zingers and rare bright features; infinite where a
        pixel is left out.

    Returns
    -------
    ndarray
        The patterns themselves if there is no zinger, or if so much lies above the limit that it
        belongs to another scan.
    """
    above = patterns > in_type(limit.astype(float), patterns.dtype)
    some = np.flatnonzero(above.any(axis=(1, 2)))
    i, y, x = np.nonzero(above[some])
    if len(i) == 0 or len(i) > MOST * patterns.size:
        return patterns
    i = some[i]
    around = _neighbours(patterns, np.isinf(limit), i, y, x)
    known = np.isfinite(around).sum(axis=1)
    second = np.sort(around, axis=1)[np.arange(len(i)), np.maximum(known - 2, 0)]
    zinger = (known >= FEWEST_NEIGHBOURS) & (second < ISOLATED * patterns[i, y, x])
    if not zinger.any():
        return patterns
    i, y, x, around = i[zinger], y[zinger], x[zinger], around[zinger]
    cleaned = patterns.copy()
    cleaned[i, y, x] = np.nanmedian(around, axis=1)
    return cleaned


def _neighbours(
    patterns: NDArray[Any],
    hidden: NDArray[np.bool_],
    i: NDArray[np.intp],
    y: NDArray[np.intp],
    x: NDArray[np.intp],
) -> NDArray[np.float64]:
    """The eight pixels around each of some, ``[n, 8]``; NaN where there is none or it is hidden."""
    height, width = patterns.shape[-2:]
    step = np.array([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)])
    near_y, near_x = y[:, None] + step[:, 0], x[:, None] + step[:, 1]
    outside = (near_y < 0) | (near_y >= height) | (near_x < 0) | (near_x >= width)
    near_y, near_x = near_y.clip(0, height - 1), near_x.clip(0, width - 1)
    around = patterns[i[:, None], near_y, near_x].astype(float)
    around[outside | hidden[near_y, near_x]] = np.nan
    return around
