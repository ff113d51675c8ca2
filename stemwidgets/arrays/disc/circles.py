"""Circles that the edges of a pattern lie on.

Every edge pixel votes for the centres that lie towards its brighter side: a circular Hough
transform that knows the direction of the gradient (Kimme, Ballard & Sklansky, Commun. ACM 18, 120
(1975), doi:10.1145/360666.360677). It is taken on the pattern binned by 1, 2, 4 …, so that radii
are always a few bins and few counts add up.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.floating]

RADII = np.array([2.0, 2.75, 3.5, 4.25])  # bins: those of twice the size follow
SMALLEST = np.array([1.5])  # bins, on the pattern as it is
LARGEST = np.array([5.0, 6.0, 7.0])  # bins, of the coarsest
MARGIN = 4  # bins by which a centre may lie off the detector
LEAST_BINS = 6  # along the shorter side
MOST_VOTES = 12000  # edge pixels that vote, of each binning
EACH = 6  # circles of each binning
KNOWN_BINS = 4.0  # of a radius that is known
LEAST_STRENGTH = 0.08  # of the clearest of its radius
MOST_ALIKE = 24  # circles of one radius: a spot pattern has dozens
MOST_BLIND = 0.3  # of a bin that may still show an edge
SPIKE = 3.0  # times its neighbours' brightest: no electrons fall so


class Circle(NamedTuple):
    """A circle in pixels along kx, and how steep the descent along it is."""

    y: float
    x: float
    radius: float
    strength: float


def without_spikes(pattern: Array) -> Array:
    """Remove single pixels and rows that outshine all that surrounds them."""
    if min(pattern.shape) < 5:
        return pattern
    calm = ndimage.median_filter(pattern, 3, mode="nearest")
    around = ndimage.maximum_filter(calm, 5, mode="nearest")
    lit = pattern[pattern > 0]
    usual = np.median(lit) if len(lit) else 0.0
    spike = pattern > SPIKE * np.maximum(around, usual)
    return np.where(spike, calm, pattern)


def circles(pattern: Array, blind: NDArray[np.bool_]) -> list[Circle]:
    """Circles with a bright inside, the clearest of each size first.

    The pattern has square pixels; an edge means nothing where it is blind.
    """
    found: list[Circle] = []
    step, shortest = 1, min(pattern.shape)
    while shortest // step >= LEAST_BINS:
        seen = _binned(blind.astype(float), step) < MOST_BLIND
        radii = RADII if step > 1 else np.concatenate([SMALLEST, RADII])
        if shortest // (2 * step) < LEAST_BINS:
            radii = np.concatenate([radii, LARGEST])
        found += _of_binning(_binned(pattern, step), seen, radii, step)
        step *= 2
    found.sort(key=lambda circle: -circle.strength)
    kept: list[Circle] = []
    for circle in found:
        if not any(_alike(circle, other) for other in kept):
            kept.append(circle)
    return kept


def circles_of(pattern: Array, blind: NDArray[np.bool_], radius: float) -> list[Circle]:
    """Circles of one radius, the clearest first."""
    step = max(1, int(radius / KNOWN_BINS))
    seen = _binned(blind.astype(float), step) < MOST_BLIND
    votes = _votes(_binned(pattern, step), seen, np.array([radius / step]))
    if votes is None:
        return []
    reach = 2 * max(2, round(0.5 * radius / step)) + 1
    top = votes[0] == ndimage.maximum_filter(votes[0], reach, mode="constant")
    found = _read(votes, (top & (votes[0] > LEAST_STRENGTH * votes.max()))[None], step, MOST_ALIKE)
    return [circle._replace(radius=radius) for circle in found]


def _binned(pattern: Array, step: int) -> Array:
    if step == 1:
        return pattern
    rows, columns = (size // step for size in pattern.shape)
    whole = pattern[: rows * step, : columns * step]
    binned: Array = whole.reshape(rows, step, columns, step).mean(axis=(1, 3))
    return binned


def _of_binning(small: Array, seen: NDArray[np.bool_], radii: Array, step: int) -> list[Circle]:
    votes = _votes(small, seen, radii)
    if votes is None:
        return []
    top = votes == ndimage.maximum_filter(votes, (3, 5, 5), mode="constant")
    found = _read(votes, top & (votes > 0), step, EACH)
    return [circle._replace(radius=float(radii[int(circle.radius)] * step)) for circle in found]


def _votes(small: Array, seen: NDArray[np.bool_], radii: Array) -> Array | None:
    """Steepness of the descent along the circle about each bin, ``[radius, y, x]``."""
    smooth = ndimage.gaussian_filter(small, 0.7, mode="nearest")
    gy, gx = np.gradient(smooth)
    steep = np.hypot(gy, gx)
    if not seen.all():
        steep = np.where(ndimage.binary_erosion(seen, border_value=1), steep, 0.0)
    flat = steep.ravel()
    chosen = np.flatnonzero(flat > 0)
    if len(chosen) > MOST_VOTES:
        chosen = chosen[np.argpartition(flat[chosen], -MOST_VOTES)[-MOST_VOTES:]]
    if not len(chosen):
        return None
    y, x = np.divmod(chosen, small.shape[1])
    weight = flat[chosen]
    up, right = gy.ravel()[chosen] / weight, gx.ravel()[chosen] / weight
    height, width = (size + 2 * MARGIN for size in small.shape)
    votes = np.zeros((len(radii), height, width))
    for index, radius in enumerate(radii):
        row = np.rint(y + radius * up).astype(np.intp) + MARGIN
        column = np.rint(x + radius * right).astype(np.intp) + MARGIN
        on = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        counted = np.bincount((row * width + column)[on], weight[on], minlength=height * width)
        votes[index] = counted.reshape(height, width) / (2 * np.pi * radius)
    blur = (0.5 if len(radii) > 1 else 0.0, 0.8, 0.8)
    blurred: Array = ndimage.gaussian_filter(votes, blur, mode="constant")
    return blurred


def _read(votes: Array, top: NDArray[np.bool_], step: int, most: int) -> list[Circle]:
    """The highest tops, in pixels; the radius is its number."""
    which, row, column = np.nonzero(top)
    strength = votes[which, row, column]
    order = np.argsort(-strength)[:most]
    shift = (step - 1) / 2 - MARGIN * step
    return [
        Circle(
            float(row[i] * step + shift),
            float(column[i] * step + shift),
            float(which[i]),
            float(strength[i]),
        )
        for i in order
    ]


def _alike(one: Circle, other: Circle) -> bool:
    larger = max(one.radius, other.radius)
    near = np.hypot(one.y - other.y, one.x - other.x) < max(0.3 * larger, 1.5)
    return bool(near and 0.7 < one.radius / other.radius < 1.4)
