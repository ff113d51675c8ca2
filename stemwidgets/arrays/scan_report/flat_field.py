"""Gain of the camera's pixels, from the mean pattern against its smooth neighbourhood."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stemwidgets.arrays.scan_report.between_lines import Scatter

FILTERS = {  # of even order: what bends slowly is gone
    2: np.array([1.0, -2.0, 1.0]),
    4: np.array([1.0, -4.0, 6.0, -4.0, 1.0]),
}
EDGE = 1.5  # px inside the edge of the disc, where the pattern falls
FEWEST = 60  # pixels from which a gain is measured
NORMAL = 1.4826  # standard deviation over median deviation
INDEPENDENT = 0.2  # share of the pixels, after a median and a filter that joins them
STANDS_OUT = 4.0  # standard errors of what the noise of counting alone would be

Map = NDArray[np.float64]


def measure_gain(
    mean_pattern: Map,
    level: Map,
    hidden: NDArray[np.bool_],
    depth: Map,
    electrons: Map,
) -> Scatter:
    """Find the scatter of the pixels' gain over its mean, in the direct beam.

    It is NaN from too few pixels. All are images ``[ky, kx]``: the mean pattern, filled where it is
    hidden; the median `level` of the pixels about each; the `depth` inside the edge of the beam
    [px]; and the electrons that each pixel stands for. It is the smaller result of filters of two
    orders: structure of the pattern differs, gain not.
    """
    found = [
        _of_order(order, mean_pattern, level, hidden, depth - EDGE - order / 2, electrons)
        for order in FILTERS
    ]
    known = [each for each in found if math.isfinite(each.rms)]
    return min(known, key=lambda each: each.rms) if known else found[0]


def _of_order(
    order: int, plain: Map, level: Map, hidden: NDArray[np.bool_], depth: Map, electrons: Map
) -> Scatter:
    taps = FILTERS[order]
    rest = ndimage.correlate1d(ndimage.correlate1d(plain, taps, 0), taps, 1) / (taps @ taps)
    far = ~ndimage.binary_dilation(hidden, np.ones((order + 1, order + 1)))
    used = (depth > 0) & (level > 0) & far
    count = int(used.sum())
    if count < FEWEST:
        return Scatter(math.nan, math.nan, False)
    relative = rest[used] / level[used]
    total = (NORMAL * float(np.median(np.abs(relative - np.median(relative))))) ** 2
    shot = float(np.mean(1 / np.maximum(electrons[used], 1e-9)))
    gain = total - shot
    relative_error = math.sqrt(2 / (INDEPENDENT * count))
    error = max(total, shot) * relative_error
    if gain > STANDS_OUT * shot * relative_error:
        rms = math.sqrt(gain)
        return Scatter(rms, error / (2 * rms), True)
    return Scatter(math.sqrt(max(gain, 0.0)), math.sqrt(max(gain, 0.0) + 2 * error), False)
