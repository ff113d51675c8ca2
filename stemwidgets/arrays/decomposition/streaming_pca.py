"""Principal axes of patterns: read in blocks, never held together."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from stemwidgets.arrays.blocks import Where, iterate_blocks
from stemwidgets.arrays.checks import LARGEST_OF_SQUARES, require_squares

SLICE_PIXELS = 2**20  # at once: 8 MB in double precision, which stay in the cache
MOST_PIXELS = 1600  # for which the covariance is cheaper than several readings
EXTRA = 20  # directions beyond those asked for, so that the last of these settles too
MOST_READINGS = 10  # of the data: directions that have not settled by then are buried in noise
TOLERANCE = 0.03  # residual of a direction over its variance, at which it has settled
SMALLEST_WEIGHT = 0.01  # of the mean: single electrons in dark pixels weigh ten times at most

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and variance of the patterns with counts.

    Parameters
    ----------
    filled : ndarray of bool, shape of the scan
        True for patterns with counts.
    mean, variance : ndarray, shape [pixels]
        Mean and variance of each used pixel over the patterns with counts.
    lowest : float
        Smallest value of a pixel.
    covariance : ndarray, shape [pixels, pixels], or None
        Covariance of the pixels; None where there are too many of them.
    """

    filled: NDArray[np.bool_]
    mean: Array
    variance: Array
    lowest: float
    covariance: Array | None

    @property
    def count(self) -> int:
        """Number of patterns with counts."""
        return int(self.filled.sum())


