"""Patterns moved by whole pixels, and their mean in half pixels, to be moved by a part of one.

Half pixels lie about the centres of pixels and about their edges, and counts are spread evenly in
each of them. Their counts are found from patterns of which each pixel saw another part
(Richardson-Lucy), so that edges may be as sharp as half a pixel, and dark pixels beside bright ones
stay dark. All that changes with the beam's place is what a pattern that is moved as a whole would
change: slow changes of the specimen along the scan, such as its thickness, are not taken for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.calibration.descan import Descan

ROUNDS = 10  # of Richardson-Lucy: BF of a sharp disc is as even as after 40
CELLS = 16  # per pixel, of the beam's place, in which patterns are averaged: blurs by 0.02 px
REACHED = 5  # half pixels that a pixel may see with the beam away by up to 0.75 px
DARK = 1e-9  # of the mean pattern, where nothing was counted

Map = NDArray[np.float64]
Float = NDArray[np.float32]
Mask = NDArray[np.bool_]
REACH = 0.75  # px: the beam is moved by whole pixels if it goes farther, and the mask with it


@dataclass(frozen=True, eq=False)
class MovedPatterns:
    """Patterns from all over a scan, moved by whole pixels.

    Parameters
    ----------
    patterns : ndarray of float32, shape [n, ky, kx]
        0 where nothing is seen.
    seen : ndarray of bool, shape [n, ky, kx]
        True in pixels that are seen.
    dose : ndarray, shape [n]
        Counts of each over their mean.
    rest : ndarray, shape [n, 2]
        Departure of the beam that whole pixels leave [px].
    """

    patterns: Float
    seen: Mask
    dose: Map
    rest: Map

    @cached_property
    def groups(self) -> list[NDArray[np.intp]]:
        """Numbers of the patterns with the beam at about the same part of a pixel."""
        cells = np.floor(self.rest * CELLS).astype(int)
        cell = np.unique(cells, axis=0, return_inverse=True)[1].ravel()
        order = np.argsort(cell, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(cell[order])) + 1)

    def expected(self, half_pixels: Map) -> Iterator[tuple[NDArray[np.intp], Map]]:
        """Groups, and the counts ``[ky, kx]`` that the mean pattern leads to expect in them."""
        for i in self.groups:
            yield i, _seen(half_pixels, *overlaps(self.rest[i].mean(axis=0)))

    def fill(self, half_pixels: Map) -> None:
        """Fill unseen pixels, in place, from the mean pattern."""
        for i, expected in self.expected(half_pixels):
            model = self.dose[i, None, None] * expected
            self.patterns[i] = np.where(self.seen[i], self.patterns[i], model)


def overlaps(rest: Map) -> Map:
    """Overlap ``[..., 5]`` of a pixel with the half pixels around, where the beam is away.

    `rest` is the departure of the beam along one axis, up to 0.75 px.
    """
    begin = np.arange(REACHED) - REACHED / 2
    pixel = -1 - 2 * np.asarray(rest)[..., None]
    return np.clip(np.minimum(begin + 1, pixel + 2) - np.maximum(begin, pixel), 0, None)


def fit_half_pixels(sample: MovedPatterns) -> Map:
    """Mean pattern in half pixels, ``[2 ky + 3, 2 kx + 3]``: from one pixel before the first on."""
    cells = [_Cell(sample, i) for i in sample.groups]
    weight = _back(cells, [cell.weight for cell in cells])
    counts = _back(cells, [cell.counts for cell in cells])
    found = np.divide(counts, weight, out=np.zeros_like(counts), where=weight > 0) / 4
    dark = max(DARK * found.max(), np.finfo(float).tiny)
    found += dark
    for _ in range(ROUNDS):
        ratio = [cell.counts / np.maximum(_seen(found, *cell.shares), dark) for cell in cells]
        found *= np.divide(_back(cells, ratio), weight, out=np.zeros_like(found), where=weight > 0)
    return found


def windows(half_pixels: Map) -> Map:
    """Half pixels that each pixel may see, ``[ky, kx, 5, 5]``; a view."""
    return np.lib.stride_tricks.sliding_window_view(half_pixels, (REACHED, REACHED))[::2, ::2]


def at_rest(half_pixels: Map) -> Map:
    """Mean pattern ``[ky, kx]`` where the beam is at rest."""
    still = overlaps(np.zeros(2))
    return _seen(half_pixels, still[0], still[1])


class _Cell:
    """Sum of patterns, and the share of the half pixels that their pixels see."""

    def __init__(self, sample: MovedPatterns, i: NDArray[np.intp]) -> None:
        dose = sample.dose[i]
        self.counts = np.maximum(sample.patterns[i].sum(axis=0, dtype=np.float64), 0)
        self.weight = np.tensordot(dose, sample.seen[i], 1)
        self.shares = overlaps(np.average(sample.rest[i], axis=0, weights=np.maximum(dose, DARK)))


def _seen(half_pixels: Map, down: Map, along: Map) -> Map:
    """Mean pattern ``[ky, kx]`` with the beam displaced."""
    height, width = (size - REACHED + 1 for size in half_pixels.shape)
    rows = sum(down[a] * half_pixels[a : a + height : 2] for a in np.flatnonzero(down))
    return np.asarray(sum(along[b] * rows[:, b : b + width : 2] for b in np.flatnonzero(along)))


def _back(cells: list[_Cell], values: list[Map]) -> Map:
    """Sum of the cells' pixels ``[ky, kx]`` over the half pixels that they see."""
    height, width = values[0].shape
    result = np.zeros((2 * height + REACHED - 2, 2 * width + REACHED - 2))
    for cell, value in zip(cells, values, strict=True):
        down, along = cell.shares
        rows = np.zeros((height, result.shape[1]))
        for b in np.flatnonzero(along):
            rows[:, b : b + 2 * width - 1 : 2] += along[b] * value
        for a in np.flatnonzero(down):
            result[a : a + 2 * height - 1 : 2] += down[a] * rows
    return result


