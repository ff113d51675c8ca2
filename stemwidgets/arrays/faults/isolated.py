"""Pixels of a detector, alone or a few together, that do not follow those around them."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stemwidgets.arrays.faults.sample import Map, Mask, PixelSample, drawn_in, places_around

CONTRAST = 4.0  # over what is around: a spot of the probe's size is wider than one pixel
RANGES = 2.0  # of the pixels around, without the brightest and the darkest four
LEAST_CHANGE = 0.25  # of the level around: less moves no centre of mass
RATES = 3.0  # difference of the roots of two counts: six standard deviations
WEAK = 0.5  # of what is around: a pixel below is weak or dead
SCATTER = 2.5  # times what 19 of 20 pixels differ less from those around
DIM = 0.05  # of the brightest area: darker pixels are not missed
MOST = 0.1  # of the pixels: where more seem faulty, nothing is left out
ODD_NOISE = (0.3, 2.5)  # variance over mean, in units of what other pixels have: no counts
UNEQUAL = 1.5  # ratio in a square of four pixels, which a spot would light evenly
HIGHEST, LOWEST = 4, 3  # of 24 pixels around one, those that may be faulty themselves
ALIKE = 0.2  # of the height of a spot has the one opposite at least
PAIRED = 0.6  # of the spots have one opposite


def isolated_pixels(sample: PixelSample, mean: Map, known: Mask) -> Mask:
    """Hot, weak and dead pixels: one, two or three together, or a square of four.

    What is lit as wide as a plus of five pixels or a square of four is no fault, nor is a single
    pixel that its surroundings lead up to. Four pixels in a square are a fault if they are unequal,
    or do not vary as counts do. The mean is filled in where pixels are known.
    """
    plus, square = _opened_by_plus(mean), _opened_by_square(mean)
    hot = _stand_out(sample, mean, np.maximum(plus, square), known)
    hot |= _squares(sample, mean, plus, known)
    closed = np.minimum(-_opened_by_plus(-mean), -_opened_by_square(-mean))
    weak = _fall_short(sample, mean, closed, known)
    for found in (hot, weak):
        if found.sum() > MOST * found.size:
            found[:] = False
    return _without_spots(mean, hot, np.maximum(plus, square)) | weak


def _shifted(values: Map, y: int, x: int, fill: float) -> Map:
    height, width = values.shape
    out = np.full_like(values, fill)
    out[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)] = values[
        max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)
    ]
    return out


def _opened_by_plus(values: Map) -> Map:
    """The brightest plus of five pixels around each pixel, each as bright as its darkest pixel."""
    steps = ((0, 1), (0, -1), (1, 0), (-1, 0))
    darkest = values
    for step in steps:
        darkest = np.minimum(darkest, _shifted(values, *step, np.inf))
    brightest = darkest
    for step in steps:
        brightest = np.maximum(brightest, _shifted(darkest, *step, -np.inf))
    return brightest


def _opened_by_square(values: Map) -> Map:
    """The brightest square of four pixels around each, each as bright as its darkest pixel."""
    darkest = np.minimum(values, _shifted(values, 1, 0, -np.inf))
    darkest = np.minimum(darkest, _shifted(darkest, 0, 1, -np.inf))
    brightest = np.maximum(darkest, _shifted(darkest, -1, 0, -np.inf))
    return np.maximum(brightest, _shifted(brightest, 0, -1, -np.inf))


def _around(values: Map, y: NDArray[np.intp], x: NDArray[np.intp], known: Mask) -> Map:
    """The 24 pixels around each of some, rising, ``[n, 24]``; infinite at the end where none is."""
    near_y, near_x, there = places_around(y, x, known, 2)
    return np.sort(np.where(there, values[near_y, near_x], np.inf), axis=1)


def _usual_excess(excess: Map) -> float:
    """Usual difference of sound pixels from those around them."""
    return SCATTER * float(np.percentile(excess, 95))


def _stand_out(sample: PixelSample, mean: Map, usual: Map, known: Mask) -> Mask:
    found = np.zeros(mean.shape, dtype=bool)
    beyond = mean - usual > _usual_excess(mean - usual)
    y, x = np.nonzero(~known & (mean > usual) & beyond)
    above = sample.roots(mean[y, x]) - sample.roots(usual[y, x]) > RATES
    y, x = y[above], x[above]
    if not len(y):
        return found
    around = _around(mean, y, x, known)
    there = np.isfinite(around).sum(axis=1)
    at = np.arange(len(y))
    middle = around[at, np.maximum(there // 2 - (there < 24), 0)]
    bright = around[at, np.maximum(there - 1 - HIGHEST, 0)]
    dark = around[at, np.minimum(HIGHEST, np.maximum(there - 1, 0))]
    trimmed = np.where(np.arange(24) < np.maximum(there - HIGHEST, 1)[:, None], around, 0.0)
    average = trimmed.sum(axis=1) / np.maximum(there - HIGHEST, 1)
    level = np.maximum(usual[y, x], average)
    ground = np.minimum(middle, usual[y, x])
    out = mean[y, x] - ground > CONTRAST * (usual[y, x] - ground)
    out &= mean[y, x] - bright > RANGES * (bright - dark)
    out &= mean[y, x] - level > LEAST_CHANGE * np.abs(level)
    noise = sample.roots(mean[y, x])
    noise -= np.sqrt(sample.roots(level) ** 2 + drawn_in(sample.count))
    found[y, x] = out & (noise > RATES) & (there >= 3)
    return found


def _squares(sample: PixelSample, mean: Map, plus: Map, known: Mask) -> Mask:
    """Squares of four pixels that are lit alone, and not by electrons."""
    stand = _stand_out(sample, mean, plus, known)
    labels, number = ndimage.label(stand, np.ones((3, 3)))
    found = np.zeros_like(stand)
    for index, where in enumerate(ndimage.find_objects(labels, number), 1):
        if labels[where].shape != (2, 2) or not (labels[where] == index).all():
            continue
        values = mean[where]
        uneven = values.max() > UNEQUAL * values.min()
        noisy = sample.unit > 0
        noise = sample.variance[where] / sample.noise[where] if noisy else np.ones((2, 2))
        odd = (noise < ODD_NOISE[0]) | (noise > ODD_NOISE[1])
        if uneven or (sample.count >= 8 and odd.sum() >= 3):
            found[where] = True
    return found


def _fall_short(sample: PixelSample, mean: Map, usual: Map, known: Mask) -> Mask:
    found = np.zeros(mean.shape, dtype=bool)
    drawn = drawn_in(sample.count)
    short = (usual - mean > _usual_excess(usual - mean)) & (usual > DIM * usual.max())
    y, x = np.nonzero(~known & (mean < WEAK * usual) & short)
    below = np.sqrt(sample.roots(mean[y, x]) ** 2 + drawn)
    sure = sample.roots(usual[y, x]) - below > RATES
    y, x = y[sure], x[sure]
    if not len(y):
        return found
    around = _around(mean, y, x, known)
    there = np.isfinite(around).sum(axis=1)
    darkest = around[np.arange(len(y)), np.minimum(LOWEST, np.maximum(there - 1, 0))]
    own = np.sqrt(sample.roots(mean[y, x]) ** 2 + drawn)
    enough = sample.roots(darkest) - own > RATES
    found[y, x] = (mean[y, x] < WEAK * darkest) & enough & (there >= 3)
    return found


def _without_spots(mean: Map, hot: Mask, opened: Map) -> Mask:
    """Hot pixels without the spots of a spot pattern, most of which have one opposite."""
    labels, number = ndimage.label(hot, np.ones((3, 3)))
    if not number:
        return hot
    numbers = range(1, number + 1)
    height = ndimage.maximum(_above_ground(mean, hot), labels, numbers)
    places = np.array(ndimage.center_of_mass(hot, labels, numbers))
    top = opened.max()
    y, x = np.nonzero(opened >= min(0.5 * top, top))  # below zero after the dark was subtracted
    lit = np.array([y.mean(), x.mean()])
    for center in (lit, places[int(np.argmax(height))]):
        opposite = np.rint(2 * center - places).astype(int)
        inside = ((opposite >= 0) & (opposite < mean.shape)).all(axis=1)
        away = np.abs(opposite - places).max(axis=1) > 3
        where = tuple(opposite.clip(0, np.array(mean.shape) - 1).T)
        there = _peaks(mean, where)[where]
        paired = inside & (there > ALIKE * height) & (ALIKE * there < height)
        if (paired & away).sum() >= 2 and paired[inside & away].mean() > PAIRED:
            return np.zeros_like(hot)
    return hot


def _peaks(mean: Map, where: tuple[NDArray[np.intp], ...]) -> Map:
    """Height of the highest of nine pixels above its ground, exact at `where` only."""
    near = np.zeros(mean.shape, dtype=bool)
    near[where] = True
    near = ndimage.binary_dilation(near, np.ones((3, 3)))
    return np.asarray(ndimage.maximum_filter(_above_ground(mean, near), 3, mode="nearest"))


def _above_ground(mean: Map, wanted: Mask) -> Map:
    """Mean less the median of 25 pixels, at the few pixels where it is wanted."""
    y, x = np.nonzero(wanted)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(mean, 2, mode="edge"), (5, 5))
    above = np.full(mean.shape, -np.inf)
    above[y, x] = mean[y, x] - np.median(windows[y, x].reshape(-1, 25), axis=1)
    return above
