"""Simulated patterns with known rotation, class and factor, and the best error that is possible.

Every pattern is evaluated in rotated coordinates; nothing is resampled.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.disc.find import CIRCLE, Ellipse

Array = NDArray[np.float64]
Intensity = Callable[[Array, Array, Array, NDArray[np.int_]], Array]

DISC_RADIUS = 20.0
BATCH = 64


@dataclass(frozen=True, eq=False)
class Detector:
    """Where patterns fall on a detector.

    Parameters
    ----------
    shape : (int, int)
        Pixels ``[ky, kx]``.
    center : (float, float)
        ``(ky, kx)`` of the optic axis in pixels; the middle if not given.
    magnification : float
        Pixels along kx for each unit of the intensity's coordinates.
    aspect : float
        Height over width of a pixel.
    ellipse : Ellipse
        Distortion of the camera.
    hidden : ndarray of bool, shape [ky, kx], or None
        Pixels that the bounds do not count.
    """

    shape: tuple[int, int]
    center: tuple[float, float] | None = None
    magnification: float = 1.0
    aspect: float = 1.0
    ellipse: Ellipse = CIRCLE
    hidden: NDArray[np.bool_] | None = None

    @property
    def coordinates(self) -> tuple[Array, Array]:
        """``(y, x)`` of each pixel in the coordinates of the intensity."""
        middle = ((self.shape[0] - 1) / 2, (self.shape[1] - 1) / 2)
        cy, cx = middle if self.center is None else self.center
        iy, ix = np.indices(self.shape, dtype=float)
        y, x = self.ellipse.undo((iy - cy) * self.aspect, ix - cx)
        return y / self.magnification, x / self.magnification


@dataclass(frozen=True, eq=False)
class RotatedPatterns:
    """Patterns ``[n, ky, kx]`` and the truth about each: angle [rad], f in [0, 1], class 0 or 1.

    ``com_angle`` [rad] is the direction of the COM of each pattern without noise.
    ``angle_std`` [rad] and ``factor_std`` are the Cramér–Rao bounds with both unknown and the class
    known; ``best_median_error`` is the median absolute angle error of an estimator that meets them.
    """

    patterns: Array
    angle: Array
    factor: Array
    kind: NDArray[np.int_]
    com_angle: Array
    best_median_error: float
    angle_std: Array
    factor_std: Array


def harmonic(x: Array, y: Array, f: Array, kind: NDArray[np.int_]) -> Array:
    """A soft disc with dipole, two-fold and three-fold terms; the dipole lies along +kx."""
    rho, phi = np.tanh(np.hypot(x, y) / DISC_RADIUS), np.arctan2(y, x)
    sign = 1 - 2 * kind
    modulation = (
        0.4 * (0.6 + 0.4 * f) * rho * np.cos(phi)
        + 0.35 * f * rho**2 * np.cos(2 * phi + 0.8 * sign)
        + 0.5 * (1 - 0.6 * f) * rho**3 * np.cos(3 * phi + 1.2 * sign)
    )
    return _soft_disc(x, y) * (1 + modulation)


def threefold(x: Array, y: Array, f: Array, kind: NDArray[np.int_]) -> Array:
    """A soft disc with three-fold and six-fold terms only: its angle is defined modulo 120°."""
    rho, phi = np.tanh(np.hypot(x, y) / DISC_RADIUS), np.arctan2(y, x)
    sign = 1 - 2 * kind
    modulation = 0.4 * (0.5 + 0.5 * f) * rho**2 * np.cos(3 * phi) + 0.4 * (1 - f) * rho**3 * np.cos(
        6 * phi + 0.8 * sign
    )
    return _soft_disc(x, y) * (1 + modulation)


def _soft_disc(x: Array, y: Array) -> Array:
    return 1 / (1 + np.exp(np.hypot(x, y) - DISC_RADIUS))


def bragg(x: Array, y: Array, f: Array, kind: NDArray[np.int_]) -> Array:
    """Sharp overlapping Bragg discs and off-axis spots that move, grow and brighten with f."""

    def disc(cx: Array | float, cy: Array | float, radius: Array | float, edge: float) -> Array:
        return 1 / (1 + np.exp((np.hypot(x - cx, y - cy) - radius) / edge))

    central = disc(0.0, 0.0, 10.0, 0.35)
    first = disc(9.0 + 3.0 * f, 0.0, 9.0, 0.35)
    second_angle = np.where(kind == 0, 2.0, -1.4)
    second = disc(12 * np.cos(second_angle), 12 * np.sin(second_angle), 7.0 + 2.0 * f, 0.35)
    spot_angle = np.where(kind == 0, 1.1 - 0.5 * f, 2.6 + 0.4 * f)
    spot = disc(23 * np.cos(spot_angle), 23 * np.sin(spot_angle), 2.2, 0.5)
    other = disc(-21.0, 6.0 - 8 * f, 2.0 + f, 0.5)
    overlap = central * first * np.cos(0.9 + 1.5 * f)
    return (
        central
        + (0.45 + 0.2 * f) * first
        + 0.35 * second
        + 0.25 * overlap
        + (0.4 + 0.5 * f) * spot
        + (0.7 - 0.3 * f) * other
        + 0.002
    )


def rotated_patterns(
    intensity: Intensity,
    n: int = 2000,
    dose: float | None = 1e4,
    seed: int = 0,
    size: int = 64,
    symmetry: int = 1,
    bound: bool = True,
    detector: Detector | None = None,
) -> RotatedPatterns:
    """Draw patterns at random angles, factors and classes.

    Parameters
    ----------
    intensity : callable
        ``intensity(x, y, f, kind)`` in pixels about the pattern's centre.
    n, size, seed : int
        Number of patterns, their side in pixels, and the draw.
    dose : float or None
        Electrons per pattern; None is free of noise.
    symmetry : int
        Symmetry order of the patterns: angles lie in (-π/symmetry, π/symmetry].
    bound : bool
        Whether to compute the bounds, which takes twice as long as the patterns; NaN otherwise.
    detector : Detector, optional
        In place of a square one of `size` pixels with the patterns in its middle.
    """
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-np.pi, np.pi, n) / symmetry
    factor = rng.uniform(0, 1, n)
    kind = rng.integers(0, 2, n)
    clean = expected_patterns(intensity, angle, factor, kind, size, detector)
    y, x = (detector or Detector((size, size))).coordinates
    com_angle = np.arctan2((clean * y).sum(axis=(1, 2)), (clean * x).sum(axis=(1, 2)))
    if dose is None:
        exact = np.zeros(n)
        return RotatedPatterns(
            clean.astype(np.float32), angle, factor, kind, com_angle, 0.0, exact, exact
        )
    scale = dose / clean.sum(axis=(1, 2)).mean()
    angle_std = factor_std = np.full(n, np.nan)
    best = np.nan
    if bound:
        step = 1e-4
        by_angle = expected_patterns(intensity, angle + step, factor, kind, size, detector) - clean
        by_factor = expected_patterns(intensity, angle, factor + step, kind, size, detector) - clean
        covariance = cramer_rao((by_angle, by_factor), clean, scale / step**2)
        if detector is not None and detector.hidden is not None:
            by_angle, by_factor = by_angle * ~detector.hidden, by_factor * ~detector.hidden
        angle_std, factor_std = np.sqrt(covariance[:, 0, 0]), np.sqrt(covariance[:, 1, 1])
        best = float(np.median(np.abs(rng.standard_normal((200, n)) * angle_std)))
    patterns = rng.poisson(clean * scale).astype(np.uint16)
    return RotatedPatterns(patterns, angle, factor, kind, com_angle, best, angle_std, factor_std)


def cramer_rao(differences: tuple[Array, ...], clean: Array, scale: float) -> Array:
    """Least covariance ``[n, p, p]`` of p parameters, all unknown, from Poisson counts.

    Parameters
    ----------
    differences : p arrays, shape [n, ky, kx]
        How `clean` changes when a parameter grows by one step.
    clean : ndarray, shape [n, ky, kx]
        Expected patterns.
    scale : float
        Counts per unit of `clean`, divided by the square of the step.
    """
    inverse = scale / np.maximum(clean, 1e-12)
    information = [
        [np.einsum("nyx,nyx,nyx->n", a, b, inverse) for b in differences] for a in differences
    ]
    return np.linalg.inv(np.moveaxis(np.array(information), 2, 0))


def expected_patterns(
    intensity: Intensity,
    angle: Array,
    factor: Array,
    kind: NDArray[np.int_],
    size: int,
    detector: Detector | None = None,
) -> Array:
    """The patterns ``[n, ky, kx]`` without noise, not scaled to a dose."""
    y, x = (detector or Detector((size, size))).coordinates
    result = np.empty((len(angle), *y.shape))
    for first in range(0, len(angle), BATCH):
        rows = slice(first, first + BATCH)
        theta, f, c = (values[rows, None, None] for values in (angle, factor, kind))
        cos, sin = np.cos(theta), np.sin(theta)
        result[rows] = intensity(cos * x + sin * y, cos * y - sin * x, f, c)
    return result
