"""What the best estimator could tell: the limits that the patterns themselves set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rotated_patterns import Intensity, RotatedPatterns, expected_patterns
from scipy.optimize import least_squares
from scipy.stats import norm

from benchmarks.rulers import r2

Array = NDArray[np.float64]

FACTORS = np.linspace(0, 1, 11)
GRID_FACTORS = np.linspace(0, 1, 21)
STARTS = 2


def best_factor_r2(truth: RotatedPatterns, seed: int = 0) -> float:
    """R² of the best estimate of f that a pattern allows.

    An efficient estimator finds f + N(0, σ²), σ the Cramér–Rao bound with the angle unknown. With
    the uniform prior on [0, 1] the best guess is the posterior mean E[f | f + N(0, σ²)], with σ a
    function of f (interpolated between the drawn patterns of the class). Its R² is the bound.
    """
    if not truth.factor_std.any():
        return 1.0
    rng = np.random.default_rng(seed)
    estimate = np.empty_like(truth.factor)
    grid = np.linspace(0, 1, 1001)
    for kind in (0, 1):
        rows = np.flatnonzero(truth.kind == kind)
        rows = rows[np.argsort(truth.factor[rows])]
        f, std = truth.factor[rows], truth.factor_std[rows]
        measured = f + std * rng.standard_normal(len(f))
        width = np.interp(grid, f, std)
        log_likelihood = -0.5 * ((measured[:, None] - grid) / width) ** 2 - np.log(width)
        weight = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
        estimate[rows] = weight @ grid / weight.sum(axis=1)
    return r2(estimate, truth.factor)


def best_class_accuracy(
    intensity: Intensity, symmetry: int, dose: float | None, size: int = 64
) -> float:
    """Share of patterns whose class the best test could tell, with angle and factor unknown.

    A pattern of expectation p is taken for the other class with probability Φ(-D/2), where
    D² = Σ (p - q)² / ((p + q) / 2) [counts] to the nearest pattern q of that class. Mean over f.
    """
    if dose is None:
        return 1.0
    turns = np.linspace(-np.pi, np.pi, 24, endpoint=False) / symmetry
    factors, angles = (values.ravel() for values in np.meshgrid(FACTORS, turns))
    shares = []
    for kind in (0, 1):
        own_kind = np.full(len(FACTORS), kind)
        patterns = expected_patterns(intensity, 0 * FACTORS, FACTORS, own_kind, size)
        patterns *= dose / patterns.sum(axis=(1, 2)).mean()
        other_kind = np.full(len(angles), 1 - kind)
        others = expected_patterns(intensity, angles, factors, other_kind, size)
        scale = dose / others.sum(axis=(1, 2)).mean()
        for pattern in patterns:
            far = _weighted(others * scale, pattern).reshape(len(others), -1)
            nearest = np.argsort((far**2).sum(axis=1))[:STARTS]
            distance = min(
                _distance(intensity, 1 - kind, scale, pattern, angles[i], factors[i])
                for i in nearest
            )
            shares.append(norm.cdf(distance / 2))
    return float(np.mean(shares))


def _distance(
    intensity: Intensity, kind: int, scale: float, pattern: Array, angle: float, factor: float
) -> float:
    def residual(parameters: Array) -> Array:
        q = expected_patterns(
            intensity, parameters[:1], parameters[1:], np.array([kind]), len(pattern)
        )
        return _weighted(q * scale, pattern).ravel()

    start = [angle, np.clip(factor, 0.01, 0.99)]
    found = least_squares(residual, start, bounds=([-10, 0], [10, 1]), x_scale=[0.1, 0.1])
    return float(np.sqrt(2 * found.cost))


def _weighted(q: Array, p: Array) -> Array:
    return (q - p) / np.sqrt(np.maximum((q + p) / 2, 1e-9))


@dataclass(frozen=True, eq=False)
class KnownManifold:
    """The exact posterior of an observer who knows the patterns of every angle, f and class.

    On a grid of 21 factors and angles 2° / symmetry apart: for sets whose angle is not known better
    than about half a step.
    """

    angles: Array
    log_expected: NDArray[np.float32]
    expected_counts: Array

    @classmethod
    def of(cls, intensity: Intensity, symmetry: int, dose: float) -> "KnownManifold":
        angles = np.linspace(-np.pi, np.pi, 180, endpoint=False) / symmetry
        grid = np.meshgrid((0, 1), GRID_FACTORS, angles, indexing="ij")
        kind, factor, angle = (values.ravel() for values in grid)
        patterns = expected_patterns(intensity, angle, factor, kind, 64)
        patterns *= dose / patterns.sum(axis=(1, 2)).mean()
        flat = patterns.reshape(len(patterns), -1)
        log_expected = np.log(np.maximum(flat, 1e-9)).astype(np.float32)
        return cls(angles, log_expected, flat.sum(axis=1))

    def read(self, patterns: NDArray[np.uint16]) -> tuple[Array, Array, NDArray[np.int_]]:
        """Most likely angle, mean factor and most likely class of each pattern."""
        counts = patterns.reshape(len(patterns), -1).astype(np.float32)
        log_posterior = counts @ self.log_expected.T - self.expected_counts
        log_posterior -= log_posterior.max(axis=1, keepdims=True)
        shape = (len(counts), 2, len(GRID_FACTORS), len(self.angles))
        posterior = np.exp(log_posterior).reshape(shape)
        posterior /= posterior.sum(axis=(1, 2, 3), keepdims=True)
        factor = posterior.sum(axis=(1, 3)) @ GRID_FACTORS
        kind = posterior.sum(axis=(2, 3)).argmax(axis=1)
        of_angle = np.log(posterior.sum(axis=(1, 2)) + 1e-30)
        rows, top = np.arange(len(counts)), of_angle.argmax(axis=1)
        left, right = (of_angle[rows, (top + step) % shape[-1]] for step in (-1, 1))
        peak = of_angle[rows, top]
        part = 0.5 * (left - right) / np.minimum(left - 2 * peak + right, -1e-9)
        return self.angles[top] + part * (self.angles[1] - self.angles[0]), factor, kind
