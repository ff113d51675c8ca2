"""A copy of a scan that a virtual detector can be dragged over."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import iterate_blocks, native_type
from stemwidgets.arrays.checks import require_finite, require_scan
from stemwidgets.arrays.detectors import Detector
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.kernels.intrinsics import narrow_sum
from stemwidgets.arrays.memory import require_room
from stemwidgets.arrays.virtual_image import detector_weights

BLOCK_BYTES = 2**22  # of patterns that are turned at once
TILE = 32  # pixels and positions turned at once, in the cache: a third of numpy's time
STRETCH = 2048  # positions whose sums, 16 kB at most, stay in the first cache
GROUP = 4  # pixels added up in registers: half to 0.7 of the time of one after the other


class DetectorMajor:
    """Exact images of a virtual detector that moves a little at a time.

    All positions of one detector pixel lie side by side, in the type of the data, so that an image
    costs only the pixels that came and went since the last one. Sums of integers are exact and do
    not depend on the way; of other numbers every image is summed anew. Not to be used by two
    threads at once.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        Counts; numpy or dask, read once. The copy takes as much memory as the data.

    Raises
    ------
    InputError
        If `data` is no scan, or the copy needs more memory than may be used.
    """

    def __init__(self, data: Any) -> None:
        require_scan(data)
        rows, columns, height, width = (int(size) for size in data.shape)
        dtype = native_type(data.dtype)
        self.scan, self.pattern = (rows, columns), (height, width)
        require_room(
            rows * columns * height * width * dtype.itemsize,
            "a copy of the scan that a detector can be dragged over",
            "Take every second row and column of the scan, bin or crop the patterns, or use "
            "virtual_image, which needs no copy.",
        )
        self._copy = np.empty((height * width, rows, columns), dtype)
        for (y, *x), patterns in iterate_blocks(data, BLOCK_BYTES):
            flat = np.ascontiguousarray(patterns).reshape(*patterns.shape[:2], -1)
            _store(flat, self._copy[:, y, x[0] if x else slice(None)])
        self._exact = dtype.kind in "ui" and dtype.itemsize < 8
        self._used = np.zeros(height * width, dtype=bool)
        self._sums: NDArray[Any] = np.zeros(rows * columns, dtype=_sum_type(dtype, height * width))

    def image(
        self, detector: Detector | NDArray[np.bool_], mask: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """Sum of the counts on a detector at every scan position, as `virtual_image` gives it.

        A pixel of the mask is left out, on the detector or not. An InputError if no pixel lies on
        the detector, it has weights or segments, detector or mask do not fit, or a pixel that
        counts is not finite.
        """
        weights = detector_weights(detector, self.pattern, mask)
        if len(weights) > 1 or weights.dtype != bool:
            raise InputError(
                "Expected a detector on which each pixel counts once or not at all, got weights or "
                "segments. virtual_image takes them."
            )
        used = weights.ravel()
        came, went = used & ~self._used, self._used & ~used
        if not self._exact or came.sum() + went.sum() > used.sum():
            self._sums[:] = 0
            came, went = used, np.zeros_like(used)
        pixels = self._copy.reshape(len(used), -1)
        _add(pixels, np.flatnonzero(came), 1, self._sums)
        _add(pixels, np.flatnonzero(went), -1, self._sums)
        self._used = used.copy()
        image = self._sums.astype(np.float64).reshape(self.scan)
        require_finite(image)
        return image


def _sum_type(dtype: np.dtype[Any], pixels: int) -> type:
    if dtype.kind == "f" or dtype.itemsize == 8:  # sums of 64 bits, which would wrap around
        return np.float64
    return np.int32 if pixels * 2 ** (8 * dtype.itemsize) <= 2**31 else np.int64


@numba.njit(cache=True, nogil=True)
def _store(patterns: NDArray[Any], copy: NDArray[Any]) -> None:  # pragma: no cover
    rows, columns, pixels = patterns.shape
    for y in range(rows):
        for first in range(0, pixels, TILE):
            for start in range(0, columns, TILE):
                for pixel in range(first, min(first + TILE, pixels)):
                    for x in range(start, min(start + TILE, columns)):
                        copy[pixel, y, x] = patterns[y, x, pixel]


@numba.njit(cache=True, nogil=True)
def _add(
    pixels: NDArray[Any], chosen: NDArray[Any], sign: int, sums: NDArray[Any]
) -> None:  # pragma: no cover
    """Add the chosen pixels to the sums, or subtract them from those."""
    number = sums.dtype.type
    times = number(sign)
    grouped = len(chosen) - len(chosen) % GROUP
    for start in range(0, len(sums), STRETCH):
        part = sums[start : start + STRETCH]
        for i in range(0, grouped, GROUP):
            p0, p1 = pixels[chosen[i], start:], pixels[chosen[i + 1], start:]
            p2, p3 = pixels[chosen[i + 2], start:], pixels[chosen[i + 3], start:]
            for k in range(len(part)):
                first = narrow_sum(number(p0[k]), number(p1[k]))
                second = narrow_sum(number(p2[k]), number(p3[k]))
                part[k] = narrow_sum(part[k], number(times * narrow_sum(first, second)))
        for i in range(grouped, len(chosen)):
            pixel = pixels[chosen[i], start:]
            for k in range(len(part)):
                part[k] = narrow_sum(part[k], number(times * number(pixel[k])))
