"""Choice of the patterns to learn from where there is no room for all of a scan."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.notices import tell

Values = TypeVar("Values", NDArray[Any], Tensor)

MOVED = 2**16  # rows at once
# constants of SplitMix64
_STEP, _FIRST, _SECOND = (
    np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)


def share_that_fits(needed: int, room: float | None) -> float:
    """Share of something that may be kept: 1, 1/2, 1/4 …, the same in all processes.

    Parameters
    ----------
    needed : int
        Bytes that all of it takes.
    room : float or None
        Bytes that may be used; None if that is not known.
    """
    share = 1.0
    while room is not None and share * needed > max(room, 1.0):
        share /= 2
    return min(distributed.gathered(share))


def chosen(numbers: NDArray[np.intp], share: float) -> NDArray[np.bool_]:
    """Choose patterns to learn from: at random, but always the same ones.

    Evenly spaced ones could fall in step with a lattice. Numbers are mixed by SplitMix64 (Steele,
    Lea and Flood, OOPSLA 2014, doi:10.1145/2660193.2660195), so that each process and each block
    finds its own.

    Parameters
    ----------
    numbers : ndarray of int, shape [n]
        Numbers of patterns, counted through the whole scan.
    share : float
        Share of all patterns, 0 to 1.
    """
    if share == 1:
        return np.ones(len(numbers), dtype=bool)
    mixed = (numbers.astype(np.uint64) + np.uint64(1)) * _STEP
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return np.asarray((mixed ^ (mixed >> np.uint64(31))) < share * 2.0**64)


def require_share(share: float) -> float:
    """Check a share that was read from a file."""
    if not 0 < share <= 1:
        raise ValueError(f"a share of {share} of the patterns")
    return float(share)


def compact(values: Values, kept: NDArray[np.bool_]) -> Values:
    """Some rows of an array or a tensor, without a second copy of it."""
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