def read_slices(
    data: Any, used: NDArray[np.bool_]
) -> Iterator[tuple[Where, slice, NDArray[Any], NDArray[np.bool_]]]:
    """Yield the used pixels of a few patterns at a time.

    Of each few: the block that they belong to, as slices of the leading axes; their part of the
    block's patterns, counted row by row; their used pixels ``[n, pixels]``; and True for those with
    counts ``[n]``.
    """
    pixels = None if used.all() else np.flatnonzero(used)
    rows = max(64, SLICE_PIXELS // used.size)
    for where, patterns in iterate_blocks(data):
        flat = patterns.reshape(-1, used.size)
        for start in range(0, len(flat), rows):
            values = flat[start : start + rows]
            if pixels is not None:
                values = values[:, pixels]
            part = slice(start, start + len(values))
            filled: NDArray[np.bool_] = np.any(values, axis=1)
            yield where, part, values, filled


def measure(data: Any, used: NDArray[np.bool_]) -> Moments:
    """Read the patterns once for their mean and variance, and their covariance if it is small.

    An InputError if a pixel that is used ``[ky, kx]`` is not finite, or a pattern too bright.
    """
    size = int(used.sum())
    filled = np.zeros(data.shape[:-2], dtype=bool)
    sums, lowest, count = np.zeros(data.shape[:-2]), np.inf, 0
    reference, first, second = np.zeros(size), np.zeros(size), np.zeros(size)
    squares = np.zeros((size, size)) if size <= MOST_PIXELS else None
    for where, part, values, has_counts in read_slices(data, used):
        with np.errstate(invalid="ignore", over="ignore"):
            total = values.sum(axis=1, dtype=np.float64)
        _put(sums, where, part, total)
        _put(filled, where, part, has_counts)
        if not (np.abs(total) <= LARGEST_OF_SQUARES).all():
            continue
        lowest = min(lowest, float(values.min()))
        if count == 0 and has_counts.any():
            reference = values[has_counts].mean(axis=0, dtype=np.float64)
        block = about(values, reference, has_counts)
        count += int(has_counts.sum())
        first += block.sum(axis=0, dtype=np.float64)
        if squares is None:
            second += np.einsum("np,np->p", block, block)
        else:
            squares += block.T @ block
    require_squares(sums)
    shift = first / max(count, 1)
    covariance = None
    if squares is not None:
        covariance = squares / max(count, 1) - np.outer(shift, shift)
        second = np.diagonal(squares).copy()
    variance = np.clip(second / max(count, 1) - shift**2, 0.0, None)
    return Moments(filled, reference + shift, variance, lowest, covariance)


def about(
    values: NDArray[Any], center: Array, filled: NDArray[np.bool_], weight: Array | None = None
) -> NDArray[np.float32]:
    """Patterns ``[n, pixels]`` about a pattern, over a weight; 0 where a pattern has no counts."""
    exact = values.dtype.itemsize > 4
    block = np.subtract(values, center if exact else center.astype(np.float32))
    block = block.astype(np.float32, copy=False)
    if weight is not None:
        block /= weight.astype(np.float32)
    if not filled.all():
        block[~filled] = 0.0
    return block


def poisson_weight(mean: Array) -> Array:
    """Root of the mean counts of each pixel, relative: after division by it noise is alike.

    Pixels darker than a hundredth of the average count as that dark, or single electrons there
    would outweigh everything.
    """
    level = mean.mean()
    weight: Array = np.sqrt(np.maximum(mean / level, SMALLEST_WEIGHT))
    return weight


def principal_axes(
    data: Any, used: NDArray[np.bool_], moments: Moments, weight: Array, components: int
) -> tuple[Array, Array]:
    """Directions in which patterns vary most.

    Up to `MOST_PIXELS` from the covariance; beyond from a block Krylov space that grows, with each
    reading of the data, until the directions no longer move (Musco and Musco, NIPS 28 (2015)).

    Parameters
    ----------
    data, used
        As for `measure`.
    moments : Moments
        Result of `measure`.
    weight : ndarray, shape [pixels]
        Divisor of the patterns.
    components : int
        Number of directions.

    Returns
    -------
    variance : ndarray, shape [components]
        Variance along each direction; falling.
    axes : ndarray, shape [components, pixels]
        Orthonormal.
    """
    if moments.covariance is not None:
        weighted = moments.covariance / weight / weight[:, None]
        size = len(weighted)
        values, vectors = eigh(weighted, subset_by_index=(size - components, size - 1))
        return _falling(values, vectors)
    return _krylov(data, used, moments, weight, components)


def _krylov(
    data: Any, used: NDArray[np.bool_], moments: Moments, weight: Array, components: int
) -> tuple[Array, Array]:
    block = components + EXTRA
    start = np.random.default_rng(0).standard_normal((len(weight), block))
    newest = np.linalg.qr(start * np.sqrt(moments.variance[:, None]) / weight[:, None])[0]
    most = min(MOST_READINGS, max(1, len(weight) // block))
    basis = np.empty((len(weight), most * newest.shape[1]), order="F")
    images, projected = np.empty_like(basis), np.zeros((basis.shape[1],) * 2)
    for reading in range(most):
        new = slice(reading * newest.shape[1], (reading + 1) * newest.shape[1])
        basis[:, new] = newest
        images[:, new] = _covariance_times(newest, data, used, moments, weight)
        known, seen = basis[:, : new.stop], images[:, : new.stop]
        projected[: new.stop, new] = known.T @ images[:, new]
        projected[new, : new.stop] = projected[: new.stop, new].T
        values, small = np.linalg.eigh(projected[: new.stop, : new.stop])
        values, small = values[-components:], small[:, -components:]
        rest = np.linalg.norm(seen @ small - known @ (small * values), axis=0)
        if (rest <= TOLERANCE * values).all() or reading == most - 1:
            break
        newest = images[:, new]
        for _ in range(2):  # once leaves rounding errors that look like components
            newest = np.linalg.qr(newest - known @ (known.T @ newest))[0]
    return _falling(values, known @ small)


def _covariance_times(
    directions: Array, data: Any, used: NDArray[np.bool_], moments: Moments, weight: Array
) -> Array:
    image = np.zeros_like(directions)
    single = directions.astype(np.float32)
    for _, _, values, filled in read_slices(data, used):
        block = about(values, moments.mean, filled, weight)
        image += block.T @ (block @ single)
    return image / moments.count


def scores(
    data: Any, used: NDArray[np.bool_], moments: Moments, weight: Array, axes: Array
) -> NDArray[np.float32]:
    """Coordinates of each pattern along `axes`, ``[..., components]``; NaN without counts."""
    out = np.full((*data.shape[:-2], len(axes)), np.nan, dtype=np.float32)
    single = axes.T.astype(np.float32)
    for where, part, values, filled in read_slices(data, used):
        along = about(values, moments.mean, filled, weight) @ single
        along[~filled] = np.nan
        _put(out, where, part, along)
    return out


def _put(out: NDArray[Any], where: Where, part: slice, values: NDArray[Any]) -> None:
    """Write the values of a part of a block to their places."""
    block = out[where]
    leading = block.shape[: block.ndim - values.ndim + 1]
    index = np.unravel_index(np.arange(part.start, part.stop), leading)
    block[index] = values


def _falling(values: Array, vectors: Array) -> tuple[Array, Array]:
    order = np.argsort(-values, kind="stable")
    return np.clip(values[order], 0.0, None), np.ascontiguousarray(vectors[:, order].T)
