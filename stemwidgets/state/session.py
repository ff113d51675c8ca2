"""One scan under study: the position on view, the results, and the trainings."""

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Any
from weakref import WeakSet

from traitlets import Any as AnyTrait
from traitlets import HasTraits, Instance, Unicode, observe

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.detectors import Detector
from stemwidgets.arrays.scan_report.choose_limit import Asked
from stemwidgets.state.background.closing import Closing, close_at_exit
from stemwidgets.state.background.worker import Mailbox, Worker, wait_until
from stemwidgets.state.channel_store import ChannelStore
from stemwidgets.state.channels import Channel
from stemwidgets.state.errors import in_words
from stemwidgets.state.learning.decodable import Code
from stemwidgets.state.learning.learning import Learning
from stemwidgets.state.learning.seeds import Seeds
from stemwidgets.state.learning.training import Training, default_model
from stemwidgets.state.looking import Looking
from stemwidgets.state.scan.band_limiting import BandLimiting
from stemwidgets.state.scan.calibration import Calibrating
from stemwidgets.state.scan.decomposition import Decomposing
from stemwidgets.state.scan.direct_beam import DirectBeam
from stemwidgets.state.scan.first_reading import FirstReading
from stemwidgets.state.scan.frequencies import Frequencies
from stemwidgets.state.scan.limited_maps import LimitedMaps
from stemwidgets.state.scan.preparation import Preparing
from stemwidgets.state.scan.reporting import Reporting
from stemwidgets.state.scan.scan import Scan
from stemwidgets.state.scan.selection import Selection
from stemwidgets.state.scan.vacuum import Vacuum
from stemwidgets.state.scan.virtual_detector import Detection
from stemwidgets.state.shown_pattern import ShownPattern
from stemwidgets.state.traits import Array, Position


