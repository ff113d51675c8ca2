"""Counts under a beam stop or in a dead pixel, estimated from the rest of the pattern.

Circular harmonics of different order are orthogonal on a whole disc only. Gaps are filled with
the expectation from the harmonics that fit the other pixels best, given the variance of each;
then the harmonics are learned anew (Roweis, EM algorithms for PCA and SPCA, 1997).
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae.basis.harmonics import Float, HarmonicBasis, fit_basis

ROUNDS = 2  # of filling and learning: the second starts from gaps that are right to first order
LEARNED_FROM = 512  # patterns: enough for a smooth filling, in a fraction of the time for all


def fill_gaps(window: PixelWindow, sample: Float) -> PixelWindow:
    """Learn to fill the gaps of patterns, and return the window with its filling.

    `sample` holds prepared patterns ``[n, pixels]``, none of them empty; their gaps are filled in
    place.
    """
    y, x = window.coordinates
    seen = ~window.gaps
    part = sample[:: max(1, len(sample) // LEARNED_FROM)].copy()
    filling = _from_neighbours(seen, y, x)
    for _ in range(ROUNDS):
        part[:, ~seen] = part[:, seen] @ filling
        basis = fit_basis(part, y, x)
        total = part.sum(axis=1, keepdims=True)
        mean_pattern = (part * (basis.dose / total)).mean(axis=0)
        filling = _from_harmonics(basis, seen, mean_pattern)
    sample[:, ~seen] = sample[:, seen] @ filling
    return replace(window, filling=filling)


def _from_neighbours(
    seen: NDArray[np.bool_], y: NDArray[np.float64], x: NDArray[np.float64]
) -> Float:
    """Weights ``[seen, gaps]`` that take the mean of the nearest pixels."""
    distance = np.hypot(y[seen, None] - y[~seen], x[seen, None] - x[~seen])
    width = 0.5 * distance.min(axis=0)
    weights = np.exp(-0.5 * (distance**2 - distance.min(axis=0) ** 2) / width**2)
    return (weights / weights.sum(axis=0)).astype(np.float32)


def _from_harmonics(basis: HarmonicBasis, seen: NDArray[np.bool_], mean_pattern: Float) -> Float:
    """Weights ``[seen, gaps]`` that give the gaps what the harmonics expect there."""
    functions = basis.functions.astype(np.float64)
    variance = np.concatenate([basis.variance, basis.variance])
    precision = (functions**2).sum(axis=0) * basis.noise / variance
    visible = functions[seen]
    gram = visible.T @ visible + np.diag(np.maximum(precision, 1e-12))
    weight, background = basis.weight, basis.background
    white = np.linalg.solve(gram, visible.T).T @ functions[~seen].T
    turning = weight[seen, None] * white / weight[~seen]
    fixed = background[~seen] - background[seen] @ turning
    return (turning + fixed / mean_pattern[seen].sum()).astype(np.float32)
