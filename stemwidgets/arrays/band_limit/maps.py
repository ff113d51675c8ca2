"""Maps of a scan without the noise beyond its band limit."""

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.band_limit.neighbours import LEAST_NOISE, Neighbours

MOST_MISSING = 0.5  # of the positions of a window, to measure noise in it
MOST_NOISE = 10.0  # over the signal: with more nothing would be left of it

Map = NDArray[np.float64]


def band_limited(maps: Map, limit: BandLimit) -> tuple[Map, Map]:
    """Maps without the noise beyond the limit.

    One noise over signal, of the map where the signal is strongest, is taken for all of them, so
    that the result is linear in the maps.

    Parameters
    ----------
    maps : ndarray, shape [iy, ix, n]
        Maps; NaN where they are not defined, which stays.
    limit : BandLimit
        Limit of the scan frequencies.

    Returns
    -------
    maps : ndarray, shape [iy, ix, n]
    variance : ndarray, shape [iy, ix]
        Share of the variance of the noise that is left at each position.
    """
    missing: NDArray[np.bool_] = np.asarray(~np.isfinite(maps).all(axis=-1))
    if missing.all():
        return maps.copy(), np.full(missing.shape, np.nan)
    return neighbours_of(maps, limit, missing).fit_maps(maps, missing)


def limited_centroids(moments: Map, about: Map, limit: BandLimit) -> tuple[Map, Map]:
    """Centres of mass without the noise beyond the limit.

    The sums over each pattern are what has the limit, not their ratio.

    Parameters
    ----------
    moments : ndarray, shape [iy, ix, 3]
        Sums ``(Σ I, Σ I·y, Σ I·x)`` of each pattern.
    about : ndarray, shape [2] or [iy, ix, 2]
        Position ``(y, x)`` of no deflection.
    limit : BandLimit
        Limit of the scan frequencies.

    Returns
    -------
    centroids : ndarray, shape [iy, ix, 2]
        ``(y, x)``; NaN where a pattern has no counts.
    variance : ndarray, shape [iy, ix]
        Share of the variance of their noise that is left.
    """
    total = np.where(moments[..., :1] > 0, moments[..., :1], np.nan)
    first = moments[..., 1:] - about * total
    missing: NDArray[np.bool_] = np.isnan(total[..., 0])
    if missing.all():
        return np.full(first.shape, np.nan), np.full(missing.shape, np.nan)
    neighbours = neighbours_of(first, limit, missing)
    sums, variance = neighbours.fit_maps(np.concatenate([total, first], axis=-1), missing)
    return sums[..., 1:] / sums[..., :1] + about, variance


def neighbours_of(maps: Map, limit: BandLimit, missing: NDArray[np.bool_]) -> Neighbours:
    """Neighbours in a scan, with the noise of that of its maps in which the signal is strongest."""
    noise = white_noise(maps, limit, missing)
    signal = np.maximum(maps[~missing].var(axis=0) - noise, noise / MOST_NOISE)
    # a map that is the same everywhere has neither
    ratio = np.divide(noise, signal, out=np.full_like(noise, np.nan), where=signal > 0)
    return Neighbours.of(missing.shape, limit, float(np.nanmin(ratio, initial=MOST_NOISE)))


def white_noise(maps: Map, limit: BandLimit, missing: NDArray[np.bool_]) -> Map:
    """Variance of the white noise of maps, ``[n]``, from what no wave within the limit fits.

    `missing` positions, ``[iy, ix]``, are left out. NaN where too few positions are left.
    """
    exact = Neighbours.of(missing.shape, limit, LEAST_NOISE)
    left, freedom = np.zeros(maps.shape[2]), 0.0
    for rows, columns, _ in exact.windows:
        gaps = missing[rows, columns]
        if gaps.mean() > MOST_MISSING:
            continue
        part = maps[rows, columns]
        rest = (part - exact.waves.fit(part, gaps))[~gaps]
        left += (rest**2).sum(axis=0)
        freedom += max(exact.waves.residual_freedom - float(gaps.sum()), 0.0)
    return left / freedom if freedom > 0 else np.full(maps.shape[2], np.nan)
