"""Winding of an angle: its turns on a walk around a scan position."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.circular import wrap

# (y, x) of the eight neighbours in the sense from +x to +y, and the first one again
RING = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1))


def winding(angle: ArrayLike, periodic: bool = False) -> NDArray[np.float64]:
    """Turns of the angle around each position, see `stemwidgets.winding`."""
    values = np.asarray(angle, dtype=float)
    if values.ndim != 2 or min(values.shape) < 3:
        raise InputError(f"Expected a map of at least 3 × 3 positions, got {values.shape}.")
    around = (
        np.pad(values, 1, mode="wrap") if periodic else np.pad(values, 1, constant_values=np.nan)
    )
    rows, columns = values.shape
    walk = np.stack([around[1 + y : 1 + y + rows, 1 + x : 1 + x + columns] for y, x in RING])
    return np.asarray(np.rint(wrap(np.diff(walk, axis=0)).sum(axis=0) / (2 * np.pi)))
