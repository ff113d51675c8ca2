"""Areas of a pattern in which the detector is saturated."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.faults.sample import Mask, PixelSample

SOME = 6  # patterns of the sample that are looked at
LOWEST = 15  # counts: patterns of few electrons reach their highest count in many pixels
FULL = 15 / 16  # of the highest value: so close below a full counter there are few pixels
PILED = 4.0  # times as many pixels at the highest value as just below it
BEYOND = 0.02  # of the pixels at the highest value may be brighter: single events
EACH = 0.5  # of the patterns of a sample have such an area


def saturation(sample: PixelSample, hidden: Mask) -> float | None:
    """Count at which an area of the patterns is saturated, or None if there is none.

    Parameters
    ----------
    sample : PixelSample
        Sample of patterns; saturation is recognised in whole numbers only.
    hidden : ndarray of bool, shape [ky, kx]
        Pixels that are left out.
    """
    if hidden.all() or not sample.patterns.size:
        return None
    steps = np.linspace(0, sample.count - 1, min(sample.count, SOME)).astype(int)
    patterns = np.where(hidden, 0, sample.patterns[steps])
    worn = _darkest_of_plus(patterns)
    highest = float(np.median(worn.max(axis=(1, 2))))
    if not highest >= LOWEST or not highest.is_integer():
        return None
    full = patterns >= highest
    areas = (worn >= highest).any(axis=(1, 2))
    beyond = int((patterns > highest).sum())
    if np.mean(areas) < EACH or beyond > BEYOND * full.sum() or not _whole(patterns[0]):
        return None
    at, below = int(full.sum()), int((patterns >= FULL * highest).sum())
    still = sample.unit + sample.ground > 0 and full.all(axis=0).any()
    piled = still and at >= PILED * max(below - at, 1)
    counter = np.log2(highest + 1).is_integer() and at > below - at
    return highest if counter or piled else None


def _darkest_of_plus(patterns: NDArray[Any]) -> NDArray[Any]:
    """Minimum of each pixel and the four beside it."""
    darkest = patterns.copy()
    for low, high in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[:, :, 1:], np.s_[:, :, :-1])):
        np.fmin(darkest[low], patterns[high], out=darkest[low])
        np.fmin(darkest[high], patterns[low], out=darkest[high])
    return darkest


def _whole(values: NDArray[Any]) -> bool:
    with np.errstate(invalid="ignore"):
        return bool((values == np.rint(values)).all())
