"""Pattern at a position as its neighbours say: the local part of a band-limited scan."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.band_limit.maps import MOST_NOISE, white_noise
from stemwidgets.arrays.band_limit.neighbours import LEAST_NOISE, MARGIN, read_window
from stemwidgets.arrays.band_limit.waves import Waves

FARTHEST = 12  # positions to each side: more of them would be slow to read, and add little
PIXELS = 256  # brightest ones, on which the noise is measured

Float = NDArray[np.float64]


def pattern_with_neighbours(
    data: Any, position: tuple[int, int], limit: BandLimit
) -> NDArray[np.float32]:
    """Pattern at a position without the noise beyond the limit.

    Positions up to two shortest waves away are read.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        Counts; numpy, dask, or a scan that is repaired while it is read.
    position : (int, int)
        Position ``(iy, ix)``.
    limit : BandLimit
        Limit of the scan frequencies; the edges of the scan count as such.

    Returns
    -------
    ndarray of float32, shape [ky, kx]
        Counts; as they were read where the pattern has none.
    """
    rows, columns = (
        _about(at, size, per_step)
        for at, size, per_step in zip(position, data.shape[:2], limit.per_step, strict=True)
    )
    patterns = read_window(data[rows, columns], _flat)
    here = position[0] - rows.start, position[1] - columns.start
    missing = ~(patterns.sum(axis=-1) > 0)
    shape = data.shape[2], data.shape[3]
    if missing[here]:
        return patterns[here].reshape(shape)
    mean = patterns[~missing].mean(axis=0)
    bright = np.argsort(mean)[-PIXELS:]
    noise = _noise(patterns[..., bright].astype(float), limit, missing)
    waves = Waves((missing.shape[0], missing.shape[1]), limit.per_step, noise)
    if missing.any():
        return np.asarray(waves.fit(patterns, missing)[here], np.float32).reshape(shape)
    found = np.tensordot(waves.weights(here).astype(np.float32), patterns, 2)
    return np.asarray(found, np.float32).reshape(shape)


def _about(at: int, size: int, per_step: float) -> slice:
    """Positions along an axis that are read for one of them."""
    reach = min(math.ceil(MARGIN / per_step), FARTHEST)
    return slice(max(at - reach, 0), min(at + reach + 1, size))


def _flat(patterns: NDArray[Any]) -> NDArray[np.float32]:
    return patterns.reshape(-1, math.prod(patterns.shape[-2:])).astype(np.float32)


def _noise(maps: Float, limit: BandLimit, missing: NDArray[np.bool_]) -> float:
    """Variance of the noise over that of the signal, in the mean of some pixels."""
    noise = float(white_noise(maps, limit, missing).sum())
    signal = float(maps[~missing].var(axis=0).sum()) - noise
    if not noise > 0:
        return LEAST_NOISE
    return max(noise / max(signal, noise / MOST_NOISE), LEAST_NOISE)
