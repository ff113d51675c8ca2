"""Spread of the counts of whole patterns, beyond the noise of counting.

From line to line a map holds no frequency beyond 2α/λ down the scan. What the sums of the patterns
hold there is the noise of counting, which the pixels show one by one, and what all pixels have in
common: a beam current that flickers, or a shutter that is uneven.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from stemwidgets.arrays.scan_report.line_jitter import FEWEST_LEFT, FEWEST_LINES, MOST, fast_waves
from stemwidgets.arrays.scan_report.scatter import BY_CHANCE, Scatter

COUNTED = 0.05  # of the variance by counting: its error from pixels that count each electron,
SHARED = 3.0  # and from those that may share electrons with their neighbours

Map = NDArray[np.float64]


def measure_flicker(sums: Map, limit: float, spread: float, doubt: float) -> Scatter | None:
    """Find how far the counts of patterns scatter from line to line, beyond counting.

    Parameters
    ----------
    sums : ndarray, shape [iy, ix]
        Counts of each pattern.
    limit : float
        Highest frequency that a map can have, in cycles per line.
    spread : float
        Variance of the counts of a pattern over their mean, from its pixels.
    doubt : float
        Relative error of `spread`: `COUNTED` or `SHARED`.

    Returns
    -------
    Scatter or None
        None where there are too few lines, or patterns without counts.
    """
    start = max((len(sums) - MOST) // 2, 0)
    sums = sums[start : start + MOST]
    mean = float(sums.mean())
    if len(sums) < FEWEST_LINES or not mean > 0:
        return None
    fast = fast_waves(len(sums), limit)
    lines = float(np.trace(fast))
    if lines < FEWEST_LEFT:
        return None
    rest = fast @ sums
    freedom = lines * sums.shape[1]
    by_line = sums.shape[1] * float((rest.mean(axis=1) ** 2).sum()) / lines
    found = float((rest**2).sum()) / freedom
    counting = spread * mean
    alone = (1 + doubt) * counting
    by_chance = min(
        float(stats.chi2.sf(part * size / alone, part)) if alone > 0 else 0.0
        for part, size in ((freedom, found), (lines, by_line))
    )
    excess = max(found - counting, 0.0)
    rms = math.sqrt(excess) / mean
    error = (max(found, counting) * math.sqrt(2 / freedom) + doubt * counting) / mean**2
    if by_chance < BY_CHANCE and rms > 0:
        of_lines = rms / math.sqrt(2 * lines)  # where all positions of a line have it in common
        return Scatter(rms, math.hypot(error / (2 * rms), of_lines), True)
    return Scatter(rms, math.sqrt(rms**2 + 2 * error), False)