class ScanSession(HasTraits):
    """State that all views of one scan share.

    Views read its traits and those of its parts, observe them, and set `position` and `detector`.
    Every trait is set in the thread that made the session; compound values are replaced whole.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        The scan. A numpy array is read at once; anything lazy, such as dask, in the background.
    axes, title, beam_energy, notes
        As for `Scan`.
    make_model : callable, optional
        Makes the model that `training` trains, see `Training`.

    Attributes
    ----------
    position : (iy, ix)
        Position on view; clamped to the scan.
    shown : ShownPattern or None
        Pattern at the position and its reconstruction, replaced together; None until a lazy scan
        has delivered its first pattern.
    pattern, reconstruction : ndarray of float32, shape [ky, kx], or None
        Both parts of `shown`, to be observed one by one.
    channels : mapping of str to Channel
        Maps by the name they have on screen; those of `channel_store`.
    detector : Detector or None
        Virtual detector; its image is the channel "virtual detector". A `SegmentDetector` also
        gives "DPC x" and "DPC y".
    problem : str
        Last error in words.
    scan : Scan
        Patterns and axes, first reading, faults and descan.
    selection : Selection
        Region and line.
    beam, vacuum, calibration : DirectBeam, Vacuum, Calibrating
        The direct beam; descan as measured in vacuum; disc, descan and rotation.
    reporting, frequencies, limiting : Reporting, Frequencies, BandLimiting
        A report of the scan, its spectrum, and the limit of its frequencies.
    preparation, decomposition : Preparing, Decomposing
        Steps before a training; components and clusters.
    looking : Looking
        Reads the pattern at the position, with its neighbours if it is asked to.
    training, learned, seeds : Training, Learning, Seeds
        The training; the model with its maps; trainings from several seeds.
    closes_with_views : bool
        True if closing the last of its views closes it, as for a session that a page made.
    cut_short : bool
        True if closing the session ended a training.

    Raises
    ------
    InputError
        If `data` is no scan, or `axes` describe another one.
    """

    position = Position()
    shown = Instance(ShownPattern, allow_none=True, read_only=True)
    pattern = Array(read_only=True)
    reconstruction = Array(read_only=True)
    channels = AnyTrait(MappingProxyType({}), read_only=True)
    detector = Instance(Detector, allow_none=True)  # type: ignore[call-overload]  # abstract
    problem = Unicode("")

    def __init__(
        self,
        data: Any,
        axes: Axes | None = None,
        title: str = "",
        beam_energy: float | None = None,
        make_model: Callable[..., Any] = default_model,
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.scan = Scan(data, axes, title, beam_energy, notes)
        self.closes_with_views = self.cut_short = False
        self._attached: WeakSet[Closing] = WeakSet()
        self.mailbox = Mailbox(self.report)
        self.channel_store = ChannelStore()
        self.channel_store.observe(self._mirror_channels, "channels")
        self._reader, self._computer = Worker(self.mailbox), Worker(self.mailbox)
        self._make_parts(make_model)
        close_at_exit(self)
        self._look()
        self._first_reading.start()

    def _make_parts(self, make_model: Callable[..., Any]) -> None:
        base = self.scan, self.mailbox
        stored = *base, self.channel_store
        self.selection = Selection(self.scan, self._reader)
        self._detection = Detection(self.scan, self.channel_store, self._computer, self.report)
        self.preparation, self.reporting = Preparing(*base), Reporting(*base)
        self.frequencies, self.limiting = Frequencies(*base), BandLimiting(*base)
        self.beam, self.vacuum = DirectBeam(*stored), Vacuum(*base)
        self.calibration = Calibrating(*stored, self.beam)
        self.decomposition = Decomposing(*stored)
        shared = self.channel_store, self.limiting, self.calibration, self._computer
        self._limited = LimitedMaps(self.scan, *shared)
        make_model = self.limiting.making(self.preparation.making(make_model))
        self.training = Training(*base, make_model)
        self.training.find_limit = self.limiting.for_model
        self.learned = Learning(*stored, self.training, self._computer, self.report)
        around = self.learned, self.limiting, self._reader
        self.looking = Looking(self.scan, *around, partial(self.set_trait, "shown"))
        self.seeds = Seeds(*stored, self.training, self.learned)
        self.training.elsewhere = lambda: self.seeds.active
        self._first_reading = FirstReading(*stored, self.beam, self._computer)
        self._works = (
            *(self._reader, self._computer, self.learned, self.vacuum, self.frequencies),
            *(self.limiting, self.beam, self.reporting, self.calibration),
            *(self.decomposition, self.preparation),
        )
        self.scan.observe(self._leave_out_changed, "leave_out")
        self.learned.observe(self._decodable_changed, "decodable")

    @property
    def band_limit(self) -> Asked:
        """Highest scan frequency, as asked for: "auto", None or [1/Å]; see `BandLimiting`."""
        return self.limiting.band_limit

    @band_limit.setter
    def band_limit(self, band_limit: Asked) -> None:
        self.limiting.band_limit = band_limit

    @property
    def model(self) -> Any:
        """The trained model, or None."""
        return self.learned.model

    def code_here(self) -> Code | None:
        """The code of the pattern at the position; None if it has none."""
        learned = self.learned.decodable
        return None if learned is None else learned.code_at(self.position)

    @property
    def closed(self) -> bool:
        """True once the session was closed; results can still be read then."""
        return self.scan.closed

    def report(self, problem: BaseException | str, solved: str | None = None) -> None:
        """Show a problem, in words; an empty one clears the line.

        With `solved` it does so only where the line shows that problem.
        """
        if solved is None or self.problem == solved:
            self.problem = in_words(problem) if isinstance(problem, BaseException) else problem

    def wait(self, timeout: float | None = None) -> None:
        """Wait for everything asked for in the background, but the training.

        An interrupt, Ctrl-C or a notebook's Stop, also stops a training that runs.

        Raises
        ------
        TimeoutError
            If something is still being computed after `timeout` seconds.
        """
        try:
            done = wait_until(lambda: not any(w.busy for w in self._works), self.mailbox, timeout)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self._interrupted()) from None
        self.mailbox.drain()
        if not done:
            raise TimeoutError(f"the scan is still being read after {timeout} s")

    def _interrupted(self) -> str:
        """Stop all trainings, and describe what goes on and what was stopped."""
        words = [job.stop_in_words() for job in (self.training, self.seeds) if job.active]
        return " ".join([*words, "Reading goes on in the background; close() gives it up."])

    def add_map(self, name: str, values: Any, units: str = "") -> None:
        """Show a map of one's own, one real number per position ``[iy, ix]``, NaN where undefined.

        `name` is that on screen: an InputError if the session makes a map of that name itself.

        Examples
        --------
        >>> session.add_map("brightest pixel", signal.data.max(axis=(2, 3)), "counts")
        """
        shape = self.scan.shape[:2]
        self.channel_store.put(Channel.of_user(name, values, units, shape))

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
        self.scan.require_open()

    def close(self) -> None:
        """Stop the training, close the views and release the scan.

        Results can still be read; whatever needs the scan raises an `InputError`.
        """
        if self.closed:
            return
        self.cut_short = self.training.active
        self.training.close()
        self.seeds.close()
        self.mailbox.drain()  # how they ended
        self._take_leave()
        self.scan.closed = True
        for part in (*self._attached, *self._works):
            part.close()
        self.mailbox.close()
        self._detection.close()
        self.scan.release()

    def _take_leave(self) -> None:
        """Finish what needs the scan, before it is released."""

    def _mirror_channels(self, change: Any) -> None:
        self.set_trait("channels", change["new"])

    def _leave_out_changed(self, _: Any) -> None:
        """Repeat the computations that a faulty pixel may change."""
        self._first_reading.start()
        for computed in (self._detection, self.calibration, self.decomposition):
            computed.again()

    @observe("position")
    def _look(self, _: Any = None) -> None:
        self.require_open()
        self.preparation.look(self.position)
        self.looking.at(self.position)

    def _decodable_changed(self, change: Any) -> None:
        old, new = change["old"], change["new"]
        if new is not None and (old is None or old.model is not new.model):
            self.learned.latent_code = self.code_here() or new.middle
        if self.shown is not None:
            self.looking.again(self.shown)

    @observe("shown")
    def _shown_changed(self, change: Any) -> None:
        shown = change["new"]
        with self.hold_trait_notifications():
            self.set_trait("pattern", shown.pattern)
            self.set_trait("reconstruction", shown.reconstruction)

    @observe("detector")
    def _detector_changed(self, change: Any) -> None:
        self.require_open()
        self._detection.show(change["new"])
