"""Where the bright-field disc lies, and whether the detector makes an ellipse of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stemwidgets.arrays.errors import InputError

RAYS = 120
WINDOW = 0.4
FITS = 6
USED_RAYS = 0.6
LEAST_DROP = 0.3
ROUGHNESS = 0.08
SIGNIFICANCE = 4.0
LEAST_ELLIPTICITY = 0.003
INSIDE, OUTSIDE = 0.9, 1.1
MOST_OUTSIDE = 0.7

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Ellipse:
    """A small distortion that makes an ellipse of a circle.

    Parameters
    ----------
    ratio : float
        Long axis over short axis.
    angle : float
        Direction of the long axis [rad, in (-π/2, π/2]]; positive turns +kx towards +ky.
    """

    ratio: float = 1.0
    angle: float = 0.0

    def undo(self, y: Array, x: Array) -> tuple[Array, Array]:
        """Coordinates in which the ellipse is a circle of the same area; no direction is turned.

        Parameters
        ----------
        y, x : ndarray
            Coordinates about the centre, in one unit.
        """
        if self.ratio == 1.0:
            return y, x
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        stretch = np.sqrt(self.ratio)
        along, across = (cos * x + sin * y) / stretch, (cos * y - sin * x) * stretch
        return sin * along + cos * across, cos * along - sin * across


CIRCLE = Ellipse()


@dataclass(frozen=True)
class Disc:
    """The bright-field disc.

    Parameters
    ----------
    center : (float, float)
        ``(ky, kx)`` in pixels about the centre of pixel (0, 0).
    radius : float
        Radius along kx, in pixels; along ky it is ``radius * pixel_width / pixel_height``. That of
        the circle of the same area for an ellipse.
    ellipse : Ellipse
        Shape of the disc's edge; a circle unless the edge says otherwise beyond doubt.
    has_edge: bool
        False where no edge was seen all round: the rest is then that of the brightest part.
    """

    center: tuple[float, float]
    radius: float
    ellipse: Ellipse = CIRCLE
    has_edge: bool = True

    def outline(self, pixel_size: tuple[float, float] = (1.0, 1.0)) -> tuple[Array, Array]:
        """``(ky, kx)`` of points along the edge, in pixels, closed.

        Parameters
        ----------
        pixel_size : (float, float)
            Height and width of a pixel, in one unit.
        """
        turn = np.linspace(0, 2 * np.pi, 121)
        stretch = np.sqrt(self.ellipse.ratio)
        along, across = self.radius * np.cos(turn) * stretch, self.radius * np.sin(turn) / stretch
        cos, sin = np.cos(self.ellipse.angle), np.sin(self.ellipse.angle)
        y, x = sin * along + cos * across, cos * along - sin * across
        return self.center[0] + y * pixel_size[1] / pixel_size[0], self.center[1] + x


def find_disc(
    mean_pattern: NDArray[np.floating],
    pixel_size: tuple[float, float] = (1.0, 1.0),
    mask: NDArray[np.bool_] | None = None,
) -> Disc:
    """Find the bright-field disc in the mean pattern.

    Centre, radius and ellipse are those of its edge, the steepest descent along rays; where too
    few rays meet an edge, the centre is the centre of mass of what is brighter than half of the
    intensity-weighted mean. Only the edge tells an ellipse: a disc of uneven brightness is round.

    Parameters
    ----------
    mean_pattern : ndarray, shape [ky, kx]
        Mean over the scan.
    pixel_size : (float, float)
        Height and width of a pixel, in one unit.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel says nothing, whatever it holds.

    Returns
    -------
    Disc
        Centre, radius and shape.

    Raises
    ------
    InputError
        If the pattern is empty.
    """
    pattern = np.asarray(mean_pattern, dtype=float)
    mask = np.zeros(pattern.shape, dtype=bool) if mask is None else mask
    if mask.all():
        raise InputError(
            "Expected a mask that leaves some pixels, got one that covers the whole detector. "
            "True means that a pixel is left out: pass ~mask if it was meant otherwise."
        )
    if mask.any():
        nearest = ndimage.distance_transform_edt(
            mask, return_distances=False, return_indices=True, sampling=pixel_size
        )
        pattern = pattern[tuple(nearest)]
    background = np.percentile(pattern, 1)
    pattern = np.clip(pattern - max(background, 0.0), 0.0, None)
    if not pattern.sum() > 0:
        raise InputError(
            "Expected a mean pattern with counts, got one without contrast: every pixel is alike. "
            "Check that the file holds diffraction patterns and not a blank detector."
        )
    aspect = pixel_size[0] / pixel_size[1]
    bright = _brightest_part(pattern, aspect)
    return _Edge(pattern, mask, aspect).fit(bright) or bright


def _brightest_part(pattern: Array, aspect: float) -> Disc:
    level = 0.5 * (pattern**2).sum() / pattern.sum()
    labels, count = ndimage.label(pattern >= level)
    sizes = ndimage.sum_labels(np.ones_like(pattern), labels, np.arange(1, count + 1))
    disc = labels == 1 + int(np.argmax(sizes))
    radius = float(np.sqrt(disc.sum() * aspect / np.pi))
    y, x = np.indices(pattern.shape, dtype=float)
    center = _weighted_center(disc.astype(float), y, x)
    for _ in range(10):
        distance = np.hypot((y - center[0]) * aspect, x - center[1])
        soft_disc = np.clip(1.1 * radius + 0.5 - distance, 0.0, 1.0)
        center = _weighted_center(pattern * soft_disc, y, x)
    return Disc(center, radius, has_edge=False)


def _weighted_center(weights: Array, y: Array, x: Array) -> tuple[float, float]:
    total = weights.sum()
    return float((weights * y).sum() / total), float((weights * x).sum() / total)


@dataclass(frozen=True, eq=False)
class _Edge:
    """The edge of a disc, seen along rays from its centre."""

    pattern: Array
    mask: NDArray[np.bool_]
    aspect: float

    def fit(self, start: Disc) -> Disc | None:
        """Follow the edge from a first guess; None if there is none to follow."""
        phi = np.arange(RAYS) * (2 * np.pi / RAYS)
        center, shape = start.center, np.array([start.radius, 0.0, 0.0, 0.0, 0.0])
        for i in range(FITS):
            expected = _harmonics(phi, 2) @ shape
            window = start.radius * WINDOW * (1.0 if i < 2 else 0.5)
            edge, steepness, used = self._along_rays(center, phi, expected, window)
            if used.mean() < USED_RAYS:
                return None
            shape = _robust_fit(_harmonics(phi[used], 2), edge[used])
            center = (center[0] + shape[2] / self.aspect, center[1] + shape[1])
            shape[1:3] = 0.0
            if not (0.5 < shape[0] / start.radius < 2.0 and self._holds(center)):
                return None
        phi, edge, steepness = phi[used], edge[used], steepness[used]
        rest = edge - _harmonics(phi, 2) @ shape
        if np.median(np.abs(rest)) > ROUGHNESS * shape[0] or not self._brighter(center, shape[0]):
            return None
        bias = self._shift_by_brightness(center, phi, edge, steepness)
        return Disc(
            (float(center[0]), float(center[1])),
            float(shape[0]),
            _significant_ellipse(phi, edge, bias),
        )

    def _brighter(self, center: tuple[float, float], radius: float) -> bool:
        """Whether it is brighter inside than outside, as noise is not."""
        y, x = np.indices(self.pattern.shape)
        distance = np.hypot((y - center[0]) * self.aspect, x - center[1]) / radius
        inside = self.pattern[(distance < INSIDE) & ~self.mask]
        outside = self.pattern[(distance > OUTSIDE) & ~self.mask]
        if not len(inside):
            return False
        return not len(outside) or bool(outside.mean() < MOST_OUTSIDE * inside.mean())

    def _on_detector(self, where: tuple[Array, Array]) -> NDArray[np.bool_]:
        (y, x), (height, width) = where, self.pattern.shape
        inside: NDArray[np.bool_] = (y >= 0) & (y <= height - 1) & (x >= 0) & (x <= width - 1)
        return inside

    def _holds(self, center: tuple[float, float]) -> bool:
        height, width = self.pattern.shape
        return 0 <= center[0] <= height - 1 and 0 <= center[1] <= width - 1

    def _along_rays(
        self, center: tuple[float, float], phi: Array, expected: Array, window: float
    ) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Distance of the edge along each ray, its steepness, and whether it is seen there."""
        steps = np.linspace(-window, window, max(9, 2 * round(2 * window) + 1))
        spacing = steps[1] - steps[0]
        radius = np.maximum(expected[:, None] + steps, 0.0)
        where = self._on_rays(center, phi[:, None], radius)
        profile = ndimage.map_coordinates(self.pattern, where, order=1, mode="nearest")
        hidden = ndimage.map_coordinates(self.mask.astype(float), where, order=1, mode="nearest")
        on_detector = self._on_detector(where)
        seen = ((hidden < 1e-6) | ~on_detector).all(axis=1) & (on_detector.sum(axis=1) > 4)
        smooth = ndimage.gaussian_filter1d(np.where(seen[:, None], profile, 0.0), 1.0 / spacing, 1)
        fall = np.where(on_detector[:, 1:], -np.diff(smooth, axis=1) / spacing, 0.0)
        best = np.clip(fall.argmax(axis=1), 1, fall.shape[1] - 2)
        rows = np.arange(len(phi))
        before, at, after = (fall[rows, best + i] for i in (-1, 0, 1))
        curvature = np.minimum(before - 2 * at + after, -1e-12 * np.abs(fall).max() - 1e-300)
        shift = np.clip(0.5 * (before - after) / curvature, -1.0, 1.0)
        edge = expected + steps[0] + (best + 0.5 + shift) * spacing
        strong = at > LEAST_DROP * (np.median(at[seen]) if seen.any() else np.inf)
        return edge, at, seen & strong & (at > 0)

    def _shift_by_brightness(
        self, center: tuple[float, float], phi: Array, edge: Array, steepness: Array
    ) -> Array:
        """How far brightness that grows or falls along a ray moves its steepest descent.

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


def _robust_fit(design: Array, values: Array) -> Array:
    """Least squares in which outliers count little."""
    weight = np.ones(len(values))
    for _ in range(8):
        solution = np.linalg.lstsq(design * weight[:, None], values * weight, rcond=None)[0]
        rest = np.abs(values - design @ solution)
        scale = 1.5 * np.median(rest) + 1e-9
        weight = 1 / np.sqrt(1 + (rest / (2 * scale)) ** 2)
    return solution


def _significant_ellipse(phi: Array, edge: Array, bias: Array) -> Ellipse:
    """The ellipse of an edge, if its two-fold term stands out of all others and of all doubts."""
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
