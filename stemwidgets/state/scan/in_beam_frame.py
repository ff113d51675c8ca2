"""Parts of a session that follow the beam over the detector: detectors, means and drawings."""

from threading import Lock
from typing import Any

from traitlets import Instance, observe

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.centring.beam_frame import BeamFrame, fit_beam_frame
from stemwidgets.arrays.detectors import Detector
from stemwidgets.arrays.masks import left_out
from stemwidgets.state.background.worker import Worker
from stemwidgets.state.scan.cleaning import Cleaning
from stemwidgets.state.scan.direct_beam import DirectBeam
from stemwidgets.state.scan.virtual_detector import Detection
from stemwidgets.state.scan.wandering import Wandering


class InBeamFrame(Wandering, Cleaning):
    """Part of a session that views patterns in the frame of the beam.

    Attributes
    ----------
    followed : Descan or None
        Descan that detectors, means of regions and drawings follow; None where it is left in,
        where there is none, and until the scan was read.
    """

    followed = Instance(Descan, allow_none=True)

    axes: Axes
    beam: DirectBeam
    position: Any
    detector: Detector | None
    _computer: Worker
    _detected: Any
    _detection: Detection
    _frame: tuple[Any, BeamFrame] | None = None

    def __init__(self) -> None:
        super().__init__()
        self._fitting = Lock()  # patterns are sampled once, whichever worker asks first

    def beam_frame(self) -> BeamFrame | None:
        """Frame of the beam; in the background, as patterns may be read."""
        descan, overview = self.followed, self.overview
        if descan is None or overview is None:
            return None
        with self._fitting:
            known, counts = self.in_vacuum is not None, overview.sum_image
            if self._frame is None or not _alike(self._frame[0], (descan, known, counts)):
                clean = self.cleaned()
                hidden = left_out(clean.data, clean.mask)
                frame = fit_beam_frame(descan, counts, clean.data, hidden, known)
                self._frame = (descan, known, counts), frame
            return self._frame[1]

    @property
    def descan_in_numbers(self) -> Descan | None:
        """Descan that is followed, as it was fitted where pixels are left out."""
        followed = self.followed
        if followed is None or self._frame is None or self._frame[0][0] != followed:
            return followed
        return self._frame[1].descan

    @property
    def departure(self) -> tuple[float, float]:
        """Departure of the beam at the position, ``(ky, kx)`` [px]; 0 where it is left in."""
        if self.followed is None:
            return 0.0, 0.0
        y, x = self.followed.departure[self.position]
        return float(y), float(x)

    @observe("descan", "take_off", "overview")
    def _follow(self, _: Any) -> None:
        if self.overview is not None:
            self.followed = self.descan_taken_off

    @observe("followed")
    def _followed_changed(self, _: Any) -> None:
        self.beam.show()
        self._detect()

    def _detect(self) -> None:
        """Request the image of the detector, if there is one, from the data as read now."""
        steps, sources = self.axes.pixel_steps, (self.cleaned, self.beam_frame)
        self._detection = Detection(self.data, self._computer, steps, *sources)
        if self.detector is not None:
            self._detection.ask(self.detector, self._detected)


def _alike(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """True if descan, its origin and counts are the same."""
    return one[:2] == other[:2] and one[2] is other[2]
