"""The window of used pixels of a scan, and a sample of its patterns, from one read."""

import math
from collections.abc import Generator
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.band_limit.neighbours import Neighbours
from stemwidgets.arrays.blocks import Where, iterate_blocks, native_type, read_blocks
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import FIND, faults_of
from stemwidgets.arrays.faults.left_out import LeftOut
from stemwidgets.arrays.faults.pixel_statistics import PixelStatistics, PixelSums
from stemwidgets.arrays.masks import left_out
from stemwidgets.arrays.memory import memory_limit
from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae.basis.gaps import fill_gaps
from stemwidgets.rrvae.basis.harmonics import Float
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.data.batches import batches, numbers_of

Result = TypeVar("Result")

FEWEST_PATTERNS = 16  # with counts: from fewer no component stands out of the noise
SAMPLE = 2048  # to 4095 patterns
TOGETHER = 64  # patterns that are prepared
SHARE = 4  # one part in so many of the memory may be taken by raw patterns


def preparing(
    data: Any,
    pixel_size: tuple[float, float],
    mask: NDArray[np.bool_] | None = None,
    faulty: Any = FIND,
) -> Generator[float, None, tuple[PixelWindow, Float]]:
    """Choose the pixels that are used, and prepare a sample of the patterns with counts.

    The scan is read once; twice if there is no room for the raw patterns of the sample.

    Parameters
    ----------
    data, pixel_size, mask, faulty
        As for `project_scan`.

    Yields
    ------
    float
        Fraction of the reading that is done, after every block.

    Returns
    -------
    window : PixelWindow
    sample : ndarray of float32, shape [n, pixels]
        Evenly spaced patterns, few enough to learn a basis from.

    Raises
    ------
    InputError
        If there are too few patterns or pixels are not finite.
    """
    shape = data.shape[-2:]
    known = left_out(data, mask)
    faults = faults_of(data, faulty, known)
    known = known | faults.mask
    sums, raw = PixelSums(shape, known), _Sample(data)
    share = 1.0 if raw.fits else 0.5
    part = distributed.own_part(data)
    done, count = 0, math.prod(part.shape[:-2])

    def read(block: NDArray[Any]) -> tuple[PixelSums, NDArray[Any]]:
        return sums.of(faults.repaired(block)), block

    for where, (more, patterns) in read_blocks(part, read):
        sums.merge(more)
        raw.add(where, patterns)
        done += more.count
        yield share * done / count
    sums, *others = distributed.all_gather(sums)
    for more in others:
        sums.merge(more)
    window = _choose_pixels(sums.statistics(), pixel_size, known, faults)
    if not raw.fits:
        del raw
        raw = _Sample(data, window)
        yield from scaled(raw.reading(), share, 1.0)
    sample = raw.prepared(window)
    if window.gaps.any():
        window = fill_gaps(window, sample)
    return window, sample


def _choose_pixels(
    statistics: PixelStatistics,
    pixel_size: tuple[float, float],
    known: NDArray[np.bool_],
    faults: LeftOut,
) -> PixelWindow:
    require_enough(statistics.filled)
    mask = known | statistics.broken
    window = PixelWindow.from_mean(statistics.mean, pixel_size, mask)
    limits = faults.limits
    if limits is None:
        return window
    limit = np.where(mask, np.inf, limits.highest.astype(np.float32)).astype(np.float32)
    return replace(window, limit=limit)


class _Sample:
    """Evenly spaced patterns of a scan: raw, or prepared if `window` is known.

    Each of several processes takes the patterns of the part that it reads.
    """

    def __init__(self, data: Any, window: PixelWindow | None = None) -> None:
        self.part, self.window = distributed.own_part(data), window
        self.stride = max(1, math.prod(data.shape[:-2]) // SAMPLE)
        self.first = distributed.first_pattern(data)
        end = self.first + math.prod(self.part.shape[:-2])
        self.before = -(-self.first // self.stride)
        rows = -(-end // self.stride) - self.before
        shape, kind = tuple(data.shape[-2:]), native_type(data.dtype)
        if window is not None:
            shape, kind = (len(window.gaps),), np.dtype(np.float32)
        limit = memory_limit()
        room = np.inf if limit is None else limit / SHARE
        needed = rows * math.prod(shape) * kind.itemsize
        self.fits = window is not None or (hasattr(data, "dask") and needed <= room)
        self._patterns = np.empty((rows if self.fits else 0, *shape), kind)

    def add(self, where: Where, patterns: NDArray[Any]) -> None:
        """Add the patterns of a block that belong to the sample."""
        numbers = self.first + numbers_of(where, self.part.shape[:-2])
        chosen = np.flatnonzero(numbers % self.stride == 0)
        if not self.fits or not len(chosen):
            return
        taken = patterns.reshape(-1, *patterns.shape[-2:])[chosen]
        if self.window is not None:
            taken = self.window.apply(taken)
        self._patterns[numbers[chosen] // self.stride - self.before] = taken

    def reading(self) -> Generator[float]:
        """Read the scan for the sample."""
        done, count = 0, math.prod(self.part.shape[:-2])
        for where, patterns in iterate_blocks(self.part):
            self.add(where, patterns)
            done += patterns.size // math.prod(self.part.shape[-2:])
            yield done / count

    def prepared(self, window: PixelWindow) -> Float:
        """The patterns with counts of all processes, ``[n, pixels]``."""
        if self.window is not None:
            prepared = self._patterns
        else:
            parts = [
                window.apply(self._patterns[start : start + TOGETHER])
                for start in range(0, len(self._patterns), TOGETHER)
            ]
            prepared = np.concatenate(parts)
        return distributed.joined(prepared[prepared.sum(axis=1) > 0])


def sample_of(data: Any, window: PixelWindow, neighbours: Neighbours) -> tuple[Float, Float]:
    """Evenly spaced patterns as their neighbours say, ``[n, pixels]``, and their gain ``[n]``.

    All processes get those of all.
    """
    stride = max(1, math.prod(data.shape[:-2]) // SAMPLE)
    first = distributed.first_pattern(data)
    numbers, pixels, gains = [], [], []
    for of_batch, prepared, gain in batches(data, window, TOGETHER, neighbours):
        rows = np.flatnonzero((first + of_batch) % stride == 0)
        rows = rows[prepared[rows].sum(axis=1) > 0]
        numbers.append(of_batch[rows])
        pixels.append(prepared[rows])
        gains.append(gain[rows])
    order = np.argsort(np.concatenate(numbers))
    chosen = (np.concatenate(each)[order] for each in (pixels, gains))
    sample, gained = (distributed.joined(each) for each in chosen)
    return sample, gained


def require_enough(patterns: int) -> None:
    """Refuse a scan with too few patterns that have counts."""
    if patterns < FEWEST_PATTERNS:
        raise InputError(
            f"Expected at least {FEWEST_PATTERNS} patterns with counts to learn from, got "
            f"{patterns}. Use a larger part of the scan."
        )


def scaled(
    parts: Generator[float, None, Result], start: float, stop: float
) -> Generator[float, None, Result]:
    """Map the fractions of a generator from [0, 1] to [`start`, `stop`]."""
    while True:
        try:
            fraction = next(parts)
        except StopIteration as end:
            return cast(Result, end.value)
        yield start + (stop - start) * fraction
