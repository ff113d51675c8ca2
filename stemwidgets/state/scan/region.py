"""A part of the scan, and the mean of its patterns."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from traitlets import HasTraits

from stemwidgets.arrays.blocks import iterate_blocks
from stemwidgets.arrays.errors import InputError
from stemwidgets.state.traits import Array


class Region(Array):
    """Positions of the owner's scan, as a read-only array of bool; None where there are none."""

    info_text = "positions of the scan, an array of bool"

    def validate(self, obj: HasTraits, value: Any) -> Any:
        """Check and freeze the positions; raise InputError if they are none of the scan."""
        chosen = np.asarray(value)
        shape: tuple[int, int] = obj.scan.shape[:2]  # type: ignore[attr-defined]
        if chosen.dtype != bool or chosen.shape != shape:
            raise InputError(
                f"Expected a region as an array of bool with the scan's shape {shape}, True "
                f"inside, got {chosen.dtype} with shape {chosen.shape}."
            )
        return super().validate(obj, chosen) if chosen.any() else None


def mean_of(data: Any, region: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Mean of the patterns of a region.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        The scan; only the smallest rectangle around the region is read.
    region : ndarray of bool, shape [iy, ix]
        Positions to read; True somewhere.

    Returns
    -------
    ndarray of float32, shape [ky, kx]
    """
    window = tuple(slice(int(where.min()), int(where.max()) + 1) for where in np.nonzero(region))
    inside = region[window]
    total = np.zeros(data.shape[2:])
    for where, patterns in iterate_blocks(data[window]):
        total += patterns[inside[where]].sum(axis=0, dtype=np.float64)
    return (total / inside.sum()).astype(np.float32)
