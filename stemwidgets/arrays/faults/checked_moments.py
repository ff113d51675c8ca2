"""Moments of patterns whose single events are left out, from one reading of memory.

Patterns are compared with the limits while they are in the cache: this saves one reading of the
scan over a separate search for events.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import iterate_blocks
from stemwidgets.arrays.faults.scan import RepairedScan, note
from stemwidgets.arrays.kernels.limits import Watch
from stemwidgets.arrays.kernels.moments import Moments

BLOCK_BYTES = 8 * 2**20  # of patterns that are summed and compared at once

MomentsOf = Callable[[NDArray[Any], Watch | None], Moments]


def checked_moments(scan: RepairedScan, moments_of: MomentsOf) -> Moments:
    """Sums ``(Σ I, Σ I·y, Σ I·x)`` of each pattern.

    Parameters
    ----------
    scan : RepairedScan
        Scan whose events hold the median of their neighbours, and are noted.
    moments_of : callable
        Gives the sums of patterns ``[n, ky, kx]``; also takes the limits to compare them with.

    Returns
    -------
    ndarray of float64, shape [..., 3]
    """
    sums = np.empty((*scan.shape[:-2], 3))
    for where, patterns in iterate_blocks(scan.data, BLOCK_BYTES):
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
