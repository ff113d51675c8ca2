"""Maps for those who watch a training, read in a fraction of a second however large the scan is."""

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from stemwidgets.rrvae.interface import Columns
from stemwidgets.rrvae.mapbuilder import MapBuilder
from stemwidgets.rrvae.records import Encoding

PART = 128


def preview(
    filled: NDArray[np.bool_], read: Callable[[NDArray[np.intp]], Columns], fold: int, most: int
) -> Iterator[Encoding | None]:
    """Maps of all positions; if there are too many, one stands for the block around it.

    They are read in parts, between which one may stop.

    Parameters
    ----------
    filled : ndarray of bool, shape [...]
        Which patterns have counts.
    read : callable
        Takes numbers of patterns, counted among those with counts, and gives the columns of an
        `Encoding` for them, by name.
    fold : int
        The angle is defined modulo 2π / fold.
    most : int
        Patterns to read.

    Yields
    ------
    Encoding or None
        None while there is more to read; the maps last.
    """
    step = 1
    while math.prod(-(-size // step) for size in filled.shape) > most:
        step += 1
    blocks = [-(-size // step) for size in filled.shape]
    block = np.ravel_multi_index([index // step for index in np.nonzero(filled)], blocks)
    _, chosen, stands_for = np.unique(block, return_index=True, return_inverse=True)
    parts = []
    for start in range(0, len(chosen), PART):
        yield None
        parts.append(read(chosen[start : start + PART]))
    columns = {name: np.concatenate([p[name] for p in parts])[stands_for] for name in parts[0]}
    builder = MapBuilder(filled.shape)
    builder.put((slice(None),) * filled.ndim, filled.ravel(), columns)
    yield builder.encoding(fold)
