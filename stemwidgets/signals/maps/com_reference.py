"""Reference of a centre of mass: the position of no deflection."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.errors import InputError

Map = NDArray[np.float64]


def origin_of(reference: Any, axes: Axes) -> Map:
    """The centre of mass of no deflection, ``(y, x)`` in pixels, ``[2]`` or ``[iy, ix, 2]``."""
    if reference is None:
        return np.array([-axes.ky.offset / axes.ky.scale, -axes.kx.offset / axes.kx.scale])
    reference = getattr(reference, "positions", reference)
    try:
        origin = np.asarray(reference, dtype=float)
    except (TypeError, ValueError):
        origin = np.empty(0)
    rows, columns = axes.shape[:2]
    fits = origin.shape == (rows, columns, 2) or (
        origin.shape == (2,) and np.isfinite(origin).all()
    )
    if not fits:
        raise InputError(
            f"Expected a reference (y, x) in pixels, or one for each position "
            f"[{rows}, {columns}, 2], got {np.shape(reference) or reference!r}."
        )
    return origin
