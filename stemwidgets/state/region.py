"""A part of the scan, and what the patterns there have in common."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from traitlets import HasTraits

from stemwidgets.arrays.blocks import iterate_blocks
from stemwidgets.arrays.errors import InputError
from stemwidgets.state.traits import Array


class Region(Array):
    """Positions of the owner's scan, as a read-only mask of bool; None where there are none."""

    info_text = "a mask of bool over the scan"

    def validate(self, obj: HasTraits, value: Any) -> Any:
        """Check and freeze the mask; raise InputError for what is no mask of the scan."""
        mask = np.asarray(value)
        shape: tuple[int, int] = obj.shape[:2]  # type: ignore[attr-defined]
        if mask.dtype != bool or mask.shape != shape:
            raise InputError(
                f"Expected a mask of bool with the scan's shape {shape}, got {mask.dtype} with "
                f"shape {mask.shape}."
            )
        return super().validate(obj, mask) if mask.any() else None


def mean_of(data: Any, region: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Mean of the patterns of a region.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        The scan; only the smallest rectangle around the region is read.
    region : ndarray of bool, shape [iy, ix]
        Where to read; True somewhere.

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
