"""Brightness on both sides of an edge, and the decision whether that makes a disc."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stemwidgets.arrays.disc.edge import Edge, Outline
from stemwidgets.arrays.disc.shape import CIRCLE, Ellipse

QUICK_RAYS, QUICK_FITS = 40, 3  # rays and fits of a first look at one of many circles
RIM = (0.6, 0.75, 0.9)  # radii: where the level within an edge is read
OUTSIDE = (1.12, 1.25, 1.4)  # radii: and that beyond it
CORE = 0.45  # radii
CALM = 0.8  # radii: pixels that the edge does not touch
LOW = 25  # %, of the edge: a ring of discs is dark between them
DEVIATIONS = 5.0  # of its error by which the inside is brighter, or it may be noise
FEW_PIXELS = 4  # at which the error of a mean may be twice as large
LEAST_AGREEING = 0.4  # of the visible edge
LEAST_VISIBLE, SURE_VISIBLE = 0.12, 0.3  # of all of the edge
SMALLEST_RADIUS = 1.2  # px
PIXELATED = 2.0  # px: a smaller radius is mostly that of a pixel
LEFT_NOISE = 0.15  # of the step, that smoothing leaves in a pixel
MOST_BLUR = 0.1  # radii

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Candidate:
    """A disc that may be the direct beam.

    Parameters
    ----------
    outline : Outline
        Outline of its edge.
    inside, outside, core : float
        Brightness along the edge within and without, and in the middle.
    error : float
        Standard error of inside - outside.
    """

    outline: Outline
    inside: float
    outside: float
    core: float
    error: float

    @property
    def step(self) -> float:
        """Brightness of the inside above the outside."""
        return self.inside - self.outside

    @property
    def contrast(self) -> float:
        """Brightness of the inside above the outside, beyond noise."""
        return self.step - DEVIATIONS * self.error

    @property
    def score(self) -> float:
        """Likeness to the direct beam: the larger the likelier."""
        seen = min(1.0, self.outline.visible / SURE_VISIBLE)
        bright = np.sqrt(max(self.contrast, 0.0) * self.inside * self.outline.radius)
        return float(bright * self.outline.agreeing**2 * seen)

    @property
    def flux(self) -> float:
        """Counts in the disc beyond those around it, up to a factor."""
        return self.step * max(self.outline.radius, PIXELATED) ** 2


@dataclass(frozen=True, eq=False)
class Beside:
    """Pixels along both sides of an edge and in the middle, and the noise of those within."""

    within: Array
    beyond: Array
    middle: Array
    noise: float


@dataclass(frozen=True, eq=False)
class Sides:
    """A pattern in which discs are judged.

    Parameters
    ----------
    pattern, mask, aspect
        As for :class:`stemwidgets.arrays.disc.search.Search`.
    """

    pattern: Array
    mask: NDArray[np.bool_]
    aspect: float

    def candidate(self, center: tuple[float, float], radius: float) -> Candidate | None:
        """Candidate for a circle, followed with a few rays; None if that makes no disc."""
        edge = self.edge_for(center, radius)
        if edge is None:
            return None
        outline = edge.follow(center, radius, QUICK_RAYS, QUICK_FITS)
        return None if outline is None else self.judged(outline, edge)

    def judged(self, outline: Outline, edge: Edge) -> Candidate | None:
        """Candidate from the pixels beside an edge; None if they make no disc."""
        radius = outline.radius
        if (
            radius < SMALLEST_RADIUS
            or outline.visible < LEAST_VISIBLE
            or outline.agreeing < LEAST_AGREEING
        ):
            return None
        beside = self._beside(outline.center, radius, outline.ellipse)
        if beside is None:
            return None
        rim, around = edge.levels(outline, RIM), edge.levels(outline, OUTSIDE)
        inside = float(np.percentile(rim.max(axis=0), LOW))
        outside = float(np.median(around.mean(axis=0)))
        core = float(beside.middle.mean()) if len(beside.middle) else inside
        few = FEW_PIXELS / len(beside.within)
        return Candidate(outline, inside, outside, core, self._error(beside) * (1 + few))

    def _beside(self, center: tuple[float, float], radius: float, shape: Ellipse) -> Beside | None:
        """Pixels within an edge, beyond it and in the middle; None where there are none."""
        reach = OUTSIDE[-1] * radius + 2
        rows, columns = (
            slice(max(int(at - size), 0), max(int(at + size) + 2, 0))
            for at, size in zip(center, (reach / self.aspect, reach), strict=True)
        )
        pattern = self.pattern[rows, columns]
        y, x = np.indices(pattern.shape, dtype=float)
        y, x = (y + rows.start - center[0]) * self.aspect, x + columns.start - center[1]
        distance = np.where(self.mask[rows, columns], np.inf, np.hypot(*shape.undo(y, x)))
        inner, outer = min(RIM[-1] * radius, radius - 0.3), max(OUTSIDE[0] * radius, radius + 0.7)
        is_within = (distance >= RIM[0] * radius - 0.7) & (distance < inner)
        within = pattern[is_within]
        beyond = pattern[(distance > outer) & (distance < max(OUTSIDE[-1] * radius, radius + 2))]
        if len(within) < 2 or len(beyond) < 3:
            return None
        rest = self._rest[rows, columns][is_within & (distance < CALM * radius)]
        noise = float(np.sqrt(np.mean(rest**2))) if len(rest) else 0.0
        return Beside(within, beyond, pattern[distance < max(CORE * radius, 0.8)], noise)

    def _error(self, beside: Beside) -> float:
        """Standard error of the step at an edge."""
        around = float(np.std(beside.beyond))
        within = max(float(np.std(beside.within)), around, self._noise)
        sizes = np.sqrt(len(beside.within)), np.sqrt(len(beside.beyond))
        return float(np.hypot(within / sizes[0], max(around, self._noise) / sizes[1]))

    @cached_property
    def _noise(self) -> float:
        """Standard deviation of a pixel where it is calm."""
        return float(1.5 * np.median(np.abs(self._rest)))

    @cached_property
    def _rest(self) -> Array:
        """Excess of each pixel over its neighbours."""
        rest: Array = self.pattern - ndimage.uniform_filter(self.pattern, 3, mode="nearest")
        return rest

    @cached_property
    def edge(self) -> Edge:
        """Edges of the pattern as it is."""
        return Edge(self.pattern, self.mask, self.aspect)

    @cached_property
    def _smoothed(self) -> dict[float, Edge]:
        return {0.0: self.edge}

    def edge_for(self, center: tuple[float, float], radius: float) -> Edge | None:
        """The pattern, smoothed as noise about this circle asks; None if it is not bright."""
        beside = self._beside(center, radius, CIRCLE)
        step = 0.0 if beside is None else float(beside.within.mean() - beside.beyond.mean())
        if beside is None or step <= 0:
            return None
        wanted = beside.noise / step / (2 * np.sqrt(np.pi) * LEFT_NOISE)
        wanted = min(wanted, MOST_BLUR * radius)
        if wanted < 1.0:
            return self.edge
        blur = 2.0 ** np.floor(np.log2(wanted))
        if blur not in self._smoothed:
            sigma = (blur / self.aspect, blur)
            smooth = ndimage.gaussian_filter(self.pattern, sigma, mode="nearest")
            self._smoothed[blur] = Edge(smooth, self.mask, self.aspect, blur)
        return self._smoothed[blur]
