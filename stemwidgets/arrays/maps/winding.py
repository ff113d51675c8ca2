"""Winding of an angle: its turns on a walk around a scan position."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.errors import InputError

# (y, x) of the eight neighbours in the sense from +x to +y, and the first one again
RING = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1))


def winding(angle: ArrayLike, periodic: bool = False) -> NDArray[np.float64]:
    """Turns of the angle on the ring of eight positions around each position.

    Where a field such as the centre of mass vanishes, its angle is not defined, but turns around
    that place: +1 at sources, sinks and whirls (atoms and the middles of hexagons in graphene), -1
    at saddles (bonds). It stays whatever global offset is added to the angle, and changes its sign
    with the handedness.

    Parameters
    ----------
    angle : array, shape [iy, ix]
        [rad]; positive turns +x towards +y.
    periodic : bool
        True if the scan goes on at its edges as at the opposite ones.

    Returns
    -------
    ndarray of float64, shape [iy, ix]
        Whole numbers; NaN where the ring leaves the scan or an angle on it is NaN.

    Raises
    ------
    InputError
        If this is no map of at least 3 × 3 positions.

    Notes
    -----
    Neighbouring angles are taken to differ by less than π, so that a winding is found only where
    the scan is fine enough and there is little noise. As the ring is wider than one step, up to
    nine positions around such a place show it.
    """
    values = np.asarray(angle, dtype=float)
    if values.ndim != 2 or min(values.shape) < 3:
        raise InputError(f"Expected a map of at least 3 × 3 positions, got {values.shape}.")
    around = (
        np.pad(values, 1, mode="wrap") if periodic else np.pad(values, 1, constant_values=np.nan)
    )
    rows, columns = values.shape
    walk = np.stack([around[1 + y : 1 + y + rows, 1 + x : 1 + x + columns] for y, x in RING])
    steps = np.pi - np.mod(np.pi - np.diff(walk, axis=0), 2 * np.pi)
    turns: NDArray[np.float64] = np.rint(steps.sum(axis=0) / (2 * np.pi))
    return turns
