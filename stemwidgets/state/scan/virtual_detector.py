"""Images of the virtual detector: exact, and fast while it is dragged."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.detectors import Detector, SegmentDetector
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.kernels.detector_major import DetectorMajor
from stemwidgets.arrays.memory import memory_limit
from stemwidgets.arrays.virtual_image import detector_weights, virtual_image
from stemwidgets.state.background.worker import Worker
from stemwidgets.state.channel_store import ChannelStore
from stemwidgets.state.channels import Channel
from stemwidgets.state.scan.scan import Scan

SHARE = 2  # a copy may take one part in so many of the memory that may be used

Images = NDArray[np.float64]


class Detection:
    """Counts on a detector, in the background; of many detectors the latest counts.

    Data in memory of which a copy fits into half of the memory that may be used are copied once,
    after the first image, so that the images of a dragged detector take milliseconds.

    Parameters
    ----------
    scan : Scan
        The scan; lazy data are streamed for every image.
    channels : ChannelStore
        Receives the images.
    worker : Worker
        Worker for the sums.
    report : callable
        Receives what is wrong with a detector, or an empty text and the problem that is solved.
    """

    def __init__(
        self, scan: Scan, channels: ChannelStore, worker: Worker, report: Callable[..., None]
    ) -> None:
        self._scan, self._channels, self._worker, self._report = scan, channels, worker, report
        self._detector: Detector | None = None
        self._complaint = ""
        self._clear()
        scan.observe(self.again, "followed")

    def _clear(self) -> None:
        self._copy: DetectorMajor | None = None
        self._copying = self._scan.lazy  # lazy data are not copied
        self._state = object()  # of the data, which a copy is of

    @property
    def fast(self) -> bool:
        """True if a detector can be dragged."""
        return self._copy is not None

    def again(self, _: Any = None) -> None:
        """Make the image once more, from the data as they are read now."""
        self._clear()
        if self._detector is not None:
            self.show(self._detector)

    def show(self, detector: Detector | None) -> None:
        """Show the image of a detector; without one there is none."""
        self._detector = detector
        if detector is None:
            self._show([])
            return
        self._worker.submit("virtual detector", lambda: self._images_of(detector), self._show)
        if not self._copying and _fits(self._scan.data):
            self._worker.submit("detector copy", self._copied, partial(self._keep, self._state))
        self._copying = True

    def _copied(self) -> DetectorMajor:
        data, frame = self._scan.cleaned().data, self._scan.beam_frame()
        return DetectorMajor(data if frame is None else frame.moved(data))

    def _keep(self, state: object, copy: DetectorMajor) -> None:
        if state is self._state:
            self._copy = copy

    def close(self) -> None:
        """Release the copy."""
        self._copy, self._copying, self._state = None, True, object()

    def _show(self, found: list[Channel] | InputError) -> None:
        if isinstance(found, InputError):
            self._complaint = str(found)
            self._report(found)
            return
        self._report("", solved=self._complaint)
        self._channels.replace("detector", *(found if self._detector is not None else []))

    def _images_of(self, detector: Detector) -> list[Channel] | InputError:
        try:
            images = self._images(detector)
        except InputError as error:
            return error
        channels = [_channel("virtual detector", images.sum(axis=-1))]
        if isinstance(detector, SegmentDetector):
            across, down = differences(images, detector, self._scan.axes.pixel_steps)
            channels += [_channel("DPC x", across, "signed"), _channel("DPC y", down, "signed")]
        return channels

    def _images(self, detector: Detector) -> Images:
        """Counts ``[iy, ix, parts]`` on the parts of a detector."""
        clean, frame = self._scan.cleaned(), self._scan.beam_frame()
        weights = detector_weights(detector, self._scan.shape[2:], clean.mask)
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
