"""Search for the faults of a detector, in a sample of the patterns of a scan."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stemwidgets.arrays.faults.events import EventLimits
from stemwidgets.arrays.faults.isolated import isolated_pixels
from stemwidgets.arrays.faults.left_out import LeftOut
from stemwidgets.arrays.faults.lines import faulty_rows
from stemwidgets.arrays.faults.sample import Map, Mask, PixelSample, sample_scan
from stemwidgets.arrays.masks import filled_in

FEWEST = 2  # pixels with counts, or a pattern is a test image of one point
ROUNDS = 2  # a pixel beside a faulty one is judged again without it
LIT = 30.0  # electrons that a pixel near a dead one holds in all patterns together
FEW = 16  # patterns: in fewer the values that were drawn in may be all that vary
REACH = 2  # pixels from a dead one to a lit one
MOST = 4  # dead pixels together: more are a beam stop

# to the next pixel along the two axes and both diagonals
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))
SOME = 6  # patterns of the sample that are searched for saturated areas
LOWEST = 15  # counts: patterns of few electrons reach their highest count in many pixels
FULL = 15 / 16  # of the highest value: so close below a full counter there are few pixels
PILED = 4.0  # times as many pixels at the highest value as just below it
BEYOND = 0.02  # of the pixels at the highest value may be brighter: single events
EACH = 0.5  # of the patterns of a sample have such an area


def find_faulty(data: Any, mask: Mask | None = None) -> LeftOut:
    """Find hot, weak and dead pixels, rows and columns, and the limits of single events.

    Every number comes from a sample of patterns spread over the scan, without the few highest and
    lowest values of each pixel: no single value can move it. Pixels of the mask ``[ky, kx]`` are
    left out anyway, and are not in the result; events are found while the scan is read. An
    InputError if `data` holds no patterns.
    """
    sample = sample_scan(data)
    given = np.zeros(sample.mean.shape, dtype=bool) if mask is None else mask
    found, rows, columns = _faults(sample, given)
    rest = ~(found | given | sample.broken)
    lit = (
        sample.mean[rest].any() or np.median((sample.patterns[:, rest] != 0).sum(axis=1)) >= FEWEST
    )
    if not lit:  # all that there is to see is what would be left out
        found, rows, columns = sample.broken & ~given, (), ()
    limits = EventLimits.of(sample, found | given) if lit and sample.count > 2 else None
    return LeftOut(found, rows, columns, limits, _saturation(sample, found | given))


def _faults(sample: PixelSample, given: Mask) -> tuple[Mask, tuple[int, ...], tuple[int, ...]]:
    known = sample.broken | given
    if known.all():
        return sample.broken & ~given, (), ()
    noise = _noise(sample)
    rows = faulty_rows(sample.mean, noise, known)
    columns = faulty_rows(sample.mean.T, noise.T, known.T)
    found = sample.broken.copy()
    found[list(rows)] = True
    found[:, list(columns)] = True
    for _ in range(ROUNDS):
        known = found | given
        if known.all():
            break
        mean = filled_in(sample.mean, known)
        more = isolated_pixels(sample, mean, known)
        more |= _dead_pixels(sample, mean, known)
        found |= more
        if not more.any():
            break
    whole = sample.broken & ~given
    rows = tuple(sorted({*rows, *np.flatnonzero(whole.all(axis=1)).tolist()}))
    columns = tuple(sorted({*columns, *np.flatnonzero(whole.all(axis=0)).tolist()}))
    return found & ~given, rows, columns


def _noise(sample: PixelSample) -> Map:
    variance = np.maximum(sample.variance, sample.noise)
    single = sample.unit / sample.count
    return np.asarray(np.sqrt(np.maximum(variance / sample.count, single**2)))


def _dead_pixels(sample: PixelSample, mean: Map, known: Mask) -> Mask:
    """Pixels that never change while pixels on both sides of them, in two directions, do.

    The mean is filled in where pixels are known. A beam stop is wider than what is found.
    """
    variance, count = sample.variance, sample.count
    still = (variance == 0) & ~known
    if count < FEW:
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


def _saturation(sample: PixelSample, hidden: Mask) -> float | None:
    """Count at which an area of the patterns is saturated, if there is one.

    It is recognised in whole numbers only.
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
