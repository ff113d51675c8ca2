"""First read of a scan that stays on disk, whose results so far are shown."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from stemwidgets.arrays.overview import Overview, Reading

SECONDS = 1.0  # between two views of what has been read,
LARGEST_SHARE = 0.1  # which take so much of the time at most


@dataclass(frozen=True)
class Opening:
    """Progress of the first read.

    Parameters
    ----------
    read : float
        Share of the scan, 0 to 1.
    remaining : float
        Time that the rest will take [s].
    """

    read: float
    remaining: float


def watched(reading: Reading, tell: Callable[[Opening, Overview], None]) -> Overview:
    """Read a scan, and report from time to time the progress and the results so far.

    Parameters
    ----------
    reading : Reading
        Reading that has not begun.
    tell : callable
        Receives both, in the thread that reads.
    """
    began = last = time.perf_counter()
    rest = SECONDS
    for read in reading.steps():
        now = time.perf_counter()
        if read < 1 and now - last >= rest:
            tell(Opening(read, (now - began) * (1 - read) / read), reading.overview())
            last = time.perf_counter()
            rest = max(SECONDS, (last - now) / LARGEST_SHARE)
    return reading.overview()
