"""Rows and columns of a detector that do not follow those beside them."""

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.faults.sample import Map, Mask

SIDES = 4  # sound rows, two above and two below
WIDEST = 3  # rows side by side: the cross of a detector made of four chips is two or three wide
SHORTEST = 10  # pixels in a row that must show a line: longer than small spots are
GAP = 1  # pixel in between that need not
SHARE = 0.75  # of the pixels that can show it must show the line to be faulty
OUT_OF_RANGE = 3.0  # times the range of the rows beside it
EMPTY = 0.1  # of what the rows on both sides hold: where less is left, no slope explains it
DEVIATIONS = 6.0  # of the noise, in each pixel
LEAST_CHANGE = 0.25  # of the level beside it
PLAIN = 0.3  # a pixel can show it where the rows beside the line differ by less of their level
ALIKE = 0.6  # of the brightest of the four pixels beside it has the darkest, to show a weak row,
SMOOTH = 0.15  # of it, by which most differ: a fringe or a gap between discs is not as abrupt
SURE = 3.0  # times the noise, by which they differ from a pixel of a weak row
WEAK = 0.75  # of all four: what counts more is even enough
MOST_WEAK = 2  # rows: more are fringes
NEARLY_ALL = 0.9  # of the pixels that can show it must show a row to be weak,
EVENLY = 0.1  # and scatter no more about their median share
LEAST_SUM = 0.05  # change of the sum of a row, without which nothing is looked at closely

Lines = tuple[int, ...]


def faulty_rows(mean: Map, noise: Map, known: Mask) -> Lines:
    """Rows in which most pixels stand out from the rows above and below, all to the same side.

    `mean` is the robust mean pattern, `noise` the standard deviation of each of its pixels, `known`
    what is left out already, all ``[ky, kx]``. Numbers of the rows, rising; for columns pass
    everything transposed.
    """
    if len(mean) < 2 + WIDEST:
        return ()
    levels = _levels(np.where(known, 0.0, mean))
    found: set[int] = set()
    suspects = _suspects(np.array(levels))
    if not any(suspects):
        return ()
    for least in (SIDES, 2):  # what has sound rows on both sides first, then what lies at the edge
        for width in range(1, WIDEST + 1):
            for first in range(len(mean) - width + 1):
                if least < SIDES and not found and 2 <= first <= len(mean) - width - 2:
                    continue  # judged before, by the same rows
                band = list(range(first, first + width))
                if found.intersection(band) or not any(suspects[y] for y in band):
                    continue
                beside = _beside(levels, first, width, found)
                if len(beside) < least or not _stands_out(levels, band, beside):
                    continue
                if _is_faulty(mean, noise, known, band, beside):
                    found.update(band)
    return tuple(sorted(found | _weak_rows(mean, noise, known, found)))


def _levels(mean: Map) -> list[float]:
    """Sum of each row, without the excess of its single pixels."""
    padded = np.pad(mean, ((0, 0), (1, 1)), mode="edge")
    wide = np.minimum(mean, np.maximum(padded[:, :-2], padded[:, 2:]))
    sums: list[float] = wide.sum(axis=1).tolist()
    return sums


def _suspects(levels: NDArray[np.float64]) -> list[bool]:
    """Rows whose sum changes at all, against one of the nearest rows."""
    level = np.pad(levels, 1, mode="edge")
    change = np.maximum(np.abs(level[1:-1] - level[:-2]), np.abs(level[1:-1] - level[2:]))
    nearest = np.minimum(np.abs(level[:-2]), np.abs(level[2:]))
    found: list[bool] = (change > LEAST_SUM * np.minimum(nearest, np.abs(levels))).tolist()
    return found


