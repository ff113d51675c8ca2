"""Choice of the direct beam among the discs in a pattern, and reasons to doubt it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stemwidgets.arrays.disc.circles import Circle, circles, circles_of
from stemwidgets.arrays.disc.edge import Outline
from stemwidgets.arrays.disc.shape import Disc
from stemwidgets.arrays.disc.sides import SURE_VISIBLE, Candidate, Sides
from stemwidgets.arrays.disc.symmetry import NeighbourDiscs

MOST_FOLLOWED = 24  # circles
ALIKE = (0.6, 1.6)  # radii, of discs of one beam
AS_CLEAR = 0.5  # of the step of a ragged edge around it: that of a crowd of discs
CLEARER = 1.0  # of the step of a round edge around it: that of a halo
ROUND = 0.9  # of an edge that agrees with a circle
AGREEING_WITHIN = 0.6  # of the edge of a disc that shows another to be a crowd
WITHIN = 0.85  # radii that such a disc keeps to
DRIFT = 0.15  # radii, by which uneven brightness may move the centre of mass of a disc
TOUCHED = 1.08  # radii: where the edge of a disc has fallen

Array = NDArray[np.floating]
SURE_AGREEING = 0.7  # of the visible edge
SURE_ARC = 8.0  # px of edge, enough to determine centre and radius
SURE_CENTER = (0.3, 0.015)  # px, radii: largest standard error of a centre
SURE_ROUND = (0.75, 0.04)  # px, radii: largest deviation from an ellipse
HALO = 2.5  # times as bright in the middle
SMALL = 6.0  # px: the edge of a smaller disc is never sharp
SHARP = 0.3  # of the level that is lost across a sharp edge
FULL = 0.55  # of it, across the edge of an annular disc
FAINT = "its edge is too faint to tell where it is"
DARK = 0.5  # of the level along the edge, in a middle that a beam stop may hide


@dataclass(frozen=True, eq=False)
class Search:
    """The search for the direct beam in one pattern.

    Parameters
    ----------
    pattern : ndarray, shape [ky, kx]
        Without spikes, filled where it is masked, above the background.
    mask : ndarray of bool, shape [ky, kx]
        True in pixels that mean nothing.
    aspect : float
        Height of a pixel over its width.
    """

    pattern: Array
    mask: NDArray[np.bool_]
    aspect: float

    def disc(self) -> Disc:
        """The direct beam, or the brightest part where there is no edge."""
        found = sorted(self.candidates, key=lambda one: -one.score)
        if not found:
            return self._brightest_part("no edge of a disc is seen")
        best, sides = found[0], self._sides
        neighbours = self._neighbours(best)
        other = neighbours.better
        if other is not None:
            place = ((other[0] + 0.5) / self.aspect - 0.5, other[1])
            moved = self._sides.candidate(place, best.outline.radius)
            if moved is not None:
                best, neighbours = moved, self._neighbours(moved)
        edge = sides.edge_for(best.outline.center, best.outline.radius) or sides.edge
        outline = edge.follow(self._start(best.outline), best.outline.radius) or best.outline
        best = sides.judged(outline, edge) or best
        doubt = doubt_of(best) or neighbours.doubt
        if doubt == FAINT:
            return self._brightest_part(doubt)
        outline = best.outline
        if not self._holds(outline.center):
            return self._brightest_part("the direct beam seems to fall beside the detector")
        return Disc(
            outline.center,
            outline.radius,
            outline.ellipse,
            doubt=doubt,
            cut=self._is_cut(outline),
        )

    @cached_property
    def candidates(self) -> list[Candidate]:
        """Discs whose edge was seen."""
        found: list[Candidate] = []
        for circle in circles(self._square, self._blind)[:MOST_FOLLOWED]:
            one = self._sides.candidate(self._raw(circle), circle.radius)
            if one is not None and one.score > 0 and not any(_is_same(one, o) for o in found):
                found.append(one)
        return [one for one in found if not any(_is_in(other, one) for other in found)]

    @cached_property
    def _sides(self) -> Sides:
        return Sides(self.pattern, self.mask, self.aspect)

    @cached_property
    def _square(self) -> Array:
        return self._squared(self.pattern)

    @cached_property
    def _blind(self) -> NDArray[np.bool_]:
        return self._squared(self.mask.astype(float)) > 0

    def _squared(self, values: Array) -> Array:
        """Values resampled to square pixels."""
        if self.aspect == 1:
            return values
        square: Array = ndimage.zoom(
            values, (self.aspect, 1.0), order=1, mode="nearest", grid_mode=True
        )
        return square

    def _raw(self, circle: Circle) -> tuple[float, float]:
        """Position in detector pixels of a centre among square pixels."""
        return ((circle.y + 0.5) / self.aspect - 0.5, circle.x)

    def _squared_place(self, at: tuple[float, float]) -> tuple[float, float]:
        return ((at[0] + 0.5) * self.aspect - 0.5, at[1])

    def _neighbours(self, best: Candidate) -> NeighbourDiscs:
        radius = best.outline.radius
        likes = [
            one
            for circle in circles_of(self._square, self._blind, radius)
            if (one := self._sides.candidate(self._raw(circle), radius)) is not None
            and one.contrast > 0
            and ALIKE[0] < one.outline.radius / radius < ALIKE[1]
        ]
        places = [self._squared_place(one.outline.center) for one in likes]
        bright = [one.flux / best.flux for one in likes]
        at = self._squared_place(best.outline.center)
        return NeighbourDiscs(places, bright, at, radius, self._square.shape)

    def _holds(self, center: tuple[float, float]) -> bool:
        height, width = self.pattern.shape
        return -0.5 <= center[0] <= height - 0.5 and -0.5 <= center[1] <= width - 0.5

    def _is_cut(self, outline: Outline) -> bool:
        height, width = self.pattern.shape
        (y, x), radius = outline.center, TOUCHED * outline.radius
        across = radius / self.aspect
        return not (
            across - 0.5 <= y <= height - 0.5 - across and radius - 0.5 <= x <= width - 0.5 - radius
        )

    def _brightest_part(self, doubt: str) -> Disc:
        """Centre of mass of the largest region above half of the intensity-weighted mean."""
        pattern = self.pattern
        level = 0.5 * (pattern**2).sum() / pattern.sum()
        labels, count = ndimage.label(pattern >= level)
        sizes = ndimage.sum_labels(np.ones_like(pattern), labels, np.arange(1, count + 1))
        disc = labels == 1 + int(np.argmax(sizes))
        radius = float(np.sqrt(disc.sum() * self.aspect / np.pi))
        y, x = np.indices(pattern.shape, dtype=float)
        center = self._settled(_weighted_center(disc.astype(float), y, x), radius)
        return Disc(center, radius, has_edge=False, doubt=doubt)

    def _start(self, outline: Outline) -> tuple[float, float]:
        """Starting point of the full fit, which stays within a fraction of a pixel of it."""
        if outline.visible < 1:
            return outline.center
        settled = self._settled(outline.center, outline.radius)
        apart = np.hypot(*np.subtract(settled, outline.center))
        return settled if apart < DRIFT * outline.radius else outline.center

    def _settled(self, center: tuple[float, float], radius: float) -> tuple[float, float]:
        """Centre of mass of the disc about itself."""
        y, x = np.indices(self.pattern.shape, dtype=float)
        for _ in range(10):
            distance = np.hypot((y - center[0]) * self.aspect, x - center[1])
            soft_disc = np.clip(1.1 * radius + 0.5 - distance, 0.0, 1.0)
            center = _weighted_center(self.pattern * soft_disc, y, x)
        return center


def _is_same(one: Candidate, other: Candidate) -> bool:
    apart = np.hypot(*np.subtract(one.outline.center, other.outline.center))
    radius = max(one.outline.radius, other.outline.radius)
    return bool(apart < 0.2 * radius and 0.85 < one.outline.radius / other.outline.radius < 1.18)


def _is_in(one: Candidate, other: Candidate) -> bool:
    """True if an equally clear disc lies in the other, then a halo or a crowd of discs."""
    inner, outer = one.outline, other.outline
    apart = np.hypot(*np.subtract(inner.center, outer.center))
    return bool(
        inner.radius < 0.7 * outer.radius
        and apart + inner.radius < WITHIN * outer.radius
        and inner.agreeing > AGREEING_WITHIN
        and one.step > (AS_CLEAR if outer.agreeing < ROUND else CLEARER) * other.step
    )


def _weighted_center(weights: Array, y: Array, x: Array) -> tuple[float, float]:
    total = weights.sum()
    return float((weights * y).sum() / total), float((weights * x).sum() / total)


def doubt_of(disc: Candidate) -> str:
    """Reason not to use a disc without asking, in words; empty if there is none."""
    outline = disc.outline
    if outline.visible < SURE_VISIBLE:
        return "little of its edge is on the detector"
    if 2 * np.pi * outline.radius * outline.visible < SURE_ARC:
        return "few pixels of its edge are seen"
    if outline.agreeing < SURE_AGREEING:
        return f"its edge is seen for {100 * outline.agreeing:.0f} % only"
    if outline.error > max(SURE_CENTER[0], SURE_CENTER[1] * outline.radius):
        return FAINT
    if outline.rough > max(SURE_ROUND[0], SURE_ROUND[1] * outline.radius):
        return "its edge is not round"
    if disc.core > HALO * disc.inside:
        return "its middle is far brighter: it may be a halo of the direct beam"
    sharp = disc.step > SHARP * disc.inside
    if outline.radius > SMALL and not sharp:
        return "it has no sharp edge"
    if disc.core < DARK * disc.inside and disc.step < FULL * disc.inside:
        return "its middle is dark: a beam stop may hide the direct beam"
    return ""
