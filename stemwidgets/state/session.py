"""One scan under study: the position on view, the results, and the trainings."""

from functools import partial
from typing import Any
from weakref import WeakSet

import numpy as np
from traitlets import Instance, Unicode, observe

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.blocks import pattern_at
from stemwidgets.arrays.calibration.electrons import energy_in_kev
from stemwidgets.arrays.center_of_mass import Deflection
from stemwidgets.arrays.checks import require_scan
from stemwidgets.arrays.detectors import Detector
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.left_out import LeftOut
from stemwidgets.arrays.overview import Overview, Reading
from stemwidgets.state.background.closing import CLOSED_SCAN, Closing, close_at_exit, refuse
from stemwidgets.state.background.waiting import Stoppable, stop_in_words
from stemwidgets.state.background.worker import Mailbox, Worker, wait_until
from stemwidgets.state.channels import Channel, com_channels, merged, overview_channels
from stemwidgets.state.errors import in_words
from stemwidgets.state.learning.default_model import default_model
from stemwidgets.state.learning.learned_maps import Learning
from stemwidgets.state.learning.seeds import Seeds
from stemwidgets.state.learning.training import Training
from stemwidgets.state.scan.calibration import Calibrating
from stemwidgets.state.scan.decomposition import Decomposing
from stemwidgets.state.scan.direct_beam import DirectBeam
from stemwidgets.state.scan.drawn import Drawn
from stemwidgets.state.scan.opening import Opening, watched
from stemwidgets.state.scan.preparation import Preparing
from stemwidgets.state.scan.reporting import Reporting
from stemwidgets.state.scan.vacuum import Vacuum
from stemwidgets.state.scan.virtual_detector import NAMES as DETECTED
from stemwidgets.state.traits import Position


