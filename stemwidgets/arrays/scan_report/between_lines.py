"""Scatter between the lines of a scan: of their places, and of the counts of whole patterns.

Down the scan a map holds no frequency beyond 2α/λ. What is left of it once all that is slower is
projected out (Slepian's sequences, which need no periodic scan) is noise, and what lines have that
are shifted: the slope of the map times the shift. Noise is alike along a line and does not follow
that slope, so that the two are distinguished: a variance component, found by the method of moments.
What the sums of the patterns hold there is the noise of counting, which the pixels show one by one,
and what all pixels have in common: a beam current that flickers, or a shutter that is uneven.

Slepian, Bell Syst. Tech. J. 57, 1371 (1978), doi:10.1002/j.1538-7305.1978.tb02104.x.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal, stats

from stemwidgets.arrays.band_limit.limit import low_passed, middle

REACH = 0.85  # of the highest frequency: the transfer of the probe ends there in practice
LEAK = 1e-4  # share of a sequence below that frequency: such are projected out
FEWEST_LINES = 16  # in a scan: fewer leave nothing faster than a map can be
FEWEST_LEFT = 4  # dimensions that are not projected out
FEWEST_POSITIONS = 12  # in a line
MOST = 256  # lines and positions that are looked at, in the middle of the scan
EDGE = 2  # positions at either end of a line, where slopes are one-sided
LEAST = 0.02  # scan steps: so much what the specimen holds beyond REACH may feign
BY_CHANCE = 1e-4  # probability that noise feigns so much
COUNTED = 0.05  # of the variance by counting: its error from pixels that count each electron,
SHARED = 3.0  # and from those that may share electrons with their neighbours

Map = NDArray[np.float64]


@dataclass(frozen=True)
class Scatter:
    """Scatter beyond noise, in the units of the quantity.

    Parameters
    ----------
    rms : float
        Root mean square.
    error : float
        Standard error of `rms`, or an upper limit of it where it does not stand out.
    stands_out : bool
        True if it is more than noise.
    """

    rms: float
    error: float
    stands_out: bool


def measure_jitter(maps: Map, limit: tuple[float, float]) -> tuple[Scatter, Scatter] | None:
    """Measure the shifts of lines down and along the scan, in scan steps.

    Maps ``[iy, ix, n]`` are such as the centre of mass and the bright-field image; the limit is the
    highest frequency that a map can have, in cycles per step down and along. None where there are
    too few lines, or maps that are not defined.
    """
    maps = maps[middle(maps.shape[0], MOST), middle(maps.shape[1], MOST)]
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


def fast_waves(rows: int, limit: float) -> Map:
    """Projection of sequences of so many lines to what is faster than a map can be.

    The limit is the highest frequency that a map can have, in cycles per line.
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
    sums = sums[middle(len(sums), MOST)]
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
