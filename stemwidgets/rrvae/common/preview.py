"""Maps shown during a training, read in a fraction of a second however large the scan is."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stemwidgets.rrvae.common.protocols import Columns
from stemwidgets.rrvae.common.records import Encoding
from stemwidgets.rrvae.data.map_builder import MapBuilder

PART = 128  # patterns between two chances to stop: some milliseconds


def preview(
    filled: NDArray[np.bool_],
    learned: NDArray[np.bool_],
    read: Callable[[NDArray[np.intp]], Columns],
    fold: int,
    most: int,
) -> Iterator[Encoding | None]:
    """Maps of all positions; if there are too many, one position represents the block around it.

    They are read in parts, between which one may stop.

    Parameters
    ----------
    filled : ndarray of bool, shape [...]
        True for patterns with counts.
    learned : ndarray of bool, shape [...]
        True for patterns that are learned from, and can be read.
    read : callable
        Takes numbers of patterns, counted among those that are learned from, and gives the columns
        of an `Encoding` for them, by name.
    fold : int
        The angle is defined modulo 2π / fold.
    most : int
        Largest number of patterns to read.

    Yields
    ------
    Encoding or None
        None while there is more to read; the maps last.
    """
    step = 1
    while math.prod(-(-size // step) for size in filled.shape) > most:
        step += 1
    blocks = [-(-size // step) for size in filled.shape]

    def block_of(patterns: NDArray[np.bool_]) -> NDArray[np.intp]:
        return np.ravel_multi_index([index // step for index in np.nonzero(patterns)], blocks)

    known, chosen = np.unique(block_of(learned), return_index=True)
    wanted = block_of(filled)
    has_one = np.isin(wanted, known)
    stands_for = np.searchsorted(known, wanted[has_one])
    drawn = filled.copy()
    drawn[filled] = has_one
    parts = []
    for start in range(0, len(chosen), PART):
        yield None
        parts.append(read(chosen[start : start + PART]))
    columns = {name: np.concatenate([p[name] for p in parts])[stands_for] for name in parts[0]}
    builder = MapBuilder(filled.shape)
    builder.put(np.arange(filled.size), drawn.ravel(), columns)
    shown = None
    if step > 1:
        shown = np.full(filled.shape, -1)
        shown[drawn] = np.flatnonzero(learned)[chosen][stands_for]
    yield replace(builder.encoding(fold), shown=shown)
