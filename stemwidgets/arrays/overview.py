"""What the opening of a scan needs, from one read of the data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import iterate_blocks
from stemwidgets.arrays.center_of_mass import centroids, pattern_moments
from stemwidgets.arrays.checks import require_finite, require_scan


@dataclass(frozen=True, eq=False)
class Overview:
    """First look at a scan.

    Parameters
    ----------
    sum_image : ndarray, shape [iy, ix]
        Counts of each pattern.
    mean_pattern : ndarray, shape [ky, kx]
        Mean over the scan.
    com : ndarray, shape [iy, ix, 2]
        Centre of mass ``(y, x)`` in pixels; NaN where a pattern has no counts.
    reference : (float, float)
        Centre of mass ``(y, x)`` of the mean pattern, in pixels.
    """

    sum_image: NDArray[np.float64]
    mean_pattern: NDArray[np.float64]
    com: NDArray[np.float64]
    reference: tuple[float, float]


def overview(data: Any, mask: NDArray[Any] | None = None) -> Overview:
    """Read a scan once and sum it up.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        Counts; numpy or dask (read one chunk at a time).
    mask : ndarray, shape [ky, kx], optional
        Weight of each pixel in the sum image and the centres of mass; 0 leaves a pixel out,
        whatever it holds.

    Raises
    ------
    InputError
        If `data` is not a scan, a pixel is not finite or the mask has another shape.
    """
    require_scan(data)
    moments = np.empty((*data.shape[:2], 3))
    total = np.zeros(data.shape[2:])
    for where, patterns in iterate_blocks(data):
        moments[where] = pattern_moments(patterns, mask)
        with np.errstate(invalid="ignore"):  # opposite infinities, refused below
            total += patterns.reshape(-1, *data.shape[2:]).sum(axis=0, dtype=np.float64)
    sum_image = moments[..., 0]
    require_finite(sum_image)
    mean_pattern = total / sum_image.size
    y, x = centroids(pattern_moments(mean_pattern, mask))
    return Overview(sum_image.copy(), mean_pattern, centroids(moments), (float(y), float(x)))
