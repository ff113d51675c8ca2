"""Patterns as sums of a few component patterns: principal components."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.blocks import BLOCK_BYTES
from stemwidgets.arrays.checks import require_patterns
from stemwidgets.arrays.decomposition.streaming_pca import (
    Array,
    Moments,
    measure,
    poisson_weight,
    principal_axes,
    scores,
)
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.masks import left_out

USUAL_COMPONENTS = 20  # components if none are asked for: as many as a scree plot shows
WEIGHTINGS = ("none", "poisson")
CLEAR = 0.1  # cosine to the sum or a first moment, above which that decides the sign of a component


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Patterns as ``mean + maps @ patterns``, see `stemwidgets.pca`.

    The `maps` are ``[..., k]``, NaN in patterns without counts; the `patterns` ``[k, ky, kx]``, NaN
    like the mean in pixels that were left out. Variances are summed over pixels; components of an
    NMF are not orthogonal, so that their ratios do not add up.
    """

    method: str
    maps: NDArray[np.float32]
    patterns: NDArray[np.float32]
    mean: NDArray[np.float32]
    explained_variance: Array
    explained_variance_ratio: Array

    def denoised(self, components: int | Iterable[int] | None = None, lazy: bool = False) -> Any:
        """The patterns ``[..., ky, kx]``, put together again from some of the components.

        So many from the first, or those of a list (from 0); all if not given. Lazily it is a dask
        array, which is put together where it is read. 0 in patterns without counts; NaN in pixels
        that were left out. An InputError if there are no such components.
        """
        kept = require_kept(components, len(self.patterns))
        maps, patterns = self.maps[..., kept], self.patterns[kept]
        if lazy:
            import dask.array as da

            rows = max(1, BLOCK_BYTES // max(1, 4 * self.mean.size))
            chunks = (rows,) if maps.ndim == 2 else (max(1, rows // maps.shape[1]), maps.shape[1])
            blocks = da.from_array(maps, chunks=(*chunks, len(kept)))
            return blocks.map_blocks(
                combined,
                patterns,
                self.mean,
                dtype=np.float32,
                drop_axis=maps.ndim - 1,
                new_axis=(maps.ndim - 1, maps.ndim),
                chunks=(*blocks.chunks[:-1], *((size,) for size in self.mean.shape)),
            )
        return combined(maps, patterns, self.mean)


def combined(
    maps: NDArray[np.float32], patterns: NDArray[np.float32], mean: NDArray[np.float32]
) -> NDArray[np.float32]:
    """``mean + maps @ patterns``, and 0 where the maps are NaN."""
    flat = maps.reshape(-1, maps.shape[-1])
    whole = flat @ patterns.reshape(len(patterns), -1)
    whole += mean.ravel()
    whole[np.isnan(flat).any(axis=1)] = 0.0
    return whole.reshape(*maps.shape[:-1], *mean.shape)


def pca(
    data: Any,
    n_components: int | None = None,
    weighting: str = "none",
    mask: ArrayLike | None = None,
) -> Decomposition:
    """Principal components of patterns ``[..., ky, kx]``, see `stemwidgets.pca`.

    Lazy data are read block by block: twice, or, for patterns of more than 1600 used pixels, up to
    twelve times. Variance falls. Component patterns are given in counts; without weighting they are
    orthonormal, else orthogonal before that only. Their sign is that of their strongest part among
    the sum and the first moments along ky and kx, so that a pattern that moves does so towards +k
    where its map is positive.
    """
    used = used_pixels(data, mask)
    moments = measure(data, used)
    kept = require_components(n_components, moments, USUAL_COMPONENTS)
    weight = require_weight(weighting, moments)
    variance, axes = principal_axes(data, used, moments, weight, kept)
    axes *= _signs(axes, used)[:, None]
    total = (moments.variance / weight**2).sum()
    return Decomposition(
        "PCA",
        scores(data, used, moments, weight, axes),
        on_detector(axes * weight, used),
        on_detector(moments.mean[None], used)[0],
        variance,
        variance / total,
    )


def used_pixels(data: Any, mask: ArrayLike | None) -> NDArray[np.bool_]:
    """Pixels of the detector that are not left out, nor masked in a masked array."""
    require_patterns(data)
    return ~left_out(data, mask)


def require_components(components: Any, moments: Moments, usual: int) -> int:
    """Number of components to compute; an InputError for more than there are."""
    most = min(moments.count - 1, len(moments.mean))
    if most < 1:
        raise InputError(
            f"Expected at least two patterns with counts, got {moments.count}. "
            "Use a larger part of the scan."
        )
    if not moments.variance.any():
        raise InputError(
            "Expected patterns that differ, got a scan in which all are alike: it has no "
            "components. Check that the file holds a scan."
        )
    if components is None:
        return min(usual, most)
    if isinstance(components, bool) or not isinstance(components, (int, np.integer)):
        raise InputError(f"Expected components to be a whole number, got {components!r}.")
    if not 1 <= components <= most:
        raise InputError(
            f"Expected between 1 and {most} components for {moments.count} patterns with counts of "
            f"{len(moments.mean)} pixels, got {components}."
        )
    return int(components)


def require_weight(weighting: Any, moments: Moments) -> Array:
    """Divisor of each used pixel."""
    if weighting not in WEIGHTINGS:
        raise InputError(f'Expected weighting to be "none" or "poisson", got {weighting!r}.')
    if weighting == "none":
        return np.ones(len(moments.mean))
    if not moments.mean.mean() > 0:
        raise InputError(
            "Expected counts for Poisson weighting, got a mean pattern that is not positive: a "
            'mean was subtracted. Pass the patterns as they were recorded, or weighting="none".'
        )
    return poisson_weight(moments.mean)


def require_kept(components: Any, count: int) -> list[int]:
    """Indices of the components to keep."""
    if components is None:
        return list(range(count))
    if isinstance(components, (int, np.integer)) and not isinstance(components, bool):
        if not 1 <= components <= count:
            raise InputError(
                f"Expected between 1 and {count} components to keep, got {components}."
            )
        return list(range(components))
    try:
        kept = [int(i) for i in components if i == int(i) and not isinstance(i, bool)]
        exact = len(kept) == len(list(components))
    except (TypeError, ValueError):
        kept, exact = [], False
    if (
        not kept
        or not exact
        or not all(0 <= i < count for i in kept)
        or len(set(kept)) != len(kept)
    ):
        raise InputError(
            f"Expected how many of the {count} components to keep, or which ones, each once and "
            f"from 0 to {count - 1}, got {components!r}."
        )
    return kept


def on_detector(rows: Array, used: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Used pixels ``[k, pixels]`` as patterns ``[k, ky, kx]``; NaN elsewhere."""
    patterns = np.full((len(rows), *used.shape), np.nan, dtype=np.float32)
    patterns[:, used] = rows
    return patterns


def _signs(axes: Array, used: NDArray[np.bool_]) -> Array:
    """1 or -1 for each axis, by its strongest part among the sum and the first moments."""
    y, x = (index[used] - index[used].mean() for index in np.indices(used.shape, dtype=float))
    rulers = np.stack([np.ones(len(y)), y, x])
    rulers /= np.maximum(np.linalg.norm(rulers, axis=1, keepdims=True), 1e-12)
    parts = axes @ rulers.T
    strongest = np.take_along_axis(parts, np.abs(parts).argmax(axis=1)[:, None], axis=1)[:, 0]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.where(np.where(np.abs(strongest) > CLEAR, strongest, largest) < 0, -1.0, 1.0)
