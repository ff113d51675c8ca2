"""Losses of a training, and the maps of earlier epochs that one can go back to."""

from dataclasses import dataclass

from stemwidgets.rrvae.common.records import Encoding, Progress

History = tuple[tuple[float, float], ...]

APART = 0.01  # distance of points over the passes so far, less than a pixel of the curve
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


def with_loss(history: History, progress: Progress) -> History:
    """History with the loss of a step at its end.

    Points are an epoch apart, in the first hundred epochs a hundredth of the passes so far. The
    last point moves on until it is that far from the one before.

    Parameters
    ----------
    history : tuple of (passes, loss)
        Points in the order of the passes over the data.
    progress : Progress
        A later report.
    """
    passes = progress.passes_done
    apart = min(1.0, APART * passes)
    kept = [point for point in history if point[0] < passes]
    if len(kept) > 1 and kept[-1][0] - kept[-2][0] < apart * (1 - 1e-6):  # rounding
        del kept[-1]
    return (*kept, (passes, progress.loss))
