"""A training that runs in the background and can be paused, resumed, stopped and awaited."""

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

from traitlets import Instance, Tuple

from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae.common.records import Progress
from stemwidgets.state.background.job import Job
from stemwidgets.state.background.worker import Mailbox, Worker
from stemwidgets.state.learning.history import SavedMaps, with_loss, with_maps
from stemwidgets.state.scan.scan import Scan


def default_model(**options: Any) -> Any:
    """Make an rrVAE; torch is loaded by the first one made, not by opening a scan."""
    from stemwidgets.rrvae.model import RRVAE

    return RRVAE(**options)


class Training(Job):
    """Trainer of models on one scan, one at a time.

    Parameters
    ----------
    scan : Scan
        The scan, with the faults to leave out and the descan to take off.
    mailbox : Mailbox
        Passes progress to the main loop; shared with the session.
    make_model : callable, optional
        Makes a model from the options of `start`: an `stemwidgets.rrvae.RRVAE` if not given,
        anything with its ``steps(data, pixel_size=...)`` otherwise; it may state by ``resumable``
        that calling them again goes on.

    Attributes
    ----------
    status, stopping, failure
        As for `Job`.
    progress : Progress or None
        The latest record; None before the first.
    history : tuple of (passes, loss)
        Passes over the data and the loss then, one pair for each epoch so far, or more: see
        `history.with_loss`.
    map_history : tuple of SavedMaps
        Maps of earlier epochs.
    devices : tuple of Device
        Devices for training, the one that ``device="auto"`` takes first; empty until known.
    model : the model being trained or trained last, or None
    endings : tuple of str
        Ending status of each training of this model.
    checkpoint : Path or None
        A file for the next training to write every ten seconds and at its end, which another
        session can go on from.
    find_limit : callable
        Returns the band limit, or None, with which a model reads the scan; it may read patterns.
    elsewhere : callable
        Returns True while other trainings run, which this one would hinder.
    """

    progress = Instance(Progress, allow_none=True, read_only=True)
    history = Tuple(read_only=True)
    map_history = Tuple(read_only=True)
    devices = Tuple(read_only=True)
    name = "The training"

    def __init__(
        self, scan: Scan, mailbox: Mailbox, make_model: Callable[..., Any] = default_model
    ) -> None:
        super().__init__(mailbox)
        self._scan, self._make_model = scan, make_model
        self._warmer = Worker(mailbox)
        self._first: Progress | None = None
        self.model: Any = None
        self.endings: tuple[str, ...] = ()
        self.checkpoint: Path | None = None
        self.find_limit: Callable[[Any], BandLimit | None] = lambda _: None
        self.elsewhere: Callable[[], bool] = lambda: False

    def warm_up(self) -> None:
        """Load in the background the libraries that the first training would otherwise wait for.

        A failure is kept for the training to report.
        """

        def load() -> tuple[Any, ...]:
            with suppress(Exception):
                self._make_model()
            return devices_here()

        self._warmer.submit("warm-up", load, lambda found: self.set_trait("devices", found))

    @property
    def warming(self) -> bool:
        """True while a warm-up goes on."""
        return self._warmer.busy

    @property
    def rate(self) -> float:
        """Patterns learned from per second, since the first progress; NaN if not known yet."""
        first, last = self._first, self.progress
        if first is None or last is None:
            return math.nan
        passes, seconds = last.passes_done - first.passes_done, last.elapsed - first.elapsed
        if not (passes > 0 and seconds > 0):
            return math.nan
        patterns = math.prod(self._scan.shape[:2])
        return patterns * passes / seconds

    def start(self, **options: Any) -> None:
        """Begin a new training in the background.

        Parameters
        ----------
        **options
            Options of the model, such as ``latent_dim=2, seed=0, kind="paper"``. Values that the
            model refuses make the training fail: see `failure`, or let `wait` raise it.

        Raises
        ------
        InputError
            If a training already runs.
        """
        self._require_idle()
        self.model, self.endings = None, ()
        self.set_trait("history", ())
        self.set_trait("map_history", ())

        def make() -> Any:
            self.model = self._make_model(**options)
            return self.model

        self._run(make)

    @property
    def resumable(self) -> bool:
        """True if `go_on` has a model to go on with."""
        return not self.active and bool(getattr(self.model, "resumable", False))

    def go_on(self) -> None:
        """Train the last model further: to its end if it was stopped, else as long again.

        Raises
        ------
        InputError
            If a training already runs, or there is none that could go on.
        """
        self._require_idle()
        if not self.resumable:
            raise InputError("there is no training that could go on: start a new one")
        model = self.model
        self._run(lambda: model)

    def make_model(self, **options: Any) -> Any:
        """Make a model as `start` does, without training it."""
        return self._make_model(**options)

    def given(self, model: Any) -> dict[str, Any]:
        """Keywords with which a model learns from the scan and encodes it, in the background."""
        limit = self.find_limit(model)
        descan = {"descan": self._scan.descan_for_models()}
        return descan if limit is None else {**descan, "limit": limit}

    def adopt(self, model: Any, endings: tuple[str, ...], history: tuple[Any, ...]) -> None:
        """Take over a model that was trained elsewhere, see `Session.adopt`."""
        if self.active:
            raise InputError("a training is already running: stop it before taking another model")
        self.model, self.endings, self.failure = model, endings, None
        self.checkpoint = self._first = None
        self.set_trait("map_history", ())
        self.set_trait("progress", None)
        self.set_trait("history", history)
        self.set_trait("status", "idle")

    def _require_idle(self) -> None:
        self._scan.require_open()
        if self.active:
            raise InputError("a training is already running: stop it before starting another")
        if self.elsewhere():
            raise InputError("seeds are being trained: stop that before starting another training")

    def _run(self, get_model: Callable[[], Any]) -> None:
        self._first = None
        self.set_trait("progress", None)

        def steps() -> Iterator[Progress]:
            scan = self._scan
            file: dict[str, Any] = {}
            if self.checkpoint is not None:  # given by who saw that the training runs
                file = {"checkpoint": self.checkpoint}
            model = get_model()
            given = {"faulty": scan.faults(), **self.given(model), **file}
            yield from model.steps(scan.data, pixel_size=scan.axes.pixel_steps, **given)

        self._begin(steps, self._record, "training")

    @property
    def left(self) -> str:
        """Description of what a stopped training leaves."""
        learned = "What it has learned stays, and training.go_on() trains it to its end."
        return learned if self.history else "It had learned nothing yet."

    def close(self, timeout: float = 8.0) -> None:
        """Stop, and wait a moment [s] for the threads."""
        super().close(timeout)
        self._warmer.close()

    def _record(self, items: list[Progress]) -> None:
        learned = [item for item in items if item.read == 1]
        if learned:
            self._first = self._first or learned[0]
            self.set_trait("history", reduce(with_loss, learned, self.history))
        encoded = [item for item in items if item.encoding is not None]
        maps = self.map_history
        for item in items:
            if item.encoding is not None:
                maps = with_maps(maps, SavedMaps(item.passes_done, item.encoding))
        self.set_trait("map_history", maps)
        if encoded and encoded[-1] is not items[-1]:
            self.set_trait("progress", encoded[-1])
        self.set_trait("progress", items[-1])

    def _tell_checkpoint(self) -> None:
        """Add to the last report that the checkpoint could not be written."""
        problem, last = getattr(self.model, "checkpoint_problem", ""), self.progress
        if problem and last is not None and problem not in last.notice:
            notice = " ".join(filter(None, (last.notice, problem)))
            self.set_trait("progress", replace(last, encoding=None, notice=notice))

    def _leave(self, status: str) -> None:
        self._tell_checkpoint()
        self.endings += (status,)
        super()._leave(status)
        self.set_trait("devices", devices_here())


def devices_here() -> tuple[Any, ...]:
    """The devices that torch offers, the one it takes by itself first; none before it is loaded.

    Loading torch takes seconds, and is left to the training.
    """
    if "torch" not in sys.modules:
        return ()
    from stemwidgets.rrvae.common.device import devices

    return devices()
