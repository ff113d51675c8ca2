"""Error to be expected of the direction of a centre of mass, from the dose.

The centre of mass of N electrons has the error √(⟨k²⟩/2N) along each axis, and its direction that
over its length.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.scan_report.band_limit import low_passed

SHORTEST = 20  # per cent: where a centre of mass is among the shortest its direction means little
STANDS_OUT = 3.0  # standard errors by which the deflections exceed the noise

Map = NDArray[np.float64]


@dataclass(frozen=True)
class ExpectedAngle:
    """Certainty of the direction of one pattern's centre of mass.

    Parameters
    ----------
    std : float
        Median of its standard deviation [rad], over the patterns but those with the shortest
        centre of mass; infinite where the deflections do not exceed the noise.
    noise : float
        Error of the centre of mass along one axis [units of `com`].
    deflection : float
        Root mean square of the deflections along one axis, without the noise.
    """

    std: float
    noise: float
    deflection: float


def expected_angle(
    com: Map, electrons: Map, variance: float, limit: tuple[float, float] | None
) -> ExpectedAngle:
    """Predict the error of the direction of the centre of mass.

    Parameters
    ----------
    com : ndarray, shape [iy, ix, 2]
        Less descan, in units in which both components count alike; NaN is left out.
    electrons : ndarray, shape [iy, ix]
        Number in each pattern.
    variance : float
        ⟨k²⟩/2 of a pattern about its centre of mass, in those units squared.
    limit : (float, float) or None
        Highest frequency of the scan, in cycles per step, where it is known.
    """
    seen = np.isfinite(com).all(axis=-1) & (electrons > 0)
    if not seen.any():
        return ExpectedAngle(math.inf, math.nan, math.nan)
    noise = np.sqrt(variance / np.where(seen, electrons, 1.0))
    typical = float(np.sqrt((noise[seen] ** 2).mean()))
    centred = com - com[seen].mean(axis=0)
    share = 1.0
    if limit is not None and seen.all():
        centred, share = low_passed(centred, limit)
    squares = (centred[seen] ** 2).sum(axis=-1)
    power = float(squares.mean()) - 2 * share * typical**2
    error = 2 * share * typical**2 / math.sqrt(max(share * len(squares), 1.0))
    if not power > STANDS_OUT * error or not squares.any():
        return ExpectedAngle(math.inf, typical, math.sqrt(max(power, 0.0) / 2))
    length = np.sqrt(squares * power / squares.mean())
    long = length > np.percentile(length, SHORTEST)
    std = float(np.median(noise[seen][long] / length[long])) if long.any() else math.inf
    return ExpectedAngle(std, typical, math.sqrt(power / 2))
