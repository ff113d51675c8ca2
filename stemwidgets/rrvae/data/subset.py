"""Choice of the patterns to learn from where there is no room for all of a scan."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.notices import tell

Values = TypeVar("Values", NDArray[Any], Tensor)

MOVED = 2**16  # rows at once


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
    return min(distributed.all_gather(share))


def random_subset(first: int, count: int, share: float) -> NDArray[np.bool_]:
    """Choose patterns to learn from: at random, but always the same ones.

    Evenly spaced ones could fall in step with a lattice. Each pattern has a random number of its
    own, so that each process finds its own.

    Parameters
    ----------
    first, count : int
        Number of the first pattern, counted through the whole scan, and number of patterns.
    share : float
        Share of all patterns, 0 to 1.
    """
    return np.random.Generator(np.random.PCG64(0).advance(first)).random(count) < share


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
