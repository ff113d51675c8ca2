"""Masks of detector pixels: True is left out, everywhere, as in numpy's masked arrays."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from stemwidgets.arrays.errors import InputError

MOST = 0.5  # of the counts or pixels: a mask that was meant to be one leaves out fewer
STURDY = 5  # pixels: a median over so many squared sees no hot pixel and no hot row
CLUSTER = 64  # pixels, so many hot ones side by side count no more than the brightest others,
SHARE = 16  # and no more than one in so many of the detector

Mask = NDArray[np.bool_]


def require_mask(mask: ArrayLike, shape: tuple[int, ...]) -> Mask:
    """Check a mask ``[ky, kx]`` of detector pixels, True where one is left out.

    An InputError if it is a detector or an array of weights, of another shape than the patterns, or
    leaves no pixel.
    """
    shape = tuple(shape)
    if callable(getattr(mask, "pixels", None)):
        raise InputError(
            f"Expected a mask of bool, True where a pixel is left out, got {type(mask).__name__}. "
            "A detector says which pixels count: center_of_mass(..., weights=detector) takes it."
        )
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != shape:
        raise InputError(
            f"Expected a mask of bool and of the pattern's shape {shape}, True where a pixel is "
            f"left out, got {mask.dtype} of shape {mask.shape}. Make it for example by "
            "mask = mean_pattern < threshold. How much each pixel counts is said by "
            "center_of_mass(..., weights=...)."
        )
    if mask.all():
        raise InputError(
            "Expected a mask that leaves some pixels, got one that covers the whole detector. "
            "True means that a pixel is left out: pass ~mask if it was meant otherwise."
        )
    return mask


def refuse_inverted(mask: Mask, mean_pattern: NDArray[np.floating]) -> None:
    """Refuse a mask ``[ky, kx]`` that looks as if True were meant to count, by an InputError.

    Such a mask leaves out more than half of the pixels and, in the mean of some patterns over all
    pixels, more than half of the counts. One that leaves out more than half of the counts with
    fewer pixels, as the direct beam, is warned of. Hot pixels and rows do not weigh in, nor does a
    beam stop hide counts, so that masks of these are neither refused nor warned of.
    """
    sound = np.where(np.isfinite(mean_pattern), mean_pattern, 0.0)
    smooth = ndimage.median_filter(sound, STURDY, mode="nearest")
    counts = np.clip(smooth if (smooth > 0).any() else sound, 0, None)
    few = min(CLUSTER, counts.size // SHARE)
    brightest = np.partition(counts, -few, axis=None)[-few]
    counts = np.minimum(counts, brightest) if brightest > 0 else counts
    hidden = counts[mask].sum() / counts.sum() if counts.any() else 0.0
    if hidden <= MOST:
        return
    words = (
        f"the mask leaves out {100 * hidden:.0f} % of the counts and {100 * mask.mean():.0f} % of "
        "the pixels. True means that a pixel is left out: pass ~mask if it was meant otherwise."
    )
    if mask.mean() > MOST:
        raise InputError(
            f"Expected a mask of the pixels that are left out, but {words} "
            "center_of_mass(..., weights=~mask) counts the few others."
        )
    warnings.warn(words[0].upper() + words[1:], stacklevel=3)


def left_out(data: Any, mask: ArrayLike | None) -> Mask:
    """Pixels ``[ky, kx]`` that a mask leaves out, and those of a masked array of patterns.

    Patterns are numpy or dask. Raises as `require_mask` and `common_mask`.
    """
    shape = tuple(data.shape[-2:])
    hidden = np.zeros(shape, dtype=bool) if mask is None else require_mask(mask, shape)
    known = common_mask(data)
    return hidden if known is None else require_mask(hidden | known, shape)


def filled_in(
    image: NDArray[np.float64], mask: Mask, pixel_size: tuple[float, float] = (1.0, 1.0)
) -> NDArray[np.float64]:
    """An image ``[ky, kx]`` with what the nearest other pixel holds where it is masked."""
    if not mask.any() or mask.all():
        return image
    nearest = ndimage.distance_transform_edt(
        mask, sampling=pixel_size, return_distances=False, return_indices=True
    )
    return np.asarray(image[tuple(nearest)])


def common_mask(data: Any) -> Mask | None:
    """The mask of a masked array of patterns, numpy or dask; None for any other array.

    An InputError if patterns differ in their masks.
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
