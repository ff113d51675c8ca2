"""Detector pixels that cannot be trusted: dead, hot, covered by a beam stop."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.pixel_statistics import Mask, PixelStatistics

LIT = 30.0
REACH = 4
SIGNIFICANCE = 6.0
OUT_OF_RANGE = 8.0
ROUNDING = 1e-6


def faulty_pixels(statistics: PixelStatistics, mask: Mask | None = None) -> Mask:
    """Find pixels that do not follow their neighbours.

    A pixel is dead if it never changes while pixels on both sides of it, in two directions at
    least, do; it is hot (or weak) if its mean lies outside the range of its neighbours by many
    times that range and by more than the noise allows. A beam stop is wider than what is found.

    Parameters
    ----------
    statistics : PixelStatistics
        Of the whole scan.
    mask : ndarray of bool, shape [ky, kx], optional
        Pixels that are known to be faulty.

    Returns
    -------
    ndarray of bool, shape [ky, kx]
        True where a pixel should be left out; those known are included.
    """
    faulty = statistics.broken if mask is None else statistics.broken | mask
    faulty = faulty | (~faulty & _dead(statistics))
    return faulty | _outliers(statistics, faulty)


def _dead(statistics: PixelStatistics) -> Mask:
    mean, variance = statistics.mean, statistics.variance
    with np.errstate(divide="ignore", invalid="ignore"):
        counts = statistics.count * mean**2 / variance
    lit = (variance > 0) & (counts > LIT)
    surrounded = np.zeros(mean.shape, dtype=int)
    for step in ((0, 1), (1, 0), (1, 1), (1, -1)):
        surrounded += _within_reach(lit, step) & _within_reach(lit, (-step[0], -step[1]))
    return (variance == 0) & (surrounded >= 2)


def _within_reach(lit: Mask, step: tuple[int, int]) -> Mask:
    near = np.zeros_like(lit)
    for i in range(1, REACH + 1):
        near |= _shifted(lit, (i * step[0], i * step[1]), False)
    return near


def _outliers(statistics: PixelStatistics, faulty: Mask) -> Mask:
    mean = np.where(faulty, np.nan, statistics.mean)
    steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    around = np.stack([_shifted(mean, step, np.nan) for step in steps])
    known = np.isfinite(around).sum(axis=0)
    apart = (known == len(steps)).astype(int)  # where all are known, a faulty one may be among them
    ordered = np.sort(around, axis=0)
    rows, columns = np.indices(mean.shape)
    low = ordered[apart, rows, columns]
    high = ordered[np.maximum(known - 1 - apart, 0), rows, columns]
    usual = ndimage.median_filter(statistics.variance, 3)
    variance = np.maximum(statistics.variance, usual)
    noise = SIGNIFICANCE * np.sqrt(2 * variance / statistics.count)
    allowed = OUT_OF_RANGE * (high - low) + noise
    excess = np.maximum(mean - high, low - mean)
    return ~faulty & (known >= 3) & (excess > np.maximum(allowed, ROUNDING * mean[~faulty].max()))


def _shifted(values: NDArray[Any], step: tuple[int, int], fill: Any) -> NDArray[Any]:
    return ndimage.shift(values, step, order=0, cval=fill, mode="constant")


def require_mask(mask: ArrayLike, shape: tuple[int, ...]) -> Mask:
    """Check a mask of detector pixels.

    Raises
    ------
    InputError
        If it is not of bool, or not of the shape ``[ky, kx]`` of the patterns.
    """
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != shape:
        raise InputError(
            f"Expected a mask of bool and of the pattern's shape {tuple(shape)}, True where a "
            f"pixel is left out, got {mask.dtype} of shape {mask.shape}. Make it for example by "
            "mask = mean_pattern < threshold."
        )
    return mask


def common_mask(data: Any) -> Mask | None:
    """The mask of a masked array of patterns, numpy or dask; None for any other array.

    Raises
    ------
    InputError
        If patterns differ in their masks.
    """
    is_dask = hasattr(data, "dask")
    if not np.ma.isMaskedArray(data._meta if is_dask else data):
        return None
    getmaskarray: Callable[[Any], Any] = np.ma.getmaskarray
    if is_dask:
        import dask.array

        getmaskarray = dask.array.ma.getmaskarray
    leading = tuple(range(data.ndim - 2))
    masks = getmaskarray(data)
    somewhere, everywhere = np.asarray(masks.any(leading)), np.asarray(masks.all(leading))
    if (somewhere != everywhere).any():
        raise InputError(
            f"Expected one mask for all patterns, got {int((somewhere != everywhere).sum())} "
            "pixels that are masked in some patterns only. Mask them in all: "
            "mask=numpy.ma.getmaskarray(data).any(axis=(0, 1))."
        )
    return everywhere if everywhere.any() else None
