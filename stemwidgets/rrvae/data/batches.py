"""The used pixels of a scan, in batches of one size."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.band_limit.neighbours import Neighbours
from stemwidgets.arrays.blocks import Where, read_blocks
from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae.basis.harmonics import Float
from stemwidgets.rrvae.common import distributed


class Prepared(NamedTuple):
    """Some patterns of a scan, ready to be learned from.

    Parameters
    ----------
    numbers : ndarray of int, shape [n]
        Their numbers, counted through the scan.
    pixels : ndarray of float32, shape [size, pixels]
        Their used pixels, in the first n rows.
    gain : ndarray of float32, shape [size]
        Factor by which the neighbours of a pattern make its noise weaker: 1 without neighbours.
    """

    numbers: NDArray[np.intp]
    pixels: Float
    gain: Float

    def part(self, rows: slice) -> "Prepared":
        """Some of the patterns."""
        return Prepared(self.numbers[rows], self.pixels[rows], self.gain[rows])


def batches(
    data: Any, window: PixelWindow, size: int, neighbours: Neighbours | None = None
) -> Iterator[Prepared]:
    """The used pixels of the patterns, always as many at once; the last ones are filled up.

    Of several processes, each reads the patterns of its own part, and counts them from its first.
    The last digits of a matrix product depend on how many rows it has.
    """
    parts: list[Prepared] = []
    waiting = 0
    for part in _read(data, window, neighbours):
        parts.append(part)
        waiting += len(part.numbers)
        if waiting < size:
            continue
        joined = _joined(parts)
        whole = waiting - waiting % size
        for start in range(0, whole, size):
            yield joined.part(slice(start, start + size))
        parts, waiting = [joined.part(slice(whole, None))], waiting - whole
    if waiting:
        last = _joined(parts)
        pixels = np.resize(last.pixels, (size, last.pixels.shape[1]))
        yield Prepared(last.numbers, pixels, np.resize(last.gain, size))


def _read(data: Any, window: PixelWindow, neighbours: Neighbours | None) -> Iterator[Prepared]:
    """The patterns of this process, some at a time."""
    if neighbours is None:
        part = distributed.own_part(data)
        for where, pixels in read_blocks(part, window.apply):
            numbers = numbers_of(where, part.shape[:-2])
            yield Prepared(numbers, pixels, np.ones(len(numbers), np.float32))
        return
    rows = slice(0, len(data)) if distributed.count() == 1 else distributed.own_rows(data)
    for numbers, pixels, variance in neighbours.fit(data, window.apply, rows):
        yield Prepared(numbers, pixels, (1 / variance).astype(np.float32))


def _joined(parts: Sequence[Prepared]) -> Prepared:
    numbers, pixels, gain = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Prepared(numbers, pixels, gain)


def numbers_of(where: Where, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Numbers of a block's patterns, counted through the scan."""
    axes = [np.arange(size)[part] for part, size in zip(where, shape, strict=False)]
    axes += [np.arange(size) for size in shape[len(where) :]]
    return np.ravel_multi_index(np.ix_(*axes), shape).ravel()
