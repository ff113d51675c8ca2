"""Maps of earlier epochs of a training, that one can go back to."""

from dataclasses import dataclass

from stemwidgets.rrvae.common.records import Encoding

MOST = 12  # epochs: stops of a slider, and maps in memory


@dataclass(frozen=True, eq=False)
class SavedMaps:
    """The maps as they were at one epoch.

    Parameters
    ----------
    epoch : float
        Passes over the data done by then.
    encoding : Encoding
        The maps.
    """

    epoch: float
    encoding: Encoding


def with_maps(
    history: tuple[SavedMaps, ...], new: SavedMaps, most: int = MOST
) -> tuple[SavedMaps, ...]:
    """History with the maps of another epoch at the end, spread as evenly as they come.

    Parameters
    ----------
    history : tuple of SavedMaps
        Earlier maps in the order of their epochs.
    new : SavedMaps
        Takes the place of earlier maps of the same epoch.
    most : int
        Number to keep, at least 3; the first and the last always are.
    """
    kept = [maps for maps in history if maps.epoch < new.epoch] + [new]
    while len(kept) > most:
        gaps = [after.epoch - before.epoch for before, after in zip(kept, kept[2:], strict=False)]
        del kept[1 + gaps.index(min(gaps))]
    return tuple(kept)
