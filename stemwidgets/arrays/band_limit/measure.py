"""Spectrum of a scan, from its maps and their noise.

At each detector pixel the intensity over the position of the probe holds no scan frequency beyond
2α/λ, as the wave is linear in the probe (Rodenburg & Bates, Phil. Trans. R. Soc. A 339, 521 (1992),
doi:10.1098/rsta.1992.0050). Shot noise is alike at all frequencies. What a scan holds beyond the
limit in excess of shot noise are faults: jitter of the scan, or a wrong step or semi-angle.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from stemwidgets.arrays.band_limit.ordered_waves import Powers, power_by_frequency
from stemwidgets.arrays.band_limit.spectrum import STANDS_OUT, ScanSpectrum
from stemwidgets.arrays.band_limit.whole import whole_part
from stemwidgets.arrays.calibration.electrons import wavelength
from stemwidgets.arrays.errors import InputError

SHORTEST = 8  # positions along an axis: fewer tell high frequencies from low ones no more
FEWEST = 8  # waves beyond the limit: fewer have no mean that means something
RESOLVED = 1.5  # times the limit: what is faster is one bin, in a third of the time
BY_CHANCE = 1e-3  # probability that noise feigns a cut-off
FLAT = 20.0  # degrees of freedom at least of the level beyond a cut-off
NYQUIST = 0.45  # cycles per step: a cut-off above is that of the scan steps
NEAR_END = 0.9  # of the frequencies that are resolved: power up to there shows no cut-off
TOP = 0.25  # of the waves: the fastest ones, for the noise where it is not known

Map = NDArray[np.float64]
Pair = tuple[float, float]


def measure_spectrum(
    maps: Map,
    noise: Map,
    steps: Pair,
    limit: float | None = None,
    beam_energy: float | None = None,
    units: str = "1/Å",
    counted: bool = True,
) -> ScanSpectrum:
    """Measure the power of maps over scan frequency, and compare it with a limit.

    Parameters
    ----------
    maps : ndarray, shape [iy, ix, n]
        Maps such as both components of the COM, bright and dark field, or coefficients; NaN where
        they are not defined.
    noise : ndarray, shape [n] or [n, n]
        Variance of the white noise of each map, or their covariance; that of shot noise in the COM
        is <k²>/2N.
    steps : (float, float)
        Distance of the positions along y and x [Å], or 1 where it is not known.
    limit : float, optional
        Highest frequency that the probe can hold, 2α/λ [1/Å].
    beam_energy : float, optional
        Beam energy [keV].
    units : {"1/Å", "1/step"}
        Units of the limit and of all frequencies.
    counted : bool
        False if `noise` is only proportional to the noise, as where the counts of one electron are
        not known.

    Raises
    ------
    InputError
        If maps and noise are not of these shapes, or a step is not positive.
    """
    maps, covariance = np.asarray(maps, dtype=float), _covariance(maps, noise)
    steps = abs(float(steps[0])), abs(float(steps[1]))
    if not min(steps) > 0:
        raise InputError(f"Expected scan steps of more than 0, got {steps}.")
    known: dict[str, Any] = {"units": units, "counted": counted, "limit": limit}
    whole, filled, reason = whole_part(maps, steps, limit, SHORTEST)
    if reason:
        return ScanSpectrum(reason=reason, **known)
    variance = np.diag(covariance)
    used = (variance > 0) & (np.ptp(whole, axis=(0, 1)) > 0)
    if not used.any():
        return ScanSpectrum(reason="the maps are the same everywhere.", **known)
    together = _number_of_maps(covariance[np.ix_(used, used)])
    scale = variance[used] * (1 - filled)
    tried = (None,) if limit is None else (RESOLVED * limit, None)
    for highest in tried:  # all frequencies where the scan does not keep to the limit
        powers = power_by_frequency(whole[..., used], steps, highest)
        levels = powers.power / (scale if counted else _fastest(powers))
        freedom = np.asarray(powers.waves * together, dtype=np.float64)
        found = _beyond(powers, levels, freedom, steps, limit)
        if found.get("excess", 0.0) < 1:
            break
    level = levels.mean(axis=1)
    cutoff = _visible_end(powers.edges, level, freedom, steps, limit, found)
    angle = None
    if cutoff is not None and beam_energy is not None and units == "1/Å":
        angle = 1e3 * wavelength(beam_energy) * cutoff / 2
    if "map_excess" in found:
        each = np.full(len(used), math.nan)
        each[used] = found["map_excess"]
        found["map_excess"] = each
    return ScanSpectrum(
        edges=powers.edges,
        power=level,
        error=np.sqrt(2 / freedom),
        cutoff=cutoff,
        cutoff_error=math.nan if cutoff is None else powers.resolution,
        semi_angle=angle,
        **known,
        **found,
    )


def _covariance(maps: Map, noise: Map) -> Map:
    noise = np.asarray(noise, dtype=float)
    count = np.shape(maps)[-1] if np.ndim(maps) == 3 else 0
    if not count or noise.shape not in ((count,), (count, count)):
        raise InputError(
            "Expected maps [iy, ix, n] with the variances [n] or the covariance [n, n] of their "
            f"noise, got maps of shape {np.shape(maps)} and noise of shape {noise.shape}."
        )
    return np.diag(noise) if noise.ndim == 1 else noise


def _number_of_maps(covariance: Map) -> float:
    """Number of maps with independent noise that have as exact a mean power as these."""
    size = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(size, size)
    return float(len(size) ** 2 / (correlation**2).sum())


def _fastest(powers: Powers) -> Map:
    """Mean power of each map over the fastest bins."""
    faster = powers.waves.sum() - np.cumsum(powers.waves)  # than each bin
    top = faster < TOP * powers.waves.sum()
    waves = powers.waves[top]
    level = (powers.power[top] * waves[:, None]).sum(axis=0) / waves.sum()
    return np.where(level > 0, level, 1.0)


def _beyond(
    powers: Powers, levels: Map, freedom: Map, steps: Pair, limit: float | None
) -> dict[str, Any]:
    """Excess beyond the limit."""
    if limit is None:
        return {}
    aliased = tuple(limit * step >= 0.5 for step in steps)
    beyond = powers.edges[:-1] >= limit * (1 - 1e-9)
    number = int(powers.waves[beyond].sum())
    passed = 1 - number / int(powers.waves.sum())
    if number < FEWEST:
        return {"aliased": aliased, "passed": passed}
    weight = powers.waves / number
    each = (weight[:, None] * (levels - 1))[beyond].sum(axis=0)
    excess = float(np.median(each))  # one map with a noise of its own does not decide
    signal = float((powers.waves * (levels.mean(axis=1) - 1)).sum())
    share = float(each.mean()) * number / signal if signal > 0 else math.nan
    error = (1 + max(excess, 0.0)) * math.sqrt(2 / freedom[beyond].sum())
    return {
        "aliased": aliased,
        "passed": passed,
        "excess": excess,
        "excess_error": error,
        "map_excess": each,
        "share": share,
    }


def _visible_end(
    edges: Map, level: Map, freedom: Map, steps: Pair, limit: float | None, found: dict[str, Any]
) -> float | None:
    """Cut-off that the data show.

    Beyond the limit it is looked for only where an excess stands out, and it is none where the
    power goes on to the highest frequencies, as that of lines that are shifted.
    """
    excess, end = found.get("excess", math.inf), NYQUIST / max(steps)
    if limit is not None and excess < 1:
        end = min(end, NEAR_END * float(edges[-2]))
    if limit is None or excess > STANDS_OUT * found.get("excess_error", 0.0):
        cutoff = _cutoff(edges, level, freedom, math.inf)
        if cutoff is not None and cutoff < end:
            return cutoff
        if limit is None or excess >= 1:
            return None
    return _cutoff(edges, level, freedom, min(limit, end))


def _cutoff(edges: Map, level: Map, freedom: Map, end: float) -> float | None:
    """Upper edge of the highest bin that stands out from the mean of all beyond it.

    Only bins that begin below `end` are asked.
    """
    for index in range(len(level) - 2, -1, -1):
        rest = freedom[index + 1 :]
        if rest.sum() < FLAT or edges[index] >= end:
            continue
        flat = float((level[index + 1 :] * rest).sum() / rest.sum())
        by_chance = stats.f.sf(level[index] / flat, freedom[index], rest.sum())
        if by_chance < BY_CHANCE / len(level):
            return float(edges[index + 1])
    return None
