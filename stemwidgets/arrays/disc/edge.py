"""The edge of a disc, followed along rays from its centre."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stemwidgets.arrays.disc.shape import CIRCLE, Ellipse

RAYS = 120  # around the centre, one every 3°: a circle of 60 px radius is read every 3 px
WINDOW = 0.4  # of the radius, searched for the edge on both sides; then half of it
SMALL = 5.0  # px: the edge of a smaller disc is wide for its size
LEAST_WINDOW = 2.0  # px
FITS = 6  # of circle or ellipse to the edge, each from the centre before
LEAST_DROP = 0.3  # of the median descent along rays: less is noise, or another edge
SIGNIFICANCE = 4.0  # times the scatter of the edge, and times its other terms
LEAST_ELLIPTICITY = 0.003  # of the radius: a smaller one changes no map
ROUND = 0.7  # of the edge has to be seen to distinguish an ellipse from a shift
LEAST_RADIUS = 4.0  # px, of a disc whose ellipse is not one of square pixels
LEAST_RAYS = 10  # of 120 that meet the edge: with fewer no circle is fitted
CLEAR = (1.3, 0.15)  # px and radii about the edge that no mask may hide
NEAR = (0.75, 0.08)  # px and radii by which a ray may miss the fitted edge

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Outline:
    """An edge that was followed.

    Parameters
    ----------
    center, radius, ellipse
        As of a :class:`stemwidgets.arrays.disc.shape.Disc`.
    visible : float
        Share of the edge that lies on the detector and is not masked.
    agreeing : float
        Share of the visible edge where the steepest descent lies on the fitted one.
    rough : float
        Standard deviation of the edge from the fitted one, in pixels along kx.
    error : float
        Standard error of the centre, in pixels along kx, by the scatter along the edge.
    """

    center: tuple[float, float]
    radius: float
    ellipse: Ellipse
    visible: float
    agreeing: float
    rough: float
    error: float


@dataclass(frozen=True, eq=False)
class Edge:
    """A pattern in which edges are followed."""

    pattern: Array
    mask: NDArray[np.bool_]
    aspect: float
    blur: float = 0.0  # px by which the pattern has been smoothed

    def follow(
        self, center: tuple[float, float], radius: float, rays: int = RAYS, fits: int = FITS
    ) -> Outline | None:
        """Follow the edge from a first guess; None if there is none to follow."""
        phi, rounds = np.arange(rays) * (2 * np.pi / rays), 8 if rays == RAYS else 4
        shape, begun = np.array([radius, 0.0, 0.0, 0.0, 0.0]), radius
        for i in range(fits):
            expected = _harmonics(phi, 2) @ shape
            window = begun * WINDOW * (1.0 if i < max(fits // 3, 1) else 0.5)
            window = max(window, LEAST_WINDOW) if begun < SMALL else window
            edge, steepness, used, visible = self._along_rays(center, phi, expected, window)
            if used.sum() < LEAST_RAYS * rays / RAYS:
                return None
            order = 2 if used.mean() > ROUND else 1
            found = _robust_fit(_harmonics(phi[used], order), edge[used], rounds)
            shape = np.concatenate([found, np.zeros(5 - len(found))])
            center = (center[0] + shape[2] / self.aspect, center[1] + shape[1])
            shape[1:3] = 0.0
            if not (0.4 < shape[0] / begun < 2.5 and self._near(center, shape[0])):
                return None
        rest = np.abs(edge[used] - _harmonics(phi[used], 2) @ shape)
        agrees = rest < max(NEAR[0], NEAR[1] * shape[0])
        share = agrees.sum() / max(visible.sum(), 1)
        rough, ellipse = float(1.5 * np.median(rest)), CIRCLE
        if order == 2 and rays == RAYS and shape[0] >= LEAST_RADIUS:
            bias = self._shift_by_brightness(center, phi[used], edge[used], steepness[used])
            ellipse = _significant_ellipse(phi[used], edge[used], bias)
        return Outline(
            (float(center[0]), float(center[1])),
            float(shape[0]),
            ellipse,
            float(visible.mean()),
            float(share),
            rough,
            self._error_of_center(phi[used], rough, shape[0]),
        )

    def _error_of_center(self, phi: Array, rough: float, radius: float) -> float:
        """Standard error from the scatter of rays, of which those within a blur count once."""
        design = _harmonics(phi, 1)
        alike = max(1.0, len(phi) * (1.0 + 2.0 * self.blur) / (0.5 * np.pi * radius))
        covariance = np.linalg.pinv(design.T @ design) * alike * rough**2
        return float(np.sqrt(np.trace(covariance[1:, 1:])))

    def levels(self, outline: Outline, shares: tuple[float, ...]) -> Array:
        """Brightness at shares of the radius along the rays on the detector, ``[share, ray]``.

        The first shares are one pixel at least off the edge.
        """
        phi = np.arange(RAYS // 2) * (4 * np.pi / RAYS)
        radius = outline.radius * np.array(shares)
        outward = shares[0] > 1
        least = outline.radius + (1.0 if outward else -1.0)
        radius = np.maximum(radius, least) if outward else np.clip(radius, 0.0, max(least, 0.5))
        where = self._on_rays(outline.center, phi, radius[:, None])
        level = ndimage.map_coordinates(self.pattern, where, order=1, mode="nearest")
        seen = self._on_detector(where)
        if self.mask.any():
            seen &= ndimage.map_coordinates(self.mask.astype(float), where, order=1) < 1e-6
        whole = np.asarray(seen.all(axis=0))
        found: Array = level[:, whole] if whole.any() else level
        return found

    def _near(self, center: tuple[float, float], radius: float) -> bool:
        height, width = self.pattern.shape
        y, x = (center[0] + 0.5) * self.aspect, center[1] + 0.5
        return bool(-radius < y < height * self.aspect + radius and -radius < x < width + radius)

    def _on_detector(self, where: tuple[Array, Array]) -> NDArray[np.bool_]:
        (y, x), (height, width) = where, self.pattern.shape
        inside: NDArray[np.bool_] = (y >= 0) & (y <= height - 1) & (x >= 0) & (x <= width - 1)
        return inside

    def _along_rays(
        self, center: tuple[float, float], phi: Array, expected: Array, window: float
    ) -> tuple[Array, Array, NDArray[np.bool_], NDArray[np.bool_]]:
        """Position and steepness of the edge on each ray; True where met, True where visible."""
        steps = np.linspace(-window, window, max(9, 2 * round(2 * window) + 1))
        spacing = steps[1] - steps[0]
        radius = np.maximum(expected[:, None] + steps, 0.0)
        where = self._on_rays(center, phi[:, None], radius)
        profile = ndimage.map_coordinates(self.pattern, where, order=1, mode="nearest")
        on_detector = self._on_detector(where)
        seen = np.asarray(on_detector.sum(axis=1) > 4)
        middle = len(steps) // 2
        visible = np.asarray(on_detector[:, middle - 1 : middle + 2].all(axis=1))
        if self.mask.any():
            hidden = ndimage.map_coordinates(
                self.mask.astype(float), where, order=1, mode="nearest"
            )
            here = np.abs(steps) <= max(CLEAR[0], CLEAR[1] * expected.mean())
            clear = ((hidden < 1e-6) | ~on_detector)[:, here].all(axis=1)
            seen, visible = np.logical_and(seen, clear), np.logical_and(visible, clear)
        smooth = ndimage.gaussian_filter1d(np.where(seen[:, None], profile, 0.0), 1.0 / spacing, 1)
        fall = np.where(on_detector[:, 1:], -np.diff(smooth, axis=1) / spacing, 0.0)
        best = np.clip(fall.argmax(axis=1), 1, fall.shape[1] - 2)
        rows = np.arange(len(phi))
        before, at, after = (fall[rows, best + i] for i in (-1, 0, 1))
        curvature = np.minimum(before - 2 * at + after, -1e-12 * np.abs(fall).max() - 1e-300)
        shift = np.clip(0.5 * (before - after) / curvature, -1.0, 1.0)
        edge = expected + steps[0] + (best + 0.5 + shift) * spacing
        strong = at > LEAST_DROP * (np.median(at[seen]) if seen.any() else np.inf)
        return edge, at, seen & strong & (at > 0), visible

    def _shift_by_brightness(
        self, center: tuple[float, float], phi: Array, edge: Array, steepness: Array
    ) -> Array:
        """Shift of the steepest descent by brightness that grows or falls along a ray.

        To first order, for a logistic edge of width w in brightness s: 4w² s'/s.
        """
        share = np.array([0.55, 0.65, 0.75, 0.85])
        where = self._on_rays(center, phi[:, None], edge[:, None] * share)
        inner = ndimage.map_coordinates(self.pattern, where, order=1, mode="nearest")
        level = inner.mean(axis=1)
        slope = inner @ (share - share.mean()) / ((share - share.mean()) ** 2).sum() / edge
        width = np.median(level / (4 * steepness))
        return 4 * width**2 * slope / np.maximum(level, 1e-12 * self.pattern.max())

    def _on_rays(
        self, center: tuple[float, float], phi: Array, radius: Array
    ) -> tuple[Array, Array]:
        return (
            center[0] + radius * np.sin(phi) / self.aspect,
            center[1] + radius * np.cos(phi),
        )


def _harmonics(phi: Array, highest: int) -> Array:
    waves = [np.ones_like(phi)]
    for m in range(1, highest + 1):
        waves += [np.cos(m * phi), np.sin(m * phi)]
    return np.stack(waves, axis=1)


def _robust_fit(design: Array, values: Array, rounds: int = 8) -> Array:
    """Least squares in which outliers have little weight."""
    weighted, middle = design, len(values) // 2
    slight = 1e-9 * np.eye(design.shape[1])
    for _ in range(rounds):
        solution = np.linalg.solve(weighted.T @ design + slight, weighted.T @ values)
        rest = np.abs(values - design @ solution)
        scale = 1.5 * np.partition(rest, middle)[middle] + 1e-9
        weighted = design / (1 + (rest / (2 * scale)) ** 2)[:, None]
    return solution


def _significant_ellipse(phi: Array, edge: Array, bias: Array) -> Ellipse:
    """Ellipse of an edge, if its two-fold term stands out of all others and of all doubts."""
    design = _harmonics(phi, 6)
    solution = _robust_fit(design, edge)
    rest = edge - design @ solution
    scatter = 1.5 * np.median(np.abs(rest)) * np.sqrt(2 / len(edge))
    others = np.hypot(solution[5::2], solution[6::2]).max()
    by_brightness = _robust_fit(design, bias)
    cos, sin = solution[3], solution[4]
    ellipticity = np.hypot(cos, sin) / solution[0]
    doubt = SIGNIFICANCE * max(scatter, others) + 2 * np.hypot(by_brightness[3], by_brightness[4])
    if ellipticity < max(doubt / solution[0], LEAST_ELLIPTICITY):
        return CIRCLE
    return Ellipse(float((1 + ellipticity) / (1 - ellipticity)), float(np.arctan2(sin, cos) / 2))
