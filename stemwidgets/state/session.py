"""One scan on the desk: where one looks, what was computed, what is being learned."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from traitlets import Instance, Unicode, observe

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.center_of_mass import Deflection
from stemwidgets.arrays.checks import require_scan
from stemwidgets.arrays.detectors import Detector
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.overview import Overview, Reading
from stemwidgets.state.calibrating import Calibrating
from stemwidgets.state.channels import (
    Channel,
    com_channels,
    merged,
    overview_channels,
)
from stemwidgets.state.decomposing import Decomposing
from stemwidgets.state.detection import NAMES as DETECTED
from stemwidgets.state.detection import Detection
from stemwidgets.state.drawn import Drawn
from stemwidgets.state.learning import Learning
from stemwidgets.state.opening import Opening, watched
from stemwidgets.state.preparing import Preparing
from stemwidgets.state.seeds import Seeds
from stemwidgets.state.training import Training, default_model
from stemwidgets.state.traits import Array, Position
from stemwidgets.state.words import in_words
from stemwidgets.state.worker import Mailbox, Worker, close_at_exit, wait_until


class Session(Learning, Drawn):
    """What all views of one scan share.

    Views read its traits, observe them and set `position` and `detector`. Every trait is set in
    the thread that made the session; compound values are replaced whole.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        The scan. A numpy array is read at once; anything lazy, such as dask, in the background.
    axes : Axes, optional
        Calibration; pixels if not given.
    title : str
        Name of the scan.
    beam_energy : float, optional
        Beam energy [keV], if known.
    make_model : callable, optional
        Makes the model that `training` trains, see `Training`.

    What is learned is told by `Learning`, what a trained model decodes by `Reconstruction`, region
    and line by `Drawn`.

    Attributes
    ----------
    position : (iy, ix)
        Where one looks; clamped to the scan.
    pattern : ndarray of float32, shape [ky, kx], or None
        Pattern at the position; None until a lazy scan has delivered its first.
    detector : Detector or None
        Virtual detector; its image is the channel "virtual detector". A `SegmentDetector` also
        gives "DPC x" and "DPC y".
    overview : Overview or None
        Sum, mean pattern and centre of mass; None while a lazy scan is being read.
    opening : Opening or None
        How far that is; the channels hold what has been read, and NaN for the rest.
    seeds : Seeds
        Trainings from several seeds.
    problem : str
        What went wrong last, in words; empty if nothing did.
    calibration : Calibrating
        Disc, descan and rotation of the detector, and whether the COM is shown with them.
    decomposition : Decomposing
        Principal components, non-negative factors and clusters.
    preparation : Preparing
        Steps that patterns go through before a training learns from them.

    Raises
    ------
    InputError
        If `data` is no scan, or `axes` describe another one.
    """

    position = Position()
    pattern = Array()
    detector = Instance(Detector, allow_none=True)  # type: ignore[call-overload]  # abstract
    overview = Instance(Overview, allow_none=True)
    opening = Instance(Opening, allow_none=True)
    problem = Unicode("")

    def __init__(
        self,
        data: Any,
        axes: Axes | None = None,
        title: str = "",
        beam_energy: float | None = None,
        make_model: Any = default_model,
    ) -> None:
        super().__init__()
        require_scan(data)
        axes = Axes.uncalibrated(data.shape) if axes is None else axes
        if axes.shape != tuple(data.shape):
            raise InputError(
                f"Expected axes of the scan's shape {tuple(data.shape)}, got {axes.shape}. "
                "Leave them out to count in pixels."
            )
        self.data, self.axes, self.title, self.beam_energy = data, axes, title, beam_energy
        self.shape: tuple[int, int, int, int] = tuple(data.shape)
        self.mailbox = Mailbox(self.report)
        self._lazy = not isinstance(data, np.ndarray)
        self._reader, self._computer = Worker(self.mailbox), Worker(self.mailbox)
        self._encoder = Worker(self.mailbox)
        self._complaint = ""  # about the detector
        self._detection = Detection(data, self._computer)
        self.preparation = Preparing(self)
        make_model = self.preparation.making(make_model)
        self.training = Training(data, axes.pixel_size, self.mailbox, make_model)
        self.calibration, self.decomposition = Calibrating(self), Decomposing(self)
        self.seeds = Seeds(self)
        self.training.elsewhere = lambda: self.seeds.active
        self._works = (self.calibration, self.decomposition, self.preparation)
        self.training.observe(self._progressed, "progress")
        self.training.observe(self._training_changed, "status")
        close_at_exit(self)
        self._open()

    def report(self, problem: BaseException | str) -> None:
        """Show a problem, in words; an empty one clears what is shown."""
        self.problem = in_words(problem) if isinstance(problem, BaseException) else problem

    def wait(self, timeout: float | None = None) -> None:
        """Wait until everything asked for in the background, but the training, is there.

        Raises
        ------
        TimeoutError
            If something is still being computed after `timeout` seconds.
        """
        done = wait_until(
            lambda: (
                not (
                    self._reader.busy
                    or self._computer.busy
                    or self._encoder.busy
                    or any(work.busy for work in self._works)
                )
            ),
            self.mailbox,
            timeout,
        )
        self.mailbox.drain()
        if not done:
            raise TimeoutError(f"the scan is still being read after {timeout} s")

    def close(self) -> None:
        """Stop the training and forget what the background has not begun."""
        self.training.close()
        self.seeds.close()
        self._reader.close()
        self._computer.close()
        self._encoder.close()
        for work in self._works:
            work.close()

    def show_com(self, com: Deflection) -> None:
        """Show another centre of mass: calibrated, say."""
        self.channels = merged(self.channels, *com_channels(com, self.axes))
        self._compare()

    def _open(self) -> None:
        self._look()
        if self._lazy:
            self._computer.submit("overview", self._overview, self._set_overview)
        else:
            self._set_overview(self._overview())

    def _overview(self) -> Overview:
        reading = Reading(self.data, detectors=True, pixel_size=self.axes.pixel_size)
        try:
            return watched(reading, self._tell)
        finally:
            self.mailbox.post("opening", self._opened)

    def _tell(self, opening: Opening, so_far: Overview) -> None:
        channels = overview_channels(so_far, self.axes)
        self.mailbox.post("opening", lambda: self._show_so_far(opening, channels))

    def _show_so_far(self, opening: Opening, channels: list[Channel]) -> None:
        self.channels = merged(self.channels, *channels)
        self.opening = opening

    def _opened(self) -> None:
        self.opening = None

    def _set_overview(self, first_look: Overview) -> None:
        self.channels = merged(self.channels, *overview_channels(first_look, self.axes))
        self.overview = first_look

    @observe("position")
    def _look(self, _: Any = None) -> None:
        if self._lazy:
            position = self.position
            self._reader.submit("pattern", lambda: self._read(position), self._set_pattern)
        else:
            self._set_pattern(self._read(self.position))

    def _read(self, position: tuple[int, int]) -> NDArray[np.float32]:
        return np.array(self.data[position], dtype=np.float32)

    def _set_pattern(self, pattern: NDArray[np.float32]) -> None:
        self.pattern = pattern
        self._reconstruct()

    @observe("detector")
    def _detector_changed(self, change: Any) -> None:
        if change["new"] is None:
            self._detected([])
        else:
            self._detection.ask(change["new"], self._detected)

    def _detected(self, found: list[Channel] | InputError) -> None:
        if isinstance(found, InputError):
            self._complaint = str(found)
            self.report(found)
            return
        if self.problem == self._complaint:
            self.report("")
        new = found if self.detector is not None else []
        gone = set(DETECTED) - {channel.name for channel in new}
        self.channels = merged(self.channels, *new, drop=tuple(gone))
