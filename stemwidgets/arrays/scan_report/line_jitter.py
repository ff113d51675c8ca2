"""Scatter of the scan lines, from what neighbouring lines have in common.

Down the scan a map holds no frequency beyond 2α/λ. What is left of it once all that is slower is
projected out (Slepian's sequences, which need no periodic scan) is noise, and what lines have that
are shifted: the slope of the map times the shift. Noise is alike along a line and does not follow
that slope, so that the two are distinguished: a variance component, found by the method of moments.

Slepian, Bell Syst. Tech. J. 57, 1371 (1978), doi:10.1002/j.1538-7305.1978.tb02104.x.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import signal, stats

from stemwidgets.arrays.scan_report.band_limit import low_passed
from stemwidgets.arrays.scan_report.scatter import BY_CHANCE, Scatter

REACH = 0.85  # of the highest frequency: the transfer of the probe ends there in practice
LEAK = 1e-4  # share of a sequence below that frequency: such are projected out
FEWEST_LINES = 16  # in a scan: fewer leave nothing faster than a map can be
FEWEST_LEFT = 4  # dimensions that are not projected out
FEWEST_POSITIONS = 12  # in a line
MOST = 256  # lines and positions that are looked at, in the middle of the scan
EDGE = 2  # positions at either end of a line, where slopes are one-sided
LEAST = 0.02  # scan steps: so much what the specimen holds beyond REACH may feign

Map = NDArray[np.float64]


def measure_jitter(maps: Map, limit: tuple[float, float]) -> tuple[Scatter, Scatter] | None:
    """Measure the shifts of lines down and along the scan.

    Parameters
    ----------
    maps : ndarray, shape [iy, ix, n]
        Maps such as the centre of mass and the bright-field image.
    limit : (float, float)
        Highest frequency that a map can have, in cycles per step down and along.

    Returns
    -------
    (Scatter, Scatter) or None
        Down and along; None where there are too few lines, or maps that are not defined.
    """
    maps = _middle(maps)
    rows, columns = maps.shape[:2]
    if rows < FEWEST_LINES or columns < FEWEST_POSITIONS or not np.isfinite(maps).all():
        return None
    fast = fast_waves(rows, limit[0])
    if np.trace(fast) < FEWEST_LEFT:
        return None
    smooth = low_passed(maps, limit)[0]
    inner = slice(EDGE, -EDGE)
    rest = np.tensordot(fast, maps, 1)[:, inner]
    size = np.sqrt(np.mean(rest**2, axis=(0, 1)))
    if not np.all(size > 0):
        return None
    rest = _about_mean(rest / size)
    down, along = (
        _component(_about_mean(np.asarray(slope)[:, inner] / size), rest, fast)
        for slope in np.gradient(smooth, axis=(0, 1))
    )
    return down, along


def _middle(maps: Map) -> Map:
    starts = [max((size - MOST) // 2, 0) for size in maps.shape[:2]]
    return maps[starts[0] : starts[0] + MOST, starts[1] : starts[1] + MOST]


def fast_waves(rows: int, limit: float) -> Map:
    """Projection of sequences down the scan to what is faster than a map can be.

    Parameters
    ----------
    rows : int
        Lines of the scan.
    limit : float
        Highest frequency that a map can have, in cycles per line.
    """
    half = min(REACH * limit, 0.49) * rows
    count = min(rows - 1, int(2 * half) + 12)
    slow, inside = signal.windows.dpss(rows, max(half, 0.5), count, return_ratios=True)
    slow = slow[inside > LEAK]
    return np.asarray(np.eye(rows) - slow.T @ slow)


def _about_mean(lines: Map) -> Map:
    """Lines less their mean, which a line may have from the beam or the descan coils."""
    return lines - lines.mean(axis=1, keepdims=True)


def _component(slope: Map, rest: Map, fast: Map) -> Scatter:
    """Variance of the shifts, beside that of white noise."""
    flat = slope.reshape(len(slope), -1)
    model = fast * (flat @ flat.T)  # also the covariance of what white noise of variance 1 leaves
    fitted = (flat * rest.reshape(len(rest), -1)).sum(axis=1)
    count = float(np.trace(fast)) * (rest[0].size - rest.shape[2])
    trace, squares = float(np.trace(model)), float((model**2).sum())
    equations = np.array([[count, trace], [trace, squares]])
    if not (trace > 0 and np.linalg.det(equations) > 0):
        return Scatter(math.nan, math.inf, False)
    energy, explained = float((rest**2).sum()), float(fitted @ fitted)
    white, shifts = np.linalg.solve(equations, [energy, explained])
    error = abs(white) * math.sqrt(2 / squares)
    freedom = trace**2 / squares  # of the sum of squares (Satterthwaite)
    beside_noise = explained / trace * count / energy
    if stats.chi2.sf(freedom * beside_noise, freedom) < BY_CHANCE and shifts > LEAST**2:
        rms = math.sqrt(shifts)
        sampling = rms / math.sqrt(2 * freedom)
        return Scatter(rms, math.hypot(error / (2 * rms), sampling), True)
    most = math.sqrt(max(shifts, 0.0) + 2 * error)
    return Scatter(math.sqrt(max(shifts, 0.0)), max(most, LEAST), False)
