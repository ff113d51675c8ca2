"""What the opening of a scan needs, from one read of the data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import iterate_blocks
from stemwidgets.arrays.center_of_mass import centroids, pattern_moments
from stemwidgets.arrays.checks import require_scan


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


def overview(data: Any) -> Overview:
    """Read a scan ``[iy, ix, ky, kx]`` once, numpy or dask, and sum it up.

    Raises
    ------
    InputError
        If `data` is not a scan.
    """
    require_scan(data)
    sum_image = np.empty(data.shape[:2])
    com = np.empty((*data.shape[:2], 2))
    total = np.zeros(data.shape[2:])
    for where, patterns in iterate_blocks(data):
        leading = patterns.shape[:-2]
        flat = patterns.reshape(-1, *patterns.shape[-2:])
        moments = pattern_moments(flat)
        sum_image[where] = moments[:, 0].reshape(leading)
        com[where] = centroids(moments).reshape(*leading, 2)
        total += flat.sum(axis=0, dtype=np.float64)
    mean_pattern = total / sum_image.size
    reference = centroids(pattern_moments(mean_pattern[None]))[0]
    return Overview(sum_image, mean_pattern, com, (float(reference[0]), float(reference[1])))
