"""Centre of mass of diffraction patterns, ⟨k⟩: the deflection that a DPC detector sees.

Müller et al., Nat. Commun. 5, 5653 (2014), doi:10.1038/ncomms6653.
"""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.blocks import iterate_blocks
from stemwidgets.arrays.checks import require_finite, require_patterns
from stemwidgets.arrays.errors import InputError

Map = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Deflection:
    """Centre of mass about its reference, in the detector frame; every map is ``[iy, ix]``.

    Parameters
    ----------
    x, y : ndarray
        Components along +kx and +ky (down), in the units of the detector axes.
    magnitude : ndarray
        Length of (x, y).
    angle : ndarray
        Direction [rad, in (-π, π]]; positive turns +kx towards +ky.
    units : str
        Units of `x`, `y` and `magnitude`.
    """

    x: Map
    y: Map
    magnitude: Map
    angle: Map
    units: str


def center_of_mass(data: Any, mask: NDArray[Any] | None = None) -> Map:
    """Centre of mass of every pattern, in pixels about the centre of pixel (0, 0).

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        Counts; numpy or dask (read one chunk at a time).
    mask : ndarray, shape [ky, kx], optional
        Weight of each pixel; 0 leaves a pixel out, whatever it holds.

    Returns
    -------
    ndarray of float64, shape [..., 2]
        ``(y, x)`` of each pattern; NaN where a pattern has no counts.

    Raises
    ------
    InputError
        If `data` holds no patterns, a pixel is not finite or the mask has another shape.
    """
    require_patterns(data)
    moments = np.empty((*data.shape[:-2], 3))
    for where, patterns in iterate_blocks(data):
        moments[where] = pattern_moments(patterns, mask)
    require_finite(moments[..., 0])
    return centroids(moments)


def calibrated(com: Map, axes: Axes, reference: tuple[float, float]) -> Deflection:
    """Turn pixel positions into a deflection in the units of the detector.

    Parameters
    ----------
    com : ndarray, shape [iy, ix, 2]
        ``(y, x)`` in pixels, from `center_of_mass`.
    axes : Axes
        Calibration of the scan.
    reference : (float, float)
        ``(y, x)`` in pixels of no deflection: the COM of the mean pattern, as a rule.

    Returns
    -------
    Deflection
        It points towards nuclei.
    """
    y = (com[..., 0] - reference[0]) * axes.ky.scale
    x = (com[..., 1] - reference[1]) * axes.kx.scale
    return Deflection(x, y, np.hypot(x, y), np.arctan2(y, x), axes.kx.units)


def centroids(moments: Map) -> Map:
    """``(y, x)`` from the sums ``(Σ I, Σ I·y, Σ I·x)``; NaN where Σ I is not positive."""
    total = np.where(moments[..., :1] > 0, moments[..., :1], np.nan)
    return moments[..., 1:] / total


def pattern_moments(patterns: NDArray[Any], mask: NDArray[Any] | None = None) -> Map:
    """Sums ``(Σ I, Σ I·y, Σ I·x)`` of each pattern, ``[..., 3]`` for ``[..., ky, kx]``."""
    shape = patterns.shape[-2:]
    weights = _weights(mask, shape)
    if mask is not None:
        patterns = np.where(weights == 0, 0, patterns)  # not even 0 · NaN
    moments: Map = _moments(patterns.reshape(-1, *shape), weights)
    return moments.reshape(*patterns.shape[:-2], 3)


def _weights(mask: NDArray[Any] | None, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if mask is None:
        return np.ones(shape, dtype=np.float32)
    mask = np.asarray(mask)
    if mask.shape != shape:
        raise InputError(
            f"Expected a mask of the pattern's shape {shape}, got {mask.shape}. "
            "Make it with one weight for each detector pixel [ky, kx]."
        )
    return mask.astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _moments(patterns: NDArray[Any], weights: NDArray[np.float32]) -> Map:  # pragma: no cover
    n, height, width = patterns.shape
    result = np.empty((n, 3))
    columns = np.empty(width)
    for i in range(n):
        total = 0.0
        moment_y = 0.0
        columns[:] = 0.0
        for y in range(height):
            row = 0.0
            for x in range(width):
                value = patterns[i, y, x] * weights[y, x]
                row += value
                columns[x] += value
            total += row
            moment_y += y * row
        moment_x = 0.0
        for x in range(width):
            moment_x += x * columns[x]
        result[i, 0] = total
        result[i, 1] = moment_y
        result[i, 2] = moment_x
    return result
