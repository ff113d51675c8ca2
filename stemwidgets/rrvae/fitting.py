"""Training of a model, which goes on where it stopped and keeps a checkpoint."""

import time
import warnings
from collections.abc import Generator, Iterator
from contextlib import closing, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.cancel import Interrupted, interruptible, noted_interrupts
from stemwidgets.arrays.centring.find import CentredScan, centred_scan, identity, left_in
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import FIND
from stemwidgets.rrvae.checkpoint import Checkpoint
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.checks import require_as_before, require_pixel_size
from stemwidgets.rrvae.common.device import one_thread
from stemwidgets.rrvae.common.divergence import DivergenceError
from stemwidgets.rrvae.common.notices import TrainingNotice, tell
from stemwidgets.rrvae.common.protocols import Learned, Options, Run, State
from stemwidgets.rrvae.common.records import Progress
from stemwidgets.rrvae.data.fingerprint import Fingerprint
from stemwidgets.rrvae.harmonic.projection import as_array
from stemwidgets.rrvae.progress import reading, watch
from stemwidgets.rrvae.registry import KINDS

PixelSize = tuple[float, float]

LARGE = 2**26  # bytes of a scan whose reading takes long enough to be reported


class Trainable:
    """The training of a model.

    Parameters
    ----------
    kind : str
        Name of its kind.
    options : Options
        Options of the user.
    device : torch.device
        Device to train on.

    Attributes
    ----------
    checkpoint_problem : str
        Reason why the last training could not write its checkpoint at its end; empty if it could.
    scan : CentredScan or None
        Scan that the last training read, with the descan that was taken off it.
    """

    def __init__(self, kind: str, options: Options, device: torch.device) -> None:
        self.kind, self.options, self.device = kind, options, device
        self._learned: Learned | None = None
        self._state: State | None = None
        self._only_for: Fingerprint | None = None
        self.checkpoint_problem = ""
        self.scan: CentredScan | None = None
        self._scan_identity: tuple[Any, ...] | None = None

    @property
    def trained(self) -> bool:
        """True once the model has learned from data."""
        return self._learned is not None

    @property
    def resumable(self) -> bool:
        """True if `fit` would go on with what was learned."""
        return self._state is not None

    def fit(
        self,
        data: Any,
        pixel_size: PixelSize | None = None,
        mask: NDArray[np.bool_] | None = None,
        checkpoint: str | Path | None = None,
        faulty: Any = FIND,
        descan: Any = FIND,
    ) -> Self:
        """Learn from patterns; called again, go on.

        A training that was cut short is completed, one that had ended gets as many epochs again
        (``"harmonic"``: as many steps as still help), and with other patterns of the same shape
        what was learned is trained further. Starting afresh takes a new model.

        Parameters
        ----------
        data : array, shape [n, ky, kx] or [iy, ix, ky, kx]
            numpy, dask or torch; counts or intensities of any real type.
        pixel_size : (float, float), optional
            Height and width of a detector pixel, in one unit, negative where k falls from pixel to
            pixel; squares if not given.
        mask : ndarray of bool, shape [ky, kx], optional
            True where a pixel is left out, under a beam stop say, whatever it holds.
        checkpoint : str or Path, optional
            A file to write every ten seconds and at the end, from which `resume` goes on. An
            earlier file is replaced once the new one is complete.
        faulty : "find", None or LeftOut
            Leave out hot, weak and dead pixels, rows and columns, and single events (one pixel of
            one pattern), as they are found in a sample of the patterns; None: leave nothing out.
        descan : "find", None, Descan or BeamFrame
            Read every pattern about its own centre. "find": where the beam wanders over the
            detector so much that it matters; None: never; what was found before: by that. Patterns
            ``[n, ky, kx]`` have no places to find it from.

        Returns
        -------
        RRVAE
            This model.

        Raises
        ------
        InputError
            If there is nothing to learn from: see the message.
        FileNotFoundError, PermissionError
            If the folder of the checkpoint is not there, or may not be written to.
        DivergenceError
            If the training went wrong; the model is then as it was at its last good step.
        KeyboardInterrupt
            If it was interrupted, by Ctrl-C or a notebook's Stop, which ends it after its present
            step: what was learned stays, and called again it goes on.

        Warns
        -----
        TrainingNotice
            If descan was taken off; if something did not go as planned: too little memory,
            for example, or a full disk, so that the checkpoint could not be written.
        """
        notice = ""
        given = {"maps": False, "checkpoint": checkpoint, "faulty": faulty, "descan": descan}
        with noted_interrupts() if distributed.count() == 1 else nullcontext(()) as asked:
            steps: Any = self.steps(data, pixel_size, mask, **given)
            with suppress(Interrupted), interruptible(lambda: bool(asked)), closing(steps):
                for progress in steps:
                    if progress.notice != notice:
                        notice = progress.notice
                        warnings.warn(notice, TrainingNotice, stacklevel=2)
                    if asked:
                        break
        if self.checkpoint_problem and self.checkpoint_problem not in notice:
            warnings.warn(self.checkpoint_problem, TrainingNotice, stacklevel=2)
        if asked:
            left = (
                "what was learned stays, fit goes on" if self.resumable else "nothing was learned"
            )
            raise KeyboardInterrupt(f"The training was stopped: {left}.")
        return self

    def steps(
        self,
        data: Any,
        pixel_size: PixelSize | None = None,
        mask: NDArray[np.bool_] | None = None,
        maps: bool = True,
        checkpoint: str | Path | None = None,
        faulty: Any = FIND,
        descan: Any = FIND,
    ) -> Iterator[Progress]:
        """Learn from patterns, step by step, as `fit` does, and report progress.

        A generator that is closed early leaves the model as it is at that moment, ready to encode.

        Parameters
        ----------
        data, pixel_size, mask, checkpoint, faulty, descan
            As for `fit`.
        maps : bool
            True to include the maps as they stand, which takes up to a tenth of the time;
            several processes never do.

        Yields
        ------
        Progress
            Many times a second; with maps about twice a second and at the end. While a scan of
            64 MB or more is being read, how much of it has been.

        Raises
        ------
        InputError, FileNotFoundError, PermissionError, DivergenceError
            As `fit`.
        """
        began = time.perf_counter()
        self.checkpoint_problem = ""
        file = None if checkpoint is None else Checkpoint(checkpoint, self._settings)
        try:
            array = as_array(data)
            parts = self._start(array, pixel_size, mask, faulty, descan)
            run = yield from reading(parts, began, _is_large(array))
            yield from self._trained(run, began, maps, file)
        finally:
            if file is not None:
                file.close()

    def _trained(
        self, run: Run, began: float, maps: bool, file: Checkpoint | None
    ) -> Iterator[Progress]:
        """Train a run, and keep what it has learned however it ends."""
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

    def _start(
        self,
        data: Any,
        pixel_size: PixelSize | None,
        mask: NDArray[np.bool_] | None,
        faulty: Any,
        descan: Any,
    ) -> Generator[float, None, Run]:
        if pixel_size is not None:
            require_pixel_size(pixel_size)
        if self._learned is not None:
            if self._state is None:
                raise InputError(
                    "Expected a new model or a checkpoint to train, got a model that was saved "
                    "without its training. Make a new RRVAE, or go on with RRVAE.resume."
                )
            require_as_before(self._learned.window, pixel_size, mask)
        if self._only_for is not None:
            self._only_for.require_shape(data.shape)
        size = (1.0, 1.0) if pixel_size is None else (float(pixel_size[0]), float(pixel_size[1]))
        self.scan = scan = centred_scan(data, descan, faulty, mask)
        self._scan_identity = None if descan is None else identity(data)
        if scan.frame is not None:
            tell(scan.frame.words)
        elif isinstance(descan, Descan):
            tell(left_in(descan))
        given = (scan.data, size, scan.mask, self.options, self.device, self._state)
        run = yield from KINDS[self.kind].start(*given, faulty=scan.faulty)
        if self._only_for is not None:
            self._only_for.require(run.fingerprint)
        elif run.last is not None and run.last.fraction == 1:
            run.extend()
        return run

    def _descan_of(self, data: Any, descan: Any) -> Any:
        """Descan to take off a scan; the one found in the scan learned from is used again."""
        if self.scan is None or self._scan_identity is None or not isinstance(descan, str):
            return descan
        return self.scan.frame if identity(data) == self._scan_identity else descan

    def _keep(self, run: Run, file: Checkpoint | None) -> None:
        """Keep what was learned, and everything needed to go on."""
        self._learned = learned = run.result()
        self._state, self._only_for = run.state(learned), None
        if file is not None:
            file.write(self._state)
            self.checkpoint_problem = file.problem

    def _remember(self, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        """Take the state of the training from a file, if there is one in it."""
        if "fingerprint" in record:
            self._state = tensors, record
            Fingerprint.from_record(*self._state)

    @property
    def _settings(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self.options)}

    def _require_learned(self) -> Learned:
        if self._learned is None:
            raise InputError(
                "Expected a trained model, got one that has learned nothing yet. Call fit first."
            )
        return self._learned


def _is_large(data: Any) -> bool:
    return bool(data.size * data.dtype.itemsize >= LARGE)