def _beside(levels: list[float], first: int, width: int, found: set[int]) -> list[int]:
    """Two sound rows on either side: of the nearest three the odd one is left out."""
    chosen: list[int] = []
    for step, start in ((-1, first - 1), (1, first + width)):
        side = [y for y in range(start, start + 6 * step, step) if 0 <= y < len(levels)]
        side = [y for y in side if y not in found][:3]
        if len(side) == 3:
            middle = sorted(levels[y] for y in side)[1]
            away = [abs(levels[y] - middle) for y in side]
            if max(away) > 3 * sorted(away)[1]:
                side.pop(away.index(max(away)))
        chosen += side[:2]
    return chosen


def _stands_out(levels: list[float], band: list[int], beside: list[int]) -> bool:
    around = [levels[y] for y in beside]
    low, high = min(around), max(around)
    rows = [levels[y] for y in band]
    return min(rows) > high + LEAST_SUM * abs(high) or max(rows) < low - LEAST_SUM * abs(low)


def _is_faulty(mean: Map, noise: Map, known: Mask, band: list[int], beside: list[int]) -> bool:
    around = mean[beside]
    low, high = around.min(axis=0), around.max(axis=0)
    sure = DEVIATIONS * np.maximum(noise[beside].max(axis=0), noise[band].min(axis=0))
    ask: Mask = ~np.any(known[beside + band], axis=0)
    plain = ask & (high - low <= np.maximum(PLAIN * np.abs(high), sure)) & (high > sure)
    least = np.maximum(LEAST_CHANGE * np.abs(high), sure)
    change = np.maximum(OUT_OF_RANGE * (high - low), least)
    both = len(beside) == SIDES  # beyond the edge of the detector nothing shows a dark row
    return all(
        _told(mean[y] - high, change, ask, plain)
        or (both and _told(low - mean[y], _change_to_dark(mean[y], low, change, least), ask, plain))
        for y in band
    )


def _weak_rows(mean: Map, noise: Map, known: Mask, found: set[int]) -> set[int]:
    """Rows amid four sound ones that are alike, which count less than all of these."""
    fives = ((y, slice(y - 2, y + 3)) for y in range(2, len(mean) - 2))
    weak = {
        y
        for y, five in fives
        if not found.intersection(range(y - 2, y + 3))
        and _is_weak(mean[five], noise[five], known[five])
    }
    return weak if len(weak) <= MOST_WEAK else set()


def _is_weak(mean: Map, noise: Map, known: Mask) -> bool:
    """True if the third of five rows counts less than the others, by one share all along."""
    own, around = mean[2], mean[[0, 1, 3, 4]]
    low, high = around.min(axis=0), around.max(axis=0)
    ask = ~known.any(axis=0) & (low > ALIKE * high)
    ask &= (1 - WEAK) * low > SURE * np.hypot(noise[2], noise[[1, 3]].max(axis=0))
    weak = ask & (own < WEAK * low)
    if _longest(weak) < SHORTEST or weak.sum() < NEARLY_ALL * ask.sum():
        return False
    if np.median((high - low)[ask] / high[ask]) > SMOOTH:
        return False
    share = own[ask] / around[:, ask].mean(axis=0)
    usual = np.median(share)
    return bool(np.median(np.abs(share - usual)) < EVENLY * usual)


def _change_to_dark(row: Map, low: Map, change: Map, least: Map) -> Map:
    """Change to compare with the limit: less where a dark row lies between rows that are not."""
    return np.where((low > 0) & (row < EMPTY * low), least, change)


def _told(excess: Map, change: Map, ask: Mask, plain: Mask) -> bool:
    out = ask & (excess > change)
    told = int(out.sum())
    return told >= SHARE * int((out | plain).sum()) and _longest(out) >= SHORTEST


def _longest(out: Mask) -> int:
    """Number of pixels in the longest run of a row, bridging short gaps."""
    where = np.flatnonzero(out)
    if not len(where):
        return 0
    runs = np.split(where, np.flatnonzero(np.diff(where) > GAP + 1) + 1)
    return max(len(run) for run in runs)
