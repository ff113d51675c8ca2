"""Limits of each pixel, with which patterns are compared while they are in the cache."""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray


class Watch(NamedTuple):
    """Limits for patterns, and flags for those that exceed them.

    Parameters
    ----------
    limits : ndarray, shape [sides, ky * kx]
        The highest that each pixel may hold, and the lowest unless nothing is too low; in the type
        of the patterns.
    beyond : ndarray of bool, shape [n]
        Set to True for a pattern with a pixel beyond its limits.
    """

    limits: NDArray[Any]
    beyond: NDArray[np.bool_]

    @classmethod
    def of(cls, highest: NDArray[Any], lowest: NDArray[Any] | None) -> "Watch":
        """Over no patterns yet, for limits ``[ky, kx]``."""
        sides = [highest] if lowest is None else [highest, lowest]
        return cls(np.stack(sides).reshape(len(sides), -1), np.zeros(0, np.bool_))

    def over(self, count: int) -> "Watch":
        """The same over so many patterns."""
        return self._replace(beyond=np.zeros(count, np.bool_))


@numba.njit(cache=True, nogil=True)
def watch_patterns(patterns: NDArray[Any], watch: Watch) -> None:  # pragma: no cover
    """Compare patterns ``[n, ky, kx]``, contiguous, with their limits."""
    for i in range(len(patterns)):
        watch_pattern(patterns, i, watch)


@numba.njit(cache=True, nogil=True)
def watch_pattern(patterns: NDArray[Any], i: int, watch: Watch) -> None:  # pragma: no cover
    """Compare one of the patterns with its limits; what is not a number is not beyond."""
    both = len(watch.limits) > 1
    highest, lowest = watch.limits[0], watch.limits[int(both)]
    pixels, beyond = patterns[i].reshape(highest.size), False
    if both:
        for x in range(len(pixels)):
            beyond |= (pixels[x] > highest[x]) | (pixels[x] < lowest[x])
    else:
        for x in range(len(pixels)):
            beyond |= pixels[x] > highest[x]
    watch.beyond[i] |= beyond
