"""A scan with its single events repaired where it is read, and its moments without them.

For moments patterns are compared with the limits while they are in the cache: this saves one
reading of the scan over a separate search for events.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import iterate_blocks, native_type
from stemwidgets.arrays.changed import Change, ChangedScan, changed
from stemwidgets.arrays.faults.left_out import LeftOut
from stemwidgets.arrays.kernels.limits import Watch
from stemwidgets.arrays.kernels.moments import Moments

Found = set[tuple[int, int, int]]

BLOCK_BYTES = 2**22  # compared in place, and copied only if it has an event
SUMMED_BYTES = 8 * 2**20  # of patterns that are summed and compared at once
MomentsOf = Callable[[NDArray[Any], Watch | None], Moments]


class RepairedScan(ChangedScan):
    """An array in memory whose single events hold the median of their neighbours.

    Nothing is copied but the blocks that have an event, when they are read.

    Parameters
    ----------
    data : ndarray, shape [..., ky, kx]
        The scan.
    left_out : LeftOut
        Faults, with limits of single events.
    numbers : ndarray of int, shape [...], optional
        Number of each pattern in the whole scan.
    found : set, optional
        Receives the events, ``(number, ky, kx)``.
    """

    block_bytes = BLOCK_BYTES

    def __init__(
        self,
        data: NDArray[Any],
        left_out: LeftOut,
        numbers: NDArray[np.intp] | None = None,
        found: Found | None = None,
    ) -> None:
        self.left_out, self.found = left_out, set() if found is None else found
        super().__init__(data, _repair(left_out, self.found), data.dtype, numbers)

    def _cut(self, part: Any, numbers: NDArray[np.intp]) -> "RepairedScan":
        return RepairedScan(part, self.left_out, numbers, self.found)


def repaired(data: Any, left_out: LeftOut, found: Found | None = None) -> Any:
    """A scan to read instead of `data`, whose events hold the median of their neighbours.

    Of another array than numpy or dask, or without limits, it is the scan itself. The mask of what
    is left out changes nothing here. `found` receives the events ``(number, ky, kx)`` as they are
    found in this process.
    """
    found = set() if found is None else found
    if left_out.limits is None or np.ma.isMaskedArray(data) or isinstance(data, RepairedScan):
        return data
    if not hasattr(data, "dask"):
        return RepairedScan(np.asarray(data), left_out, found=found)
    if np.ma.isMaskedArray(data._meta):
        return data
    return changed(data, _repair(left_out, found), native_type(data.dtype))


def _repair(left_out: LeftOut, found: Found) -> Change:
    limits = left_out.limits
    assert limits is not None

    def repair(patterns: NDArray[Any], numbers: NDArray[np.intp]) -> NDArray[Any]:
        whole, events = limits.repaired(patterns)
        if len(events):
            note(found, numbers[events[:, 0]], events)
        return whole

    return repair


def places_of(found: Found, leading: tuple[int, ...]) -> NDArray[np.intp]:
    """Places ``[n, axes]`` of events that were noted, in storage order."""
    met = np.array(sorted(found), np.intp).reshape(-1, 3)
    return np.stack([*np.unravel_index(met[:, 0], leading), *met[:, 1:].T], axis=1)


def note(found: Found, numbers: NDArray[np.intp], events: NDArray[np.intp]) -> None:
    """Note events ``(…, ky, kx)`` of patterns with these numbers in the scan."""
    found.update(zip(numbers.tolist(), *events[:, 1:].T.tolist(), strict=True))


def checked_moments(scan: RepairedScan, moments_of: MomentsOf) -> Moments:
    """Sums ``(Σ I, Σ I·y, Σ I·x)`` of each pattern of a scan, ``[..., 3]``, without its events.

    Events hold the median of their neighbours, and are noted. `moments_of` gives the sums of
    patterns ``[n, ky, kx]``; it also takes the limits to compare them with.
    """
    sums = np.empty((*scan.shape[:-2], 3))
    for where, patterns in iterate_blocks(scan.data, SUMMED_BYTES):
        flat = patterns.reshape(-1, *patterns.shape[-2:])
        found = _of_block(flat, scan, scan.numbers[where].ravel(), moments_of)
        sums[where] = found.reshape(*patterns.shape[:-2], 3)
    return sums


def _of_block(
    flat: NDArray[Any], scan: RepairedScan, numbers: NDArray[np.intp], moments_of: MomentsOf
) -> Moments:
    limits = scan.left_out.limits
    assert limits is not None
    watch = limits.watch.over(len(flat))
    result = moments_of(flat, watch)
    suspects = np.flatnonzero(watch.beyond)
    if len(suspects):
        repaired, events = limits.repaired(flat[suspects])
        if len(events):
            result[suspects] = moments_of(repaired, None)
            note(scan.found, numbers[suspects[events[:, 0]]], events)
    return result
