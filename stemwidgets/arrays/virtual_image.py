"""Images of virtual detectors: the counts of some pixels, at every scan position."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import iterate_blocks, native_type, read_pieces
from stemwidgets.arrays.checks import require_finite, require_patterns
from stemwidgets.arrays.detectors import Detector, PixelDetector, SegmentDetector
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.kernels.sums import DetectorSum
from stemwidgets.arrays.masks import require_mask

BLOCK_BYTES = 4 * 2**20  # of patterns that one core adds up at a time


def virtual_image(
    data: Any, detector: Detector | NDArray[Any], mask: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Sum of the counts on a detector, at every scan position.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        Counts; numpy, read by all cores, or dask, read chunk by chunk.
    detector : Detector or ndarray of shape [ky, kx]
        The pixels to add, True where one counts, or the weight of each.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out, whatever it holds, on the detector or not.

    Returns
    -------
    ndarray of float64, shape [...] or [..., segments]
        Counts; one image for each segment of a `SegmentDetector`.

    Raises
    ------
    InputError
        If `data` holds no patterns, no pixel lies on the detector (or on a segment), weights or
        mask do not fit, or a pixel that counts is not finite.
    """
    require_patterns(data)
    weights = detector_weights(detector, (int(data.shape[-2]), int(data.shape[-1])), mask)
    images_of = [DetectorSum(weight, native_type(data.dtype)) for weight in weights]
    images = np.empty((*data.shape[:-2], len(weights)))

    def read(piece: Any) -> NDArray[np.float64]:
        sums = np.empty((*piece.shape[:-2], len(weights)))
        for where, patterns in iterate_blocks(piece, BLOCK_BYTES):
            for index, image_of in enumerate(images_of):
                sums[where][..., index] = image_of(patterns)
        return sums

    for where, sums in read_pieces(data, read):
        images[where] = sums
    require_finite(images.sum(axis=-1))
    return images if isinstance(detector, SegmentDetector) else images[..., 0]


def detector_weights(
    detector: Detector | NDArray[Any],
    shape: tuple[int, int],
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[Any]:
    """Weights of the pixels, ``[images, ky, kx]``: bool where each counts once or not at all.

    An InputError if this is no detector, the mask does not fit, or no pixel that counts lies on it
    or on one of its segments.
    """
    if isinstance(detector, np.ndarray):
        detector = PixelDetector(detector)
    if not isinstance(detector, Detector):
        raise InputError(
            f"Expected a virtual detector or weights of shape {shape}, got {detector!r}. "
            "Make one with AnnularDetector or DiscDetector, for example."
        )
    if isinstance(detector, SegmentDetector):
        weights = detector.pixels_by_segment(shape)
    else:
        weights = detector.pixels(shape)[None]
    if mask is not None:
        weights = np.where(require_mask(mask, shape), weights.dtype.type(0), weights)
    if not weights.any(axis=(1, 2)).all():
        left = "" if mask is None else " that is not left out by the mask"
        part = " in one of its segments" if weights.any() else ""
        raise InputError(
            f"Expected a detector on the pattern of {shape[0]}×{shape[1]} pixels, got "
            f"{_short(detector)}, which covers no pixel{part}{left}. Move it or widen it."
        )
    return weights if weights.dtype == bool else weights.astype(np.float64)


def _short(detector: Detector) -> str:
    return "weights" if isinstance(detector, PixelDetector) else repr(detector)
