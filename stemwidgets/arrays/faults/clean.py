"""A scan with its faulty pixels masked and its single events repaired, wherever it is read."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.find import find_faulty
from stemwidgets.arrays.faults.left_out import LeftOut, nothing_left_out
from stemwidgets.arrays.faults.scan import Found, places_of, repaired
from stemwidgets.arrays.masks import require_mask

FIND = "find"


@dataclass(frozen=True, eq=False)
class CleanScan:
    """Scan to read instead of a recorded one.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        The scan, in which single events hold what their neighbours hold.
    mask : ndarray of bool, shape [ky, kx], or None
        True where a pixel is left out, by the user or as faulty.
    left_out : LeftOut
        Faults of the detector.
    found : set
        Single events found so far, ``(number of the pattern, ky, kx)``.
    """

    data: Any
    mask: NDArray[np.bool_] | None
    left_out: LeftOut
    found: Found = field(default_factory=set)

    @property
    def told(self) -> LeftOut:
        """Faults, with the single events that were found while the data were read."""
        events = places_of(self.found, tuple(self.data.shape[:-2]))
        return replace(self.left_out, events=events)


def clean_scan(data: Any, faulty: Any = FIND, mask: Any = None) -> CleanScan:
    """Leave faults out of a scan: search for them, leave none out (None), or those found before.

    Pixels of the mask ``[ky, kx]`` are left out anyway. An InputError if `faulty` is something
    else, or it or the mask is of another shape than the patterns.
    """
    left_out = faults_of(data, faulty, mask)
    found: Found = set()
    return CleanScan(repaired(data, left_out, found), left_out.with_mask(mask), left_out, found)


def faults_of(data: Any, faulty: Any = FIND, mask: Any = None) -> LeftOut:
    """Faults that are left out of a scan; see :func:`clean_scan`."""
    shape = (int(data.shape[-2]), int(data.shape[-1]))
    given = None if mask is None else require_mask(mask, shape)
    if isinstance(faulty, LeftOut):
        if faulty.mask.shape != shape:
            raise InputError(
                f"Expected what is left out of patterns of the shape {shape}, got that of patterns "
                f'of the shape {faulty.mask.shape}. Leave it out, or pass faulty="find".'
            )
        return faulty
    if faulty is None:
        return nothing_left_out(shape)
    if not isinstance(faulty, str) or faulty != FIND:
        raise InputError(
            f'Expected faulty="find" or faulty=None, got {faulty!r}. Pixels that are known to be '
            "faulty are given by mask, True where one is left out."
        )
    is_masked = np.ma.isMaskedArray(data._meta if hasattr(data, "dask") else data)
    return nothing_left_out(shape) if is_masked else find_faulty(data, given)