@numba.njit(cache=True, nogil=True)
def _less_edges(
    whole: NDArray[np.int64],
    terms: Map,
    edges: NDArray[np.intp],
    slopes: Map,
    hidden: Mask,
    pattern: Float,
) -> None:  # pragma: no cover
    """Subtract the correction of sharp edges from a pattern, where it is seen."""
    height, width = pattern.shape
    for e in range(len(edges)):
        y, x = edges[e]
        from_y, from_x = y + whole[0], x + whole[1]
        if 0 <= from_y < height and 0 <= from_x < width and not hidden[from_y, from_x]:
            pattern[y, x] -= (terms * slopes[e]).sum()


@numba.njit(cache=True, nogil=True)
def followed(
    patterns: NDArray[Any],
    whole: NDArray[np.int64],
    shares: Map,
    dose: Map,
    half_pixels: Map,
    mean: Map,
    terms: Map,
    edges: NDArray[np.intp],
    slopes: Map,
    hidden: Mask,
    result: Float,
) -> None:  # pragma: no cover
    """Patterns about their own centres.

    Parameters
    ----------
    patterns : ndarray, shape [n, ky, kx]
        Counts, contiguous.
    whole : ndarray of int, shape [n, 2]
        Departure of the beam (y, x) in whole pixels.
    shares : ndarray, shape [n, 2, 5]
        `overlaps` of what remains.
    dose : ndarray, shape [n]
        Counts of each over their mean.
    half_pixels, mean : ndarray
        The mean pattern, in half pixels and in pixels ``[ky, kx]``.
    terms : ndarray, shape [n, terms]
        Powers of what remains,
    edges : ndarray of int, shape [pixels, 2]
        pixels on sharp edges,
    slopes : ndarray, shape [pixels, terms]
        and their change with each.
    hidden : ndarray of bool, shape [ky, kx]
        Pixels that are left out; they hold what the mean pattern leads to expect.
    result : ndarray of float32, shape [n, ky, kx]
        Filled with the moved patterns.
    """
    n, height, width = patterns.shape
    rows = np.empty(half_pixels.shape[1])
    for i in range(n):
        down, along = shares[i, 0], shares[i, 1]
        for y in range(height):
            rows[:] = 0
            for a in range(len(down)):
                if down[a] > 0:
                    rows += down[a] * half_pixels[2 * y + a]
            from_y = y + whole[i, 0]
            for x in range(width):
                from_x = x + whole[i, 1]
                known = 0 <= from_y < height and 0 <= from_x < width
                if known:
                    known = not hidden[from_y, from_x]
                value = dose[i] * mean[y, x]
                if known:
                    there = 0.0
                    for b in range(len(along)):
                        there += along[b] * rows[2 * x + b]
                    value += np.float64(patterns[i, from_y, from_x]) - dose[i] * there
                result[i, y, x] = value
        _less_edges(whole[i], dose[i] * terms[i], edges, slopes, hidden, result[i])


def whole_pixels(descan: Descan) -> NDArray[np.int64]:
    """Whole pixels ``[iy, ix, 2]`` by which patterns are moved."""
    departure = descan.departure
    whole = np.rint(departure).astype(np.int64)
    return whole if np.abs(departure).max() > REACH else np.zeros_like(whole)


def put_back(pattern: Float, departure: Map) -> Float:
    """A pattern ``[ky, kx]`` about its own centre where the beam falls; NaN beyond its edges.

    The departure of the beam ``(y, x)`` [px] is rounded to whole pixels.
    """
    result = np.full_like(pattern, np.nan)
    there, here = [], []
    for shift, size in zip(np.rint(departure).astype(int), pattern.shape, strict=True):
        there.append(slice(max(0, shift), min(size, size + shift)))
        here.append(slice(max(0, -shift), min(size, size - shift)))
    result[tuple(there)] = pattern[tuple(here)]
    return result


@numba.njit(cache=True, nogil=True)
def moved(
    patterns: NDArray[Any],
    whole: NDArray[np.int64],
    hidden: Mask,
    result: NDArray[Any],
    seen: Mask,
) -> None:  # pragma: no cover
    """Move patterns ``[n, ky, kx]`` back by whole pixels ``[n, 2]``; 0 where nothing is seen."""
    n, height, width = patterns.shape
    for i in range(n):
        for y in range(height):
            from_y = y + whole[i, 0]
            for x in range(width):
                from_x = x + whole[i, 1]
                known = 0 <= from_y < height and 0 <= from_x < width
                if known:
                    known = not hidden[from_y, from_x]
                seen[i, y, x] = known
                if known:
                    result[i, y, x] = patterns[i, from_y, from_x]
                else:
                    result[i, y, x] = 0
