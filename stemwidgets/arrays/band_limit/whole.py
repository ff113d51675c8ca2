"""Maps without gaps, for spectra: empty edges cut off, and single gaps filled in."""

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.band_limit.limit import low_passed

MOST = 0.1  # of the positions, that may be filled in: more would be made up
ROUNDS = 50  # of a low-pass, by which a gap comes near to what its neighbours say
GUESS = 0.25  # cycles per step: limit for the filling where none is known

Map = NDArray[np.float64]
Pair = tuple[float, float]


def whole_part(
    maps: Map, steps: Pair, limit: float | None, shortest: int
) -> tuple[Map, float, str]:
    """Cut off edges that are not defined, and fill the gaps with what their neighbours say.

    Parameters
    ----------
    maps : ndarray, shape [iy, ix, n]
        Maps, NaN where they are not defined.
    steps : (float, float)
        Scan steps along y and x.
    limit : float or None
        Highest frequency of the maps, in cycles per unit of the steps.
    shortest : int
        Positions along either axis that have to be left.

    Returns
    -------
    maps : ndarray
        Maps without NaN.
    filled : float
        Share of the positions that were filled in: they have no noise of their own.
    reason : str
        Reason why there are none; empty if there are.
    """
    defined: NDArray[np.bool_] = np.asarray(np.isfinite(maps).all(axis=-1))
    part = _inner(defined)
    maps, defined = maps[part], defined[part]
    if min(maps.shape[:2]) < shortest:
        return maps, 0.0, f"it takes {shortest} × {shortest} positions."
    filled = float(1 - defined.mean())
    if filled > MOST:
        return maps, filled, f"{100 * filled:.0f} % of the positions are empty."
    if filled:
        maps = _filled(maps, defined, steps, limit)
    return maps, filled, ""


def _inner(defined: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The scan without rows and columns at its edges of which most positions are not defined."""
    rows, columns = slice(0, defined.shape[0]), slice(0, defined.shape[1])
    for _ in range(2):  # columns are judged in the rows that are left, and the other way round
        rows = _run(defined[:, columns].mean(axis=1) >= 0.5)
        columns = _run(defined[rows].mean(axis=0) >= 0.5)
    return rows, columns


def _run(good: NDArray[np.bool_]) -> slice:
    held = np.flatnonzero(good)
    return slice(int(held[0]), int(held[-1]) + 1) if held.size else slice(0, 0)


def _filled(maps: Map, defined: NDArray[np.bool_], steps: Pair, limit: float | None) -> Map:
    """Gaps by repeated low-passes, which leave the defined positions alone.

    Papoulis, IEEE Trans. Circuits Syst. 22, 735 (1975), doi:10.1109/TCS.1975.1084118.
    """
    cycles = [GUESS if limit is None else min(limit * step, 0.5) for step in steps]
    known = defined[..., None]
    middle = np.nanmean(np.where(known, maps, np.nan), axis=(0, 1))
    filled = np.where(known, maps, middle)
    for _ in range(ROUNDS):
        filled = np.where(known, maps, low_passed(filled, (cycles[0], cycles[1]))[0])
    return filled
