"""The used pixels of a scan, in batches of one size."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import Where, read_blocks
from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae.basis.harmonics import Float


def batches(data: Any, window: PixelWindow, size: int) -> Iterator[tuple[NDArray[np.intp], Float]]:
    """The used pixels of the patterns, always as many at once; the last ones are filled up.

    The last digits of a matrix product depend on how many rows it has. Yields the numbers ``[n]``
    of some patterns, counted through the scan, and their used pixels in the first n rows of
    ``[size, pixels]``.
    """
    rows: list[NDArray[np.intp]] = []
    pixels: list[Float] = []
    waiting = 0
    for where, prepared in read_blocks(data, window.apply):
        rows.append(numbers_of(where, data.shape[:-2]))
        pixels.append(prepared)
        waiting += len(prepared)
        if waiting < size:
            continue
        all_rows, all_pixels = np.concatenate(rows), np.concatenate(pixels)
        whole = waiting - waiting % size
        for start in range(0, whole, size):
            yield all_rows[start : start + size], all_pixels[start : start + size]
        rows, pixels, waiting = [all_rows[whole:]], [all_pixels[whole:]], waiting - whole
    if waiting:
        last = np.concatenate(pixels)
        yield np.concatenate(rows), np.resize(last, (size, last.shape[1]))


def numbers_of(where: Where, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Numbers of a block's patterns, counted through the scan."""
    axes = [np.arange(size)[part] for part, size in zip(where, shape, strict=False)]
    axes += [np.arange(size) for size in shape[len(where) :]]
    return np.ravel_multi_index(np.ix_(*axes), shape).ravel()
