"""Single pixels of single patterns that light up: cosmic rays, X-rays, sparks (zingers)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.faults.events import in_type
from stemwidgets.arrays.faults.sample import places_around

# of the zinger: the brightest neighbour but one stays below, as no feature is one pixel wide
ISOLATED = 0.5
FEWEST_NEIGHBOURS = 3  # with finite values, to judge by
MOST = 0.01  # of all values: where more exceed the limit, it belongs to another scan


def without_zingers(patterns: NDArray[Any], limit: NDArray[np.float32]) -> NDArray[Any]:
    """Patterns ``[n, ky, kx]`` in which zingers hold the median of their neighbours.

    A zinger lies above the limit of its pixel, which is infinite where one is left out, and at most
    one neighbour is half as bright: features of the pattern, however rare, are wider. The patterns
    themselves if there is no zinger, or if so much lies above the limit that it belongs to another
    scan.
    """
    above = patterns > in_type(limit.astype(float), patterns.dtype)
    some = np.flatnonzero(above.any(axis=(1, 2)))
    i, y, x = np.nonzero(above[some])
    if len(i) == 0 or len(i) > MOST * patterns.size:
        return patterns
    i = some[i]
    near_y, near_x, there = places_around(y, x, np.isinf(limit), 1)
    around = np.where(there, patterns[i[:, None], near_y, near_x].astype(float), np.nan)
    known = np.isfinite(around).sum(axis=1)
    second = np.sort(around, axis=1)[np.arange(len(i)), np.maximum(known - 2, 0)]
    zinger = (known >= FEWEST_NEIGHBOURS) & (second < ISOLATED * patterns[i, y, x])
    if not zinger.any():
        return patterns
    i, y, x, around = i[zinger], y[zinger], x[zinger], around[zinger]
    cleaned = patterns.copy()
    cleaned[i, y, x] = np.nanmedian(around, axis=1)
    return cleaned
