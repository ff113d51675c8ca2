"""Simulated patterns with known rotation, class and factor, and the best error that is possible.

Every pattern is evaluated in rotated coordinates; nothing is resampled.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Intensity = Callable[[Array, Array, Array, NDArray[np.int_]], Array]

DISC_RADIUS = 20.0
BATCH = 64


@dataclass(frozen=True, eq=False)
class RotatedPatterns:
    """Patterns ``[n, ky, kx]`` and the truth about each: angle [rad], f in [0, 1], class 0 or 1.

    ``angle_std`` [rad] and ``factor_std`` are the Cramér–Rao bounds with both unknown and the class
    known; ``best_median_error`` is the median absolute angle error of an estimator that meets them.
    """

    patterns: Array
    angle: Array
    factor: Array
    kind: NDArray[np.int_]
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
    """
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-np.pi, np.pi, n) / symmetry
    factor = rng.uniform(0, 1, n)
    kind = rng.integers(0, 2, n)
    clean = expected_patterns(intensity, angle, factor, kind, size)
    if dose is None:
        exact = np.zeros(n)
        return RotatedPatterns(
            clean.astype(np.float32), angle, factor, kind, 0.0, angle_std=exact, factor_std=exact
        )
    scale = dose / clean.sum(axis=(1, 2)).mean()
    angle_std = factor_std = np.full(n, np.nan)
    best = np.nan
    if bound:
        step = 1e-4
        by_angle = expected_patterns(intensity, angle + step, factor, kind, size) - clean
        by_factor = expected_patterns(intensity, angle, factor + step, kind, size) - clean
        covariance = cramer_rao((by_angle, by_factor), clean, scale / step**2)
        angle_std, factor_std = np.sqrt(covariance[:, 0, 0]), np.sqrt(covariance[:, 1, 1])
        best = float(np.median(np.abs(rng.standard_normal((200, n)) * angle_std)))
    patterns = rng.poisson(clean * scale).astype(np.uint16)
    return RotatedPatterns(patterns, angle, factor, kind, best, angle_std, factor_std)


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
    intensity: Intensity, angle: Array, factor: Array, kind: NDArray[np.int_], size: int
) -> Array:
    """The patterns ``[n, size, size]`` without noise, not scaled to a dose."""
    center = (size - 1) / 2
    y, x = np.indices((size, size)) - center
    result = np.empty((len(angle), size, size))
    for first in range(0, len(angle), BATCH):
        rows = slice(first, first + BATCH)
        theta, f, c = (values[rows, None, None] for values in (angle, factor, kind))
        cos, sin = np.cos(theta), np.sin(theta)
        result[rows] = intensity(cos * x + sin * y, cos * y - sin * x, f, c)
    return result
