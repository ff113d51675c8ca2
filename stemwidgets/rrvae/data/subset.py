"""The patterns to learn from: all of a scan, or some where there is no room for all."""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.band_limit.neighbours import Neighbours
from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae.basis.harmonics import Float
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.notices import tell
from stemwidgets.rrvae.data.batches import batches
from stemwidgets.rrvae.data.fingerprint import Fingerprint
from stemwidgets.rrvae.data.sampling import require_enough

MOVED = 2**16  # rows at once
BATCH = 256  # patterns read at once: always as many, as the last digits depend on it


def share_that_fits(needed: int, room: float | None) -> float:
    """Share of so many bytes that there is room for: 1, 1/2, 1/4 …, the same in all processes.

    `room` is None if that is not known.
    """
    share = 1.0
    while room is not None and share * needed > max(room, 1.0):
        share /= 2
    return min(distributed.all_gather(share))


def random_subset(data: Any, share: float) -> NDArray[np.bool_]:
    """Choose patterns ``[n]`` to learn from: at random, but always the same ones.

    Evenly spaced ones could fall in step with a lattice. Each pattern of a scan has a random number
    of its own, so that each of several processes finds those among its own patterns.
    """
    count = math.prod(distributed.own_part(data).shape[:-2])
    first = distributed.first_pattern(data)
    return np.random.Generator(np.random.PCG64(0).advance(first)).random(count) < share


@dataclass(frozen=True, eq=False)
class ScanRead:
    """Scan that is learned from; each of several processes has its own part.

    Parameters
    ----------
    window : PixelWindow
        Window of pixels that are used.
    filled, learned : ndarray of bool, shape [...]
        True for patterns with counts, and for those n that are learned from.
    share : float
        Share of these of all, 1 where there is room for them: see `random_subset`.
    relative_dose : ndarray of float32, shape [n]
        Counts of each pattern, times what its neighbours gain, over the mean: its noise is that
        much weaker.
    fingerprint : Fingerprint
        Fingerprint of the scan.
    """

    window: PixelWindow
    filled: NDArray[np.bool_]
    learned: NDArray[np.bool_]
    share: float
    relative_dose: Float
    fingerprint: Fingerprint


def read_scan(
    data: Any,
    window: PixelWindow,
    share: float,
    columns_of: Callable[[Float], tuple[Tensor, ...]],
    neighbours: Neighbours | None = None,
) -> Generator[float, None, tuple[ScanRead, list[Tensor]]]:
    """Read a scan once; what comes out does not depend on the blocks in which it is read.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        numpy or dask.
    window : PixelWindow
        Window of pixels that are used.
    share : float
        Share of all patterns to learn from.
    columns_of : callable
        Takes the used pixels of some patterns, and gives numbers to learn from, a row for each.
    neighbours : Neighbours, optional
        Neighbours from which each pattern is known, too.

    Yields
    ------
    float
        Fraction of the reading that is done, after every batch; it may be left there.

    Returns
    -------
    ScanRead
    columns : list of Tensor, shape [n, ...]
        Rows of all patterns that are learned from.

    Raises
    ------
    InputError
        If there are too few patterns.
    """
    part, subset = distributed.own_part(data), random_subset(data, share)
    place = np.cumsum(subset) - 1
    dose, gain = np.zeros(len(subset), np.float32), np.ones(len(subset), np.float32)
    total, done = np.zeros(len(window.gaps)), 0
    columns: list[Tensor] = []
    for numbers, prepared, gained in batches(data, window, BATCH, neighbours):
        counts = prepared[: len(numbers)].sum(axis=1)
        dose[numbers], gain[numbers] = counts, gained[: len(numbers)]
        total += prepared[: len(numbers)][counts > 0].sum(axis=0, dtype=np.float64)
        found = columns_of(prepared)
        columns = columns or [c.new_empty((int(subset.sum()), *c.shape[1:])) for c in found]
        rows = np.flatnonzero(subset[numbers])
        for column, new in zip(columns, found, strict=True):
            column[place[numbers[rows]]] = new[rows]
        done += len(numbers)
        yield done / len(subset)
    filled = dose > 0
    learned, with_counts = filled & subset, filled[subset]
    patterns = distributed.total(int(filled.sum()))
    require_enough(distributed.total(int(learned.sum())))
    distributed.require_each(bool(learned.any()))
    dose = dose[learned]
    dose /= np.float32(distributed.mean(dose))
    dose *= gain[learned]
    dose /= np.float32(distributed.mean(dose))
    filled, learned = (known.reshape(part.shape[:-2]) for known in (filled, learned))
    fingerprint = Fingerprint.from_sum(data.shape, distributed.total(total), patterns)
    read = ScanRead(window, filled, learned, share, dose, fingerprint)
    return read, [compact(column, with_counts) for column in columns]


def require_share(share: float) -> float:
    """Check a share that was read from a file."""
    if not 0 < share <= 1:
        raise ValueError(f"a share of {share} of the patterns")
    return float(share)


def compact(values: Tensor, kept: NDArray[np.bool_]) -> Tensor:
    """Some rows of a tensor, without a second copy of it."""
    done = 0
    for start in range(0, len(kept) if not kept.all() else 0, MOVED):
        found = values[start : start + MOVED][kept[start : start + MOVED]]
        values[done : done + len(found)] = found
        done += len(found)
    return values[:done] if done else values


def tell_share(share: float) -> None:
    """Report that not all patterns are learned from, if it is so."""
    if share < 1 and distributed.first():
        tell(
            f"There is no room for all patterns: one in {round(1 / share):,} is learned from, "
            "chosen at random. The model encodes all of them. More memory is allowed by "
            "stemwidgets.set_memory_limit."
        )
