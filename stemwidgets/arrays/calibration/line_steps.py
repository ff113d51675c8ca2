"""Lines of a scan at which the beam jumps on the detector, and stays (readout, scan coils).

A step moves all positions of a line alike, stands out from the changes between other lines, and
the level stays. Atoms in rows along the scan change the centre of mass from line to line too, but
smoothly, again and again, and back; a single bad line comes back at once.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FEWEST_LINES = 16  # in a scan: with fewer the usual change between lines is not known
FEWEST_POSITIONS = 8  # in a line, whose median is taken
LARGE = 3.0  # times the 90th percentile of all changes between lines: in noise alone 6.4 standard
USUAL = 90  # deviations, one in 10⁹ lines
LEAST = 1e-3  # px: less is lost in any dose
STAYS = 6  # lines at least, of each level: less is an excursion, as where the scan crosses an edge
ALIKE = 0.5  # of a step: each half of the line shows as much, and levels around it differ by less
AROUND = 4  # in so many parts of the scan, one on either side, levels are compared
MOST = 3  # steps in a scan: more are the rows of a lattice

Map = NDArray[np.float64]
Mask = NDArray[np.bool_]
Steps = tuple[tuple[int, float, float], ...]


def find_lines(com: Map, used: Mask) -> tuple[int, ...]:
    """Lines at which a step may begin, in order; how large each is remains to be fitted.

    `com` is the centre of mass ``(y, x)`` in pixels, ``[iy, ix, 2]``, `used` the positions that
    count.
    """
    lines = np.flatnonzero(used.sum(axis=1) >= FEWEST_POSITIONS)
    if len(lines) < FEWEST_LINES:
        return ()
    changes = np.diff(com[lines], axis=0)
    changes[~(used[lines[1:]] & used[lines[:-1]])] = np.nan
    whole = _medians(changes)
    usual = _around(whole)
    sizes = np.hypot(*(whole - usual).T)
    large = np.flatnonzero(sizes > max(LARGE * np.percentile(sizes, USUAL), LEAST))
    chosen = [
        int(lines[index + 1])
        for index in large
        if STAYS <= index + 1 <= len(lines) - STAYS
        and _in_both_halves(changes[index], usual[index])
    ]
    return tuple(chosen) if len(chosen) <= MOST and all(np.diff(chosen) >= STAYS) else ()


def confirmed_lines(rest: Map, used: Mask, steps: Steps) -> tuple[int, ...]:
    """Lines of the steps that a fit of the whole scan bears out; without the worst of the others.

    `rest` is the residual of the fit to the centre of mass ``(y, x)`` [px], ``[iy, ix, 2]``; each
    step is a line and the jump fitted there, ``(iy, y, x)`` [px].
    """
    if not steps:
        return ()
    lines = np.flatnonzero(used.sum(axis=1) >= FEWEST_POSITIONS)
    levels = _medians(np.where(used[..., None], rest, np.nan)[lines])
    doubts = {
        line: _doubt(levels, int(np.searchsorted(lines, line)), jump) for line, *jump in steps
    }
    worst = max(doubts, key=lambda line: doubts[line])
    return tuple(line for line in doubts if line != worst or doubts[line] <= ALIKE)


def _doubt(levels: Map, first: int, jump: list[float]) -> float:
    """Difference of the levels before and after a step once it is removed, over the step."""
    reach = min(first, len(levels) - first, max(len(levels) // AROUND, STAYS))
    after, before = levels[first : first + reach], np.flip(levels[first - reach : first], axis=0)
    size = float(np.hypot(jump[0], jump[1]))
    differences = ndimage.median_filter(after - before, (3, 1), mode="nearest")
    differences[0] = (after - before)[0]
    return float(np.hypot(*differences.T).max()) / size if size > 0 else np.inf


def _medians(values: Map) -> Map:
    """Median of each line ``[iy, 2]``; 0 where too few positions are known."""
    if np.isfinite(values).all():
        return np.asarray(np.median(values, axis=1))
    known = np.isfinite(values).all(axis=-1).sum(axis=1) >= FEWEST_POSITIONS
    result = np.zeros((len(values), 2))
    result[known] = np.nanmedian(values[known], axis=1)
    return result


def _around(changes: Map) -> Map:
    """Median of the two changes before each and the two after it: what is slow changes alike."""
    padded = np.pad(changes, ((2, 2), (0, 0)), mode="reflect")
    near = [padded[2 + shift : len(changes) + 2 + shift] for shift in (-2, -1, 1, 2)]
    return np.asarray(np.median(near, axis=0))


def _in_both_halves(changes: Map, usual: Map) -> bool:
    """True if each half of a line ``[ix, 2]`` changes like the whole line."""
    known = changes[np.isfinite(changes).all(axis=-1)]
    step = np.median(known, axis=0) - usual
    halves = (np.median(half, axis=0) - usual for half in np.array_split(known, 2))
    return all(float(half @ step) >= ALIKE * float(step @ step) for half in halves)
