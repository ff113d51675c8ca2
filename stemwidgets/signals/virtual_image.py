"""Images of virtual detectors as calibrated signals."""

from typing import Any

import numpy as np

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.detectors import Detector, SegmentDetector, preset
from stemwidgets.arrays.disc import find_disc
from stemwidgets.arrays.overview import sample_pattern
from stemwidgets.arrays.virtual_image import virtual_image as image_of
from stemwidgets.signals.axes import map_signal, map_stack_signal, to_arrays


def virtual_image(source: Any, detector: Any) -> Any:
    """Counts on a virtual detector, at every scan position.

    Parameters
    ----------
    source : signal, path or array
        A HyperSpy or pyxem signal, a file, or a numpy or dask array ``[iy, ix, ky, kx]``; lazy data
        are streamed.
    detector : detector, "BF", "ABF", "ADF" or ndarray of shape [ky, kx]
        `AnnularDetector`, `DiscDetector`, `SegmentDetector`, `PolygonDetector` or `MaskDetector`,
        with positions ``(ky, kx)`` in pixels about the centre of pixel (0, 0); or bright field,
        annular bright field or annular dark field about the disc that is found in a sample of the
        patterns; or a mask, or a weight for each pixel.

    Returns
    -------
    Signal2D
        Counts, with the axes of the scan. For a `SegmentDetector` a stack of images, one for each
        segment along its navigation axis.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If `source` is no scan of diffraction patterns, no pixel lies on the detector (or on one of
        its segments), a mask has another shape than the patterns, or a pixel on the detector is not
        finite.
    """
    data, axes, title = to_arrays(source)
    chosen = _about_disc(detector, data, axes) if isinstance(detector, str) else detector
    values = image_of(data, chosen)
    quantity = _called(detector)
    shown = f"{title}: {quantity}" if title else quantity
    if isinstance(chosen, SegmentDetector):
        return map_stack_signal(values, axes, shown, quantity, "counts")
    return map_signal(values, axes, shown, quantity, "counts")


def _about_disc(name: Any, data: Any, axes: Axes) -> Detector:
    return preset(name, find_disc(sample_pattern(data), axes.pixel_size), axes.pixel_size)


def _called(detector: Any) -> str:
    if isinstance(detector, str):
        return detector
    if isinstance(detector, np.ndarray):
        return "mask"
    return type(detector).__name__.removesuffix("Detector").lower()
