"""Patterns as sums of component patterns that, like counts, are nowhere negative."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stemwidgets.arrays.decomposition.pca import (
    Decomposition,
    on_detector,
    require_components,
    require_weight,
    used_pixels,
)
from stemwidgets.arrays.decomposition.streaming_pca import (
    Array,
    Moments,
    measure,
    principal_axes,
    scores,
)
from stemwidgets.arrays.errors import InputError

USUAL_COMPONENTS = 5  # components if none are asked for: few enough to look at each
SPARE = 20  # principal components beyond those asked for, from which these are fitted
ROUNDS = 1000  # at most: slow fits end here rather than at the tolerance
SWEEPS = 4  # over all columns before the other factor is fitted
TOLERANCE = 5e-6  # relative gain of a round, below which the fit ends
TINY = 1e-12  # instead of 0 in a denominator, or as a start that a product can leave


def nmf(
    data: Any,
    n_components: int | None = None,
    weighting: str = "none",
    mask: ArrayLike | None = None,
) -> Decomposition:
    """Non-negative matrix factorisation of patterns ``[..., ky, kx]``, see `stemwidgets.nmf`.

    The patterns are reduced to principal components first, more than asked for, and never read
    again (Zhou, Cichocki and Xie, IEEE Trans. Signal Process. 60, 2928 (2012)); these are fitted
    by hierarchical alternating least squares, a few sweeps at a time (Gillis and Glineur, Neural
    Comput. 24, 1085 (2012)), from a start that the data give (NNDSVDa): nothing is left to chance.
    """
    used = used_pixels(data, mask)
    moments = measure(data, used)
    kept = require_components(n_components, moments, USUAL_COMPONENTS)
    if moments.lowest < 0:
        raise InputError(
            f"Expected counts, got pixels down to {moments.lowest:g}: a sum of non-negative "
            "patterns is never negative. Clip them, numpy.clip(data, 0, None), or use pca."
        )
    weight = require_weight(weighting, moments)
    rank = min(max(3 * kept, kept + SPARE), moments.count - 1, len(weight))
    variance, axes = principal_axes(data, used, moments, weight, rank)
    along = scores(data, used, moments, weight, axes)[moments.filled].astype(np.float64)
    left = np.hstack([np.ones((len(along), 1)), along])
    right = np.vstack([moments.mean / weight, axes])
    noise = moments.count * max(0.0, float((moments.variance / weight**2).sum() - variance.sum()))
    maps, patterns = _factorised(left, right, kept, noise)
    return _in_counts(maps, patterns * weight, moments, used)


def _in_counts(maps: Array, patterns: Array, moments: Moments, used: Any) -> Decomposition:
    total = np.maximum(patterns.sum(axis=1), TINY)
    patterns, maps = patterns / total[:, None], maps * total
    order = np.argsort(-maps.sum(axis=0), kind="stable")
    patterns, maps = patterns[order], maps[:, order]
    whole = np.full((*moments.filled.shape, len(patterns)), np.nan, dtype=np.float32)
    whole[moments.filled] = maps
    variance = maps.var(axis=0) * (patterns**2).sum(axis=1)
    zero = np.zeros((1, patterns.shape[1]))
    return Decomposition(
        "NMF",
        whole,
        on_detector(patterns, used),
        on_detector(zero, used)[0],
        variance,
        variance / moments.variance.sum(),
    )


def _factorised(left: Array, right: Array, components: int, noise: float) -> tuple[Array, Array]:
    """Factors W, H ≥ 0 of ``left @ right``, which lacks some `noise`."""
    maps, patterns = _start(left, right, components)
    size = float(np.sum((left.T @ left) * (right @ right.T)))
    before = np.inf
    for _ in range(ROUNDS):
        _improve(maps, left @ (right @ patterns.T), patterns @ patterns.T)
        across, overlap = (left.T @ maps).T @ right, maps.T @ maps
        columns = np.ascontiguousarray(patterns.T)
        _improve(columns, across.T, overlap)
        patterns = np.ascontiguousarray(columns.T)
        fit = 2 * float(np.sum(across * patterns))
        misfit = size - fit + float(np.sum(overlap * (patterns @ patterns.T)))
        if before - misfit <= TOLERANCE * max(misfit + noise, TINY * size):
            break
        before = misfit
    return maps, patterns


def _improve(factor: Array, target: Array, overlap: Array) -> None:
    """Improve one column after the other, each to its best, a few times over."""
    for _ in range(SWEEPS):
        for j in range(factor.shape[1]):
            if overlap[j, j] > 0:
                factor[:, j] += (target[:, j] - factor @ overlap[:, j]) / overlap[j, j]
                np.maximum(factor[:, j], 0.0, out=factor[:, j])


def _start(left: Array, right: Array, components: int) -> tuple[Array, Array]:
    """Start from singular vectors (Boutsidis & Gallopoulos, Pattern Recognit. 41, 1350 (2008))."""
    first, upper = np.linalg.qr(left)
    second, lower = np.linalg.qr(right.T)
    u, values, v = np.linalg.svd(upper @ lower.T)
    u, v = first @ u, v @ second.T
    mean = float(left.mean(axis=0) @ right.mean(axis=1))
    maps, patterns = np.empty((len(left), components)), np.empty((components, right.shape[1]))
    for j in range(components):
        along, across = u[:, j], v[j]
        sides = [(np.maximum(s * along, 0), np.maximum(s * across, 0)) for s in (1, -1)]
        sizes = [float(np.linalg.norm(a) * np.linalg.norm(b)) for a, b in sides]
        chosen = int(np.argmax(sizes))
        a, b = sides[chosen]
        root = np.sqrt(values[j] * sizes[chosen])
        maps[:, j] = root * a / max(float(np.linalg.norm(a)), TINY)
        patterns[j] = root * b / max(float(np.linalg.norm(b)), TINY)
    maps[maps == 0] = patterns[patterns == 0] = max(mean, TINY)
    return maps, patterns
