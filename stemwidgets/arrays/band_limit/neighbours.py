"""Patterns of a scan of any size as their neighbours allow, window by window."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.band_limit.waves import Waves
from stemwidgets.arrays.blocks import read_blocks

ACROSS = 16.0  # shortest waves along a window: the time for a pattern grows with their square
MARGIN = 2.0  # shortest waves of neighbours around the positions that a window is read for
LEAST_NOISE = 1e-6  # of the signal: with less, rounding in single precision would show


class Window(NamedTuple):
    """Part of a scan that is fitted at once.

    Parameters
    ----------
    rows, columns : slice
        Positions that are read.
    inner : (slice, slice)
        Positions that the window is for; the others are their neighbours.
    """

    rows: slice
    columns: slice
    inner: tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Scan as it is known from all of its patterns together: band-limited, with less shot noise.

    Parameters
    ----------
    scan : (int, int)
        Positions (rows, columns).
    limit : (float, float)
        Highest scan frequency along y and x [waves per scan step].
    noise : float
        Variance of the shot noise over that of the strongest signal, at one position.
    periodic : bool
        True if the scan goes on at its other edge; of a scan larger than a window edges are edges.
    excess : float
        As of `BandLimit`.
    """

    scan: tuple[int, int]
    limit: tuple[float, float]
    noise: float
    periodic: bool = False
    excess: float = 0.0

    @classmethod
    def of(cls, scan: tuple[int, ...], limit: BandLimit, noise: float) -> Self:
        """Neighbours in a scan of so many positions, whose frequencies have a limit."""
        rows, columns = scan
        return cls((rows, columns), limit.per_step, noise, limit.periodic, limit.excess)

    @cached_property
    def windows(self) -> list[Window]:
        """Windows of the scan, all of one shape, row by row."""
        down, along = (
            _stretches(size, limit) for size, limit in zip(self.scan, self.limit, strict=True)
        )
        return [
            Window(rows, columns, (inner_rows, inner_columns))
            for rows, inner_rows in down
            for columns, inner_columns in along
        ]

    @cached_property
    def waves(self) -> Waves:
        """Waves of a window."""
        rows, columns, _ = self.windows[0]
        shape = rows.stop - rows.start, columns.stop - columns.start
        periodic = self.periodic and shape == self.scan
        return Waves(shape, self.limit, max(self.noise, LEAST_NOISE), periodic)

    @property
    def independent(self) -> float:
        """Share of the positions that are independent of each other."""
        return self.waves.independent

    def fit(
        self, data: Any, prepare: Callable[[NDArray[Any]], NDArray[np.float32]], own: slice
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float64]]]:
        """Read a scan, window by window, and give its patterns with those of their neighbours.

        Parameters
        ----------
        data : array, shape [iy, ix, ky, kx]
            numpy or dask.
        prepare : callable
            Takes patterns ``[..., ky, kx]``, gives numbers to be fitted, ``[n, m]``. Patterns whose
            numbers add up to nothing are missing.
        own : slice
            Rows of the scan that are asked for.

        Yields
        ------
        numbers : ndarray of int, shape [n]
            Patterns, counted from the first one asked for.
        fitted : ndarray of float32, shape [n, m]
            Numbers as the neighbours say; 0 where a pattern is missing.
        variance : ndarray, shape [n]
            Variance of their noise over that of a pattern alone.
        """
        counted = np.full(self.scan, -1)
        counted[own] = np.arange(counted[own].size).reshape(counted[own].shape)
        for rows, columns, inner in self.windows:
            numbers = counted[rows, columns][inner].ravel()
            asked = numbers >= 0
            if not asked.any():
                continue
            maps = read_window(data[rows, columns], prepare)
            missing = ~(maps.sum(axis=-1) > 0)
            variance = np.ones(missing.shape)
            if not missing.all():
                maps, variance = self.waves.fit(maps, missing), self.waves.variance(missing)
                maps[missing] = 0
            fitted = maps[inner].reshape(len(numbers), -1)
            yield numbers[asked], fitted[asked], variance[inner].ravel()[asked]

    def fit_maps(
        self, maps: NDArray[np.float64], missing: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Maps ``[iy, ix, n]`` as the neighbours say, and the share of the noise left ``[iy, ix]``.

        NaN where a position is `missing`, ``[iy, ix]``.
        """
        fitted, variance = np.full_like(maps, np.nan), np.full(self.scan, np.nan)
        for rows, columns, inner in self.windows:
            gaps = missing[rows, columns]
            if gaps.all():
                continue
            fitted[rows, columns][inner] = self.waves.fit(maps[rows, columns], gaps)[inner]
            variance[rows, columns][inner] = self.waves.variance(gaps)[inner]
        fitted[missing], variance[missing] = np.nan, np.nan
        return fitted, variance


def read_window(
    part: Any, prepare: Callable[[NDArray[Any]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Prepared patterns of a window, ``[iy, ix, m]``."""
    shape = part.shape[:2]
    maps = np.empty(0, np.float32)
    for where, prepared in read_blocks(part, prepare):
        if not maps.size:
            maps = np.empty((*shape, prepared.shape[-1]), np.float32)
        maps[where] = prepared.reshape(maps[where].shape)
    return maps


def _stretches(size: int, limit: float) -> list[tuple[slice, slice]]:
    """Windows along one axis: positions that are read, and those within that they are for."""
    side = math.ceil(ACROSS / limit)
    if size <= side:
        return [(slice(0, size), slice(0, size))]
    margin = math.ceil(MARGIN / limit)
    count = math.ceil(size / (side - 2 * margin))
    edges = np.linspace(0, size, count + 1).round().astype(int)
    stretches = []
    for begin, end in pairwise(edges):
        first = int(np.clip(begin - margin, 0, size - side))
        inner = slice(int(begin) - first, int(end) - first)
        stretches.append((slice(first, first + side), inner))
    return stretches
