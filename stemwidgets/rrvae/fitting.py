"""Training of a model, which goes on where it stopped and keeps a checkpoint."""

import time
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.cancel import Interrupted, interruptible, noted_interrupts
from stemwidgets.arrays.centring.find import CentredScan, centred_scan, identity, left_in
from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae.checkpoint import Checkpoint
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.checks import require_as_before, require_pixel_size
from stemwidgets.rrvae.common.device import one_thread
from stemwidgets.rrvae.common.notices import DivergenceError, TrainingNotice, tell
from stemwidgets.rrvae.common.protocols import Learned, Options, Run, State
from stemwidgets.rrvae.common.records import Progress
from stemwidgets.rrvae.data.fingerprint import Fingerprint
from stemwidgets.rrvae.harmonic.projection import as_array
from stemwidgets.rrvae.model_file import require_use
from stemwidgets.rrvae.progress import reading, watch
from stemwidgets.rrvae.registry import KINDS

PixelSize = tuple[float, float]

LARGE = 2**26  # bytes of a scan whose reading takes long enough to be reported


class Fitting:
    """Training of one model: what it has learned, and all that it needs to go on.

    Attributes
    ----------
    learned : Learned or None
        Result of the training so far.
    state : State or None
        State to go on from.
    only_for : Fingerprint or None
        Data that a training from a checkpoint goes on with.
    checkpoint_problem : str
        Reason why the last training could not write its checkpoint at its end; empty if it could.
    scan : CentredScan or None
        Scan that the last training read, with the descan that was taken off it.
    """

    def __init__(self, kind: str, options: Options, device: torch.device) -> None:
        self.kind, self.options, self.device = kind, options, device
        self.learned: Learned | None = None
        self.state: State | None = None
        self.only_for: Fingerprint | None = None
        self.checkpoint_problem = ""
        self.scan: CentredScan | None = None
        self._scan_identity: tuple[Any, ...] | None = None

    def run(self, begin: Callable[[], Any]) -> None:
        """Take all steps that `begin` gives, until an interrupt; see `RRVAE.fit`."""
        notice = ""
        with noted_interrupts() if distributed.count() == 1 else nullcontext(()) as asked:
            steps = begin()
            with suppress(Interrupted), interruptible(lambda: bool(asked)), closing(steps):
                for progress in steps:
                    if progress.notice != notice:
                        notice = progress.notice
                        warnings.warn(notice, TrainingNotice, stacklevel=3)
                    if asked:
                        break
        if self.checkpoint_problem and self.checkpoint_problem not in notice:
            warnings.warn(self.checkpoint_problem, TrainingNotice, stacklevel=3)
        if asked:
            left = "nothing was learned"
            if self.state is not None:
                left = "what was learned stays, fit goes on"
            raise KeyboardInterrupt(f"The training was stopped: {left}.")

    def steps(
        self,
        data: Any,
        pixel_size: PixelSize | None,
        mask: NDArray[np.bool_] | None,
        faulty: Any,
        descan: Any,
        limit: BandLimit | None,
        maps: bool,
        checkpoint: str | Path | None,
        settings: dict[str, Any],
    ) -> Iterator[Progress]:
        """Train on an array, and keep what was learned however it ends; see `RRVAE.steps`."""
        began = time.perf_counter()
        self.checkpoint_problem = ""
        file = None if checkpoint is None else Checkpoint(checkpoint, settings)
        with nullcontext() if file is None else closing(file):
            data = as_array(data)
            large = data.size * data.dtype.itemsize >= LARGE
            start = self._start(data, pixel_size, mask, faulty, descan, limit)
            run = yield from reading(start, began, large)
            yield from self._trained(run, began, maps, file)

    def _trained(
        self, run: Run, began: float, maps: bool, file: Checkpoint | None
    ) -> Iterator[Progress]:
        between_steps = False
        try:
            yield from watch(run, began, maps and distributed.count() == 1, file)
            between_steps = True
        except (GeneratorExit, DivergenceError):
            between_steps = True
            raise
        finally:
            if run.last is not None:
                with one_thread():
                    self._keep(run, file if between_steps else None)

    def restore(self, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        """Take a model from a file, and the state of its training if there is one in it."""
        self.learned = KINDS[self.kind].read(tensors, record, self.device)
        require_use(self.learned, self.options, self.device)
        if "fingerprint" in record:
            self.state = tensors, record
            Fingerprint.from_record(*self.state)

    def descan_of(self, data: Any, descan: Any) -> Any:
        """Descan to take off a scan; the one found in the scan learned from is used again."""
        if self.scan is None or self._scan_identity is None or not isinstance(descan, str):
            return descan
        return self.scan.frame if identity(data) == self._scan_identity else descan

    def require_learned(self) -> Learned:
        """Result of the training; an error in words if there is none yet."""
        if self.learned is None:
            raise InputError(
                "Expected a trained model, got one that has learned nothing yet. Call fit first."
            )
        return self.learned

    def _start(
        self,
        data: Any,
        pixel_size: PixelSize | None,
        mask: NDArray[np.bool_] | None,
        faulty: Any,
        descan: Any,
        limit: BandLimit | None,
    ) -> Generator[float, None, Run]:
        if pixel_size is not None:
            require_pixel_size(pixel_size)
        if self.learned is not None:
            if self.state is None:
                raise InputError(
                    "Expected a new model or a checkpoint to train, got a model that was saved "
                    "without its training. Make a new RRVAE, or go on with RRVAE.resume."
                )
            require_as_before(self.learned.window, pixel_size, mask)
        if self.only_for is not None:
            self.only_for.require_shape(data.shape)
        size = (1.0, 1.0) if pixel_size is None else (float(pixel_size[0]), float(pixel_size[1]))
        self.scan = scan = centred_scan(data, descan, faulty, mask)
        self._scan_identity = None if descan is None else identity(data)
        if scan.frame is not None:
            tell(scan.frame.words)
        elif isinstance(descan, Descan):
            tell(left_in(descan))
        given = (scan.data, size, scan.mask, self.options, self.device, self.state)
        run = yield from KINDS[self.kind].start(*given, faulty=scan.faulty, limit=limit)
        if self.only_for is not None:
            self.only_for.require(run.fingerprint)
        elif run.last is not None and run.last.fraction == 1:
            run.extend()
        return run

    def _keep(self, run: Run, file: Checkpoint | None) -> None:
        """Keep what was learned, and everything needed to go on."""
        self.learned = learned = run.result()
        self.state, self.only_for = run.state(learned), None
        if file is not None:
            file.write(self.state)
            self.checkpoint_problem = file.problem
