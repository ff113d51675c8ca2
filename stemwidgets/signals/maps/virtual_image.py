"""Images of virtual detectors as calibrated signals."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.detectors import PixelDetector, SegmentDetector, preset, require_preset
from stemwidgets.arrays.disc.find import Disc, find_disc, given_disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import FIND, CleanScan, clean_scan
from stemwidgets.arrays.overview import sample_pattern
from stemwidgets.arrays.virtual_image import virtual_image as image_of
from stemwidgets.signals.calibration.descan import (
    beam_frame,
    given_descan,
    record_descan,
    taken_off,
)
from stemwidgets.signals.conversion import to_arrays
from stemwidgets.signals.maps.scan_signals import map_signal, map_stack_signal
from stemwidgets.signals.metadata.left_out import record_left_out


def virtual_image(
    source: Any,
    detector: Any,
    mask: NDArray[np.bool_] | None = None,
    faulty: Any = FIND,
    disc: Any = None,
    descan: Any = None,
) -> Any:
    """Counts on a virtual detector, at every scan position.

    Parameters
    ----------
    source : signal, path or array
        A HyperSpy or pyxem signal, a file, or a numpy or dask array ``[iy, ix, ky, kx]``; lazy data
        are streamed.
    detector : detector, "BF", "ABF", "ADF" or ndarray of shape [ky, kx]
        `AnnularDetector`, `DiscDetector`, `SegmentDetector`, `PolygonDetector` or `PixelDetector`,
        with positions ``(ky, kx)`` in pixels about the centre of pixel (0, 0); or bright field,
        annular bright field or annular dark field about the disc that is found in a sample of the
        patterns; or an image of bool, True where a pixel counts, or of the weight of each pixel.
    mask, faulty
        As for :func:`stemwidgets.center_of_mass`.
    disc : ((float, float), float), optional
        Centre ``(ky, kx)`` and radius along kx of the direct beam, in pixels, for "BF", "ABF" and
        "ADF"; it is sought in a sample of the patterns if not given.
    descan : None, "find", Descan or Calibration
        Let the detector follow the beam: not at all, where its departure from its mean position
        matters (as for the rrVAE), or as it is known. The detector lies where it is said about the
        mean position. It is moved by whole pixels; what remains is taken off as the mean pattern
        leads to expect, and so is what comes to lie on pixels that are left out or off the camera.

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
        its segments), weights or mask do not fit, or a pixel that counts is not finite; if
        `descan` is none, or that of another scan; or the direct beam is not surely found for
        "BF", "ABF" or "ADF".

    Examples
    --------
    >>> sw.virtual_image(signal, "ADF").plot()
    """
    data, axes, title = to_arrays(source)
    clean = clean_scan(data, faulty, mask)
    frame = beam_frame(clean, given_descan(descan, source))
    chosen = detector
    if isinstance(detector, str):
        name = require_preset(detector)
        mean = None if frame is None else frame.mean
        chosen = preset(name, _disc(disc, clean, axes, mean), axes.pixel_size)
    make = image_of if frame is None else frame.image
    values = make(clean.data, chosen, clean.mask)
    quantity = _called(detector)
    shown = f"{title}: {quantity}" if title else quantity
    if isinstance(chosen, SegmentDetector):
        image = map_stack_signal(values, axes, shown, quantity, "counts")
    else:
        image = map_signal(values, axes, shown, quantity, "counts")
    record_left_out(clean.told, image)
    record_descan(taken_off(source) if frame is None else frame.descan, image)
    return image


def _disc(disc: Any, clean: CleanScan, axes: Axes, mean: NDArray[np.float64] | None) -> Disc:
    if disc is not None:
        return given_disc(disc, (axes.ky.size, axes.kx.size))
    mean = sample_pattern(clean.data) if mean is None else mean
    found = find_disc(mean, axes.pixel_size, clean.mask)
    if not found.sure:
        (y, x), radius = found.center, found.radius
        raise InputError(
            f"Expected a direct beam that is surely found, but {found.doubt}. Say where it is: "
            f"disc=((ky, kx), radius) in pixels; ({y:.1f}, {x:.1f}), {radius:.1f} may be it."
        )
    return found


def _called(detector: Any) -> str:
    if isinstance(detector, str):
        return detector
    if isinstance(detector, np.ndarray | PixelDetector):
        return "pixels"
    return type(detector).__name__.removesuffix("Detector").lower()
