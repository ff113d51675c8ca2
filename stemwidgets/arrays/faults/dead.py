"""Dead pixels: those that never change amid light."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stemwidgets.arrays.faults.sample import Map, Mask, PixelSample

LIT = 30.0  # electrons that a pixel near a dead one holds in all patterns together
FEW = 16  # patterns
REACH = 2  # pixels
MOST = 4  # pixels together: more are a beam stop

# to the next pixel along the two axes and both diagonals
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


def dead_pixels(sample: PixelSample, mean: Map, known: Mask) -> Mask:
    """Pixels that never change while pixels on both sides of them, in two directions, do.

    Parameters
    ----------
    sample : PixelSample
        Sample of patterns.
    mean : ndarray, shape [ky, kx]
        Mean pattern, filled in where pixels are left out already.
    known : ndarray of bool, shape [ky, kx]
        Pixels that are left out already.

    Returns
    -------
    ndarray of bool, shape [ky, kx]
        Dead pixels that were not known. A beam stop is wider than what is found.
    """
    variance, count = sample.variance, sample.count
    still = (variance == 0) & ~known
    if count < FEW:  # then the values that were drawn in may be all that vary
        still &= (sample.patterns == sample.patterns[0]).all(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        electrons = count * mean**2 / variance
    lit = (variance > 0) & (electrons > LIT) & ~known
    y, x = np.nonzero(still)
    sides = np.zeros(len(y), dtype=int)
    darker = np.ones(len(y), dtype=bool)
    for step in _STEPS:
        there, one = _within_reach(lit, mean, y, x, step)
        here, other = _within_reach(lit, mean, y, x, (-step[0], -step[1]))
        both = there & here
        sides += both
        darker &= ~both | (mean[y, x] < 0.5 * np.minimum(one, other))
    found = np.zeros_like(still)
    found[y, x] = (sides >= 2) & darker
    labels, _ = ndimage.label(found, np.ones((3, 3)))
    return found & (np.bincount(labels.ravel())[labels] <= MOST)


def _within_reach(
    lit: Mask, mean: Map, y: NDArray[np.intp], x: NDArray[np.intp], step: tuple[int, int]
) -> tuple[Mask, Map]:
    """True where a lit pixel is near in a direction, and the count of the nearest."""
    near, value = np.zeros(len(y), dtype=bool), np.zeros(len(y))
    for i in range(1, REACH + 1):
        a, b = y + i * step[0], x + i * step[1]
        inside = (a >= 0) & (a < lit.shape[0]) & (b >= 0) & (b < lit.shape[1])
        a, b = a.clip(0, lit.shape[0] - 1), b.clip(0, lit.shape[1] - 1)
        new = inside & lit[a, b] & ~near
        value[new] = mean[a, b][new]
        near |= new
    return near, value