class Session(Learning, Drawn):
    """State that all views of one scan share.

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
    notes : tuple of str
        Metadata that were not used, and why: sentences that stand above the views.

    `Learning` describes the results of learning, `Drawn` region and line, `Cleaning` the faults.

    Attributes
    ----------
    position : (iy, ix)
        Position on view; clamped to the scan.
    detector : Detector or None
        Virtual detector; its image is the channel "virtual detector". A `SegmentDetector` also
        gives "DPC x" and "DPC y".
    overview : Overview or None
        Sum, mean pattern and centre of mass; None while a lazy scan is being read.
    opening : Opening or None
        Progress of that reading; the channels hold what has been read, and NaN for the rest.
    problem : str
        Last error in words.
    beam, reporting, calibration, decomposition : DirectBeam, Reporting, Calibrating, Decomposing
        The direct beam; a report of the scan; disc, descan and rotation; components and clusters.
    preparation, seeds, vacuum : Preparing, Seeds, Vacuum
        Steps before a training; trainings from several seeds; descan as measured in vacuum.
    closed : bool
        True once the session was closed; results can still be read then.
    closes_with_views : bool
        True if closing the last of its views closes it, as for a session that a page made.

    Raises
    ------
    InputError
        If `data` is no scan, or `axes` describe another one.
    """

    position = Position()
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
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        require_scan(data)
        axes = Axes.uncalibrated(data.shape) if axes is None else axes
        if axes.shape != tuple(data.shape):
            raise InputError(
                f"Expected axes of the scan's shape {tuple(data.shape)}, got {axes.shape}. "
                "Leave them out to count in pixels."
            )
        self.data, self.axes, self.title, self.notes = data, axes, title, notes
        self.beam_energy = None if beam_energy is None else energy_in_kev(beam_energy)
        self.closed = self.closes_with_views = False
        self._attached: WeakSet[Closing] = WeakSet()
        self.shape: tuple[int, int, int, int] = tuple(data.shape)
        self.mailbox = Mailbox(self.report)
        self._lazy = not isinstance(data, np.ndarray)
        self._reader, self._computer, self._encoder = (Worker(self.mailbox) for _ in range(3))
        self._complaint = ""  # about the detector
        self._detect()
        self.preparation = Preparing(self)
        make_model = self.preparation.making(make_model)
        self.training = Training(data, axes.pixel_steps, self.mailbox, make_model)
        self.beam, self.reporting = DirectBeam(self), Reporting(self)
        self.calibration, self.vacuum = Calibrating(self), Vacuum(self)
        self.decomposition, self.seeds = Decomposing(self), Seeds(self)
        self.training.elsewhere = lambda: self.seeds.active
        self.training.faults, self.training.descan = self.faults, self.descan_for_models
        works = self.beam, self.reporting, self.calibration, self.decomposition
        self._works = (*works, self.preparation, self.vacuum)
        self.training.observe(self._progressed, "progress")
        self.training.observe(self._training_changed, "status")
        close_at_exit(self)
        self._open()

    def report(self, problem: BaseException | str) -> None:
        """Show a problem, in words; an empty one clears the line."""
        self.problem = in_words(problem) if isinstance(problem, BaseException) else problem

    def wait(self, timeout: float | None = None) -> None:
        """Wait for everything asked for in the background, but the training.

        An interrupt, Ctrl-C or a notebook's Stop, also stops a training that runs.

        Raises
        ------
        TimeoutError
            If something is still being computed after `timeout` seconds.
        """
        workers = (self._reader, self._computer, self._encoder, *self._works)
        try:
            done = wait_until(lambda: not any(w.busy for w in workers), self.mailbox, timeout)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self._interrupted()) from None
        self.mailbox.drain()
        if not done:
            raise TimeoutError(f"the scan is still being read after {timeout} s")

    def _interrupted(self) -> str:
        """Stop all trainings, and describe what goes on and what was stopped."""
        jobs: dict[str, Stoppable] = {"The training": self.training, "Training seeds": self.seeds}
        words = [stop_in_words(job, self.mailbox, name) for name, job in jobs.items() if job.active]
        return " ".join([*words, "Reading goes on in the background; close() gives it up."])

    def attach(self, view: Closing) -> None:
        """Register a view to be closed together with the session."""
        self._attached.add(view)

    def detach(self, view: Closing) -> None:
        """Remove a view that is closed."""
        self._attached.discard(view)
        if self.closes_with_views and not self._attached:
            self.close()

    @property
    def in_use(self) -> bool:
        """True if a view shows the session."""
        return bool(self._attached)

    def require_open(self) -> None:
        """Check that the session has a scan to work on; an InputError if it is closed."""
        if self.closed:
            refuse()

    def close(self) -> None:
        """Stop the training, close the views and release the scan.

        Results can still be read; whatever needs the scan raises an `InputError`.
        """
        if self.closed:
            return
        self.training.close()
        self.seeds.close()
        self.mailbox.drain()  # how they ended
        self._take_leave()
        self.closed = True
        for view in list(self._attached):
            view.close()
        for work in (self._reader, self._computer, self._encoder, *self._works):
            work.close()
        self.mailbox.close()
        self.data, self._clean = CLOSED_SCAN, None
        self._detection.close()

    def _take_leave(self) -> None:
        """Finish what needs the scan, before it is released."""

    def show_com(self, com: Deflection) -> None:
        """Show another centre of mass, for example a calibrated one."""
        self.channels = merged(self.channels, *com_channels(com, self.axes))
        self._compare()

    def add_map(self, name: str, values: Any, units: str = "") -> None:
        """Show a map of one's own, one real number per position ``[iy, ix]``, NaN where undefined.

        `name` is that on screen: an InputError if the session makes a map of that name itself.

        Examples
        --------
        >>> session.add_map("brightest pixel", signal.data.max(axis=(2, 3)), "counts")
        """
        self.channels = merged(self.channels, Channel.of_user(name, values, units, self.shape[:2]))

    def _open(self) -> None:
        self._look()
        self._survey()

    def _survey(self) -> None:
        if self._lazy:
            self._computer.submit("overview", self._overview, self._set_overview)
        else:
            self._set_overview(self._overview())

    def _overview(self) -> tuple[Overview, LeftOut | None]:
        clean = self.cleaned()
        reading = Reading(clean.data, clean.mask, True, self.axes.pixel_size)
        try:
            return watched(reading, self._tell), clean.told if self.leave_out else None
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

    def _set_overview(self, seen: tuple[Overview, LeftOut | None]) -> None:
        first_look, left_out = seen
        self.left_out = self.left_out if left_out is None else left_out
        self.beam.find(first_look.disc)
        self.channels = merged(self.channels, *self.found_channels(first_look))
        self.overview = first_look
        self.beam.show()

    @observe("leave_out")
    def _leave_out_changed(self, _: Any) -> None:
        """Repeat the computations that a faulty pixel may change."""
        self._survey()
        self._detect()
        self.calibration.again()
        self.decomposition.again()

    @observe("position")
    def _look(self, _: Any = None) -> None:
        self.require_open()
        if self._lazy:
            read = partial(pattern_at, self.data, self.position)
            self._reader.submit("pattern", read, partial(self._show_pattern, self.position))
        else:
            self._show_pattern(self.position, pattern_at(self.data, self.position))

    @observe("detector")
    def _detector_changed(self, change: Any) -> None:
        self.require_open()
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
