"""Images of the virtual detector: exact, and fast while it is dragged."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.centring.beam_frame import BeamFrame
from stemwidgets.arrays.detectors import Detector, SegmentDetector
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import CleanScan, clean_scan
from stemwidgets.arrays.kernels.detector_major import DetectorMajor
from stemwidgets.arrays.memory import memory_limit
from stemwidgets.arrays.virtual_image import detector_weights, virtual_image
from stemwidgets.state.background.closing import CLOSED_SCAN
from stemwidgets.state.background.worker import Worker
from stemwidgets.state.channels import Channel

SHARE = 2  # a copy may take one part in so many of the memory that may be used
NAMES = ("virtual detector", "DPC x", "DPC y")

Images = NDArray[np.float64]


class Detection:
    """Counts on a detector, in the background; of many detectors the latest counts.

    Data in memory of which a copy fits into half of the memory that may be used are copied once,
    after the first image, so that the images of a dragged detector take milliseconds.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        The scan; lazy data are streamed for every image.
    worker : Worker
        Worker for the sums.
    pixel_steps : (float, float)
        Steps from pixel to pixel along ky and kx; only the signs count.
    cleaned : callable, optional
        Returns the scan to read instead; the scan itself if not given.
    framed : callable, optional
        Returns the frame of the beam that detectors follow, or None; they stay if not given.
    """

    def __init__(
        self,
        data: Any,
        worker: Worker,
        pixel_steps: tuple[float, float] = (1.0, 1.0),
        cleaned: Callable[[], CleanScan] | None = None,
        framed: Callable[[], BeamFrame | None] = lambda: None,
    ) -> None:
        self._cleaned, self._framed = cleaned or (lambda: clean_scan(data, None)), framed
        self._data, self._worker, self._pixel_steps = data, worker, pixel_steps
        self._copy: DetectorMajor | None = None
        self._copying = not isinstance(data, np.ndarray)  # lazy data are not copied

    @property
    def fast(self) -> bool:
        """True if a detector can be dragged."""
        return self._copy is not None

    def ask(self, detector: Detector, show: Callable[[list[Channel] | InputError], None]) -> None:
        """Make the channels of a detector, or an error about it, and pass them on."""
        self._worker.submit("virtual detector", lambda: self._channels(detector), show)
        if not self._copying and _fits(self._data):
            self._worker.submit("detector copy", self._copied, self._keep)
        self._copying = True

    def _copied(self) -> DetectorMajor:
        data, frame = self._cleaned().data, self._framed()
        return DetectorMajor(data if frame is None else frame.moved(data))

    def close(self) -> None:
        """Release the scan and its copy."""
        self._data, self._copy, self._copying = CLOSED_SCAN, None, True

    def _keep(self, copy: DetectorMajor) -> None:
        self._copy = copy

    def _channels(self, detector: Detector) -> list[Channel] | InputError:
        try:
            images = self._images(detector)
        except InputError as error:
            return error
        channels = [_channel("virtual detector", images.sum(axis=-1))]
        if isinstance(detector, SegmentDetector):
            across, down = differences(images, detector, self._pixel_steps)
            channels += [_channel("DPC x", across, "signed"), _channel("DPC y", down, "signed")]
        return channels

    def _images(self, detector: Detector) -> Images:
        """Counts ``[iy, ix, parts]`` on the parts of a detector."""
        clean, frame = self._cleaned(), self._framed()
        weights = detector_weights(detector, self._data.shape[2:], clean.mask)
        if self._copy is None or weights.dtype != bool:
            make = virtual_image if frame is None else frame.image
            images = make(clean.data, detector, clean.mask)
            return images if isinstance(detector, SegmentDetector) else images[..., None]
        images = np.stack([self._copy.image(weight) for weight in weights], axis=-1)
        return images if frame is None else images + frame.rest_of(weights)


def differences(
    images: Images, detector: SegmentDetector, pixel_steps: tuple[float, float] = (1.0, 1.0)
) -> tuple[Images, Images]:
    """Differences of the segments for a deflection along +kx and along +ky.

    Each segment counts by the components of its direction: with four segments and no rotation
    these are right minus left and bottom minus top.

    Parameters
    ----------
    images : ndarray, shape [iy, ix, segments]
        Counts.
    detector : SegmentDetector
        Detector with the segments.
    pixel_steps : (float, float)
        Steps from pixel to pixel along ky and kx; where one is negative, +k lies on the
        other side.

    Returns
    -------
    tuple of ndarray, shape [iy, ix]
        Counts along +kx and +ky.
    """
    turns = np.arange(detector.segments) / detector.segments
    direction = detector.rotation + 2 * np.pi * turns
    down, across = np.copysign(1.0, pixel_steps)
    return images @ (across * np.cos(direction)), images @ (down * np.sin(direction))


def _channel(name: str, image: Images, kind: Any = "scalar") -> Channel:
    return Channel(name, image.astype(np.float32), "counts", kind, source="detector")


def _fits(data: NDArray[Any]) -> bool:
    limit = memory_limit()
    return limit is not None and data.nbytes * SHARE <= limit
