"""Single events: one pixel of one pattern, lit by a cosmic ray, an X-ray or a spark."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.faults.sample import Map, Mask, PixelSample
from stemwidgets.arrays.kernels.limits import Watch, watch_patterns

DEVIATIONS = 8.0  # of a pixel over the scan
COUNTS = 10.0  # electrons more than usual, at least
CONTRAST = 5.0  # over the second brightest of the pixels around: features are wider than events
FEWEST = 3  # pixels around an event that determine what it should hold


@dataclass(frozen=True, eq=False)
class EventLimits:
    """Counts that no pixel reaches unless it is hit.

    Parameters
    ----------
    expected : ndarray of float32, shape [ky, kx]
        Mean of each pixel, robust.
    highest, lowest : ndarray, shape [ky, kx]
        In the type of the patterns; a pixel beyond is looked at closely. Counts without a sign are
        never too low: a hit adds to them.
    hidden : ndarray of bool, shape [ky, kx]
        Pixels that are left out anyway.
    least : float
        Counts that an event holds more than the brightest but one of the pixels around it.
    """

    expected: NDArray[np.float32]
    highest: NDArray[Any]
    lowest: NDArray[Any]
    hidden: Mask
    least: float

    @classmethod
    def of(cls, sample: PixelSample, hidden: Mask) -> "EventLimits":
        """Make limits from a sample of patterns and the pixels that are left out."""
        width = (
            DEVIATIONS * np.sqrt(np.maximum(sample.variance, sample.noise)) + COUNTS * sample.unit
        )
        highest = np.where(hidden, np.inf, sample.mean + width)
        lowest = np.where(hidden, -np.inf, sample.mean - width)
        dtype = sample.patterns.dtype
        if dtype.kind == "u":
            lowest[:] = 0
        return cls(
            sample.mean.astype(np.float32),
            in_type(np.ceil(highest), dtype),
            in_type(np.floor(lowest), dtype),
            hidden,
            COUNTS * sample.unit + DEVIATIONS * float(np.sqrt(sample.ground)),
        )

    @cached_property
    def watch(self) -> Watch:
        """The limits, for what reads patterns."""
        return Watch.of(self.highest, None if self.highest.dtype.kind == "u" else self.lowest)

    def repaired(self, patterns: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
        """Patterns in which events hold the median of their neighbours, and those events.

        Patterns ``[n, ky, kx]`` are contiguous, in the type of the sample, and given back if there
        is no event. Events are ``(pattern, ky, kx)``, as rows of an array.
        """
        watch = self.watch.over(len(patterns))
        watch_patterns(patterns, watch)
        chosen, bounds = np.flatnonzero(watch.beyond), (self.highest, self.lowest)
        if not len(chosen):
            return patterns, np.empty((0, 3), np.intp)
        found = _confirmed(patterns, chosen, *bounds, self.expected, self.hidden, self.least)
        events = found.astype(np.intp)
        if not len(events):
            return patterns, events
        whole = patterns.copy()
        for i, y, x in events:
            whole[i, y, x] = self._usual(patterns[i], y, x, events[events[:, 0] == i, 1:])
        return whole, events

    def _usual(self, pattern: NDArray[Any], y: int, x: int, events: NDArray[np.intp]) -> float:
        rows, columns = slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2)
        hidden = self.hidden[rows, columns].copy()
        for a, b in events:
            if rows.start <= a < rows.stop and columns.start <= b < columns.stop:
                hidden[a - rows.start, b - columns.start] = True
        values = pattern[rows, columns][~hidden]
        return float(np.median(values)) if values.size else float(self.expected[y, x])


def in_type(limit: Map, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The limit in the type of the patterns: a comparison of unlike types is slow."""
    if dtype.kind not in "ui":
        return limit.astype(dtype)
    info = np.iinfo(dtype)
    return np.clip(limit, float(info.min), float(min(info.max, 2**53))).astype(dtype)


@numba.njit(cache=True, nogil=True)
def _confirmed(
    patterns: NDArray[Any],
    chosen: NDArray[np.intp],
    highest: NDArray[Any],
    lowest: NDArray[Any],
    expected: NDArray[np.float32],
    hidden: Mask,
    least: float,
) -> NDArray[np.int64]:  # pragma: no cover
    """Confirm the pixels beyond the limits whose neighbours hold what is expected.

    Values that are not finite are no counts, and are refused where the patterns are read.
    """
    found = np.empty((16, 3), np.int64)
    count = 0
    for i in chosen:
        pattern = patterns[i]
        for y, x in np.argwhere((pattern > highest) | (pattern < lowest)):
            above = pattern[y, x] > highest[y, x]
            if hidden[y, x] or not np.isfinite(pattern[y, x]):
                continue
            if not _alone(pattern, y, x, expected, hidden, above, least):
                continue
            if count == len(found):
                found = np.concatenate((found, np.empty_like(found)))
            found[count, 0], found[count, 1], found[count, 2] = i, y, x
            count += 1
    return found[:count]


@numba.njit(cache=True, nogil=True)
def _alone(
    pattern: NDArray[Any],
    y: int,
    x: int,
    expected: NDArray[np.float32],
    hidden: Mask,
    above: bool,
    least: float,
) -> bool:  # pragma: no cover
    """True if at most one of the pixels around one is as far from what is expected."""
    height, width = hidden.shape
    sign = 1.0 if above else -1.0
    excess = sign * (float(pattern[y, x]) - expected[y, x])
    first = second = 0.0
    known = 0
    for a in range(max(y - 1, 0), min(y + 2, height)):
        for b in range(max(x - 1, 0), min(x + 2, width)):
            if (a == y and b == x) or hidden[a, b]:
                continue
            known += 1
            other = sign * (float(pattern[a, b]) - expected[a, b])
            level = sign * (float(pattern[a, b]) - expected[y, x])
            other = max(other, min(level, 2 * other))
            second = max(second, min(first, other))
            first = max(first, other)
    return known >= FEWEST and excess >= CONTRAST * second and excess - second >= least
