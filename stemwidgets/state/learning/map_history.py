"""Moments of a training that one can go back to."""

from dataclasses import dataclass

from stemwidgets.rrvae.common.records import Encoding

MOST = 12


@dataclass(frozen=True, eq=False)
class Moment:
    """The maps as they were at one time.

    Parameters
    ----------
    epoch : float
        Passes over the data done by then.
    encoding : Encoding
        The maps.
    """

    epoch: float
    encoding: Encoding


def with_moment(moments: tuple[Moment, ...], new: Moment, most: int = MOST) -> tuple[Moment, ...]:
    """Moments with another one at the end, spread as evenly as they come.

    Parameters
    ----------
    moments : tuple of Moment
        In the order of their epochs.
    new : Moment
        Takes the place of an earlier one of the same epoch.
    most : int
        How many are kept, at least 3; the first and the last always are.
    """
    kept = [moment for moment in moments if moment.epoch < new.epoch] + [new]
    while len(kept) > most:
        gaps = [after.epoch - before.epoch for before, after in zip(kept, kept[2:], strict=False)]
        del kept[1 + gaps.index(min(gaps))]
    return tuple(kept)
