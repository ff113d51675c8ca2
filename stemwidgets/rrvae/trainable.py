"""What learns: a model that is trained, goes on, and keeps a checkpoint."""

import time
import warnings
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae import processes
from stemwidgets.rrvae.checkpoint import Checkpoint
from stemwidgets.rrvae.checks import require_as_before, require_pixel_size
from stemwidgets.rrvae.device import one_thread
from stemwidgets.rrvae.divergence import DivergenceError
from stemwidgets.rrvae.fingerprint import Fingerprint
from stemwidgets.rrvae.gather import as_array
from stemwidgets.rrvae.interface import Learned, Options, Run, State
from stemwidgets.rrvae.kinds import Kind
from stemwidgets.rrvae.notices import TrainingNotice
from stemwidgets.rrvae.records import Progress
from stemwidgets.rrvae.watch import reading, watch

PixelSize = tuple[float, float]

LARGE = 2**26  # bytes of a scan whose reading one waits for


class Trainable:
    """The training of a model.

    Parameters
    ----------
    model : str
        Name of its kind.
    kind : Kind
        What is trained.
    options : Options
        What the user chose.
    device : torch.device
        Where.
    """

    def __init__(self, model: str, kind: Kind, options: Options, device: torch.device) -> None:
        self.model, self.options, self.device = model, options, device
        self._kind = kind
        self._learned: Learned | None = None
        self._state: State | None = None
        self._only_for: Fingerprint | None = None

    @property
    def trained(self) -> bool:
        """Whether the model has learned from data."""
        return self._learned is not None

    @property
    def resumable(self) -> bool:
        """Whether `fit` would go on with what was learned."""
        return self._state is not None

    def fit(
        self,
        data: Any,
        pixel_size: PixelSize | None = None,
        mask: NDArray[np.bool_] | None = None,
        checkpoint: str | Path | None = None,
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
            Height and width of a detector pixel, in one unit; squares if not given.
        mask : ndarray of bool, shape [ky, kx], optional
            True where a pixel is left out, under a beam stop say, whatever it holds. Dead and hot
            pixels are found and left out without it.
        checkpoint : str or Path, optional
            A file to write every ten seconds and at the end, from which `resume` goes on. An
            earlier file is replaced once the new one is complete.

        Returns
        -------
        RRVAE
            Itself.

        Raises
        ------
        InputError
            If there is nothing to learn from: see the message.
        OSError
            If the checkpoint cannot be written.
        DivergenceError
            If the training went wrong; the model is then as it was at its last good moment.

        Warns
        -----
        TrainingNotice
            If something went otherwise than planned, the memory did not suffice, say.
        """
        notice = ""
        for progress in self.steps(data, pixel_size, mask, maps=False, checkpoint=checkpoint):
            if progress.notice != notice:
                notice = progress.notice
                warnings.warn(notice, TrainingNotice, stacklevel=2)
        return self

    def steps(
        self,
        data: Any,
        pixel_size: PixelSize | None = None,
        mask: NDArray[np.bool_] | None = None,
        maps: bool = True,
        checkpoint: str | Path | None = None,
    ) -> Iterator[Progress]:
        """Learn from patterns, step by step: what `fit` does, for those who watch.

        A generator that is closed early leaves the model as it is at that moment, ready to encode.

        Parameters
        ----------
        data, pixel_size, mask, checkpoint
            As for `fit`.
        maps : bool
            Whether to hand over the maps as they stand, which takes up to a tenth of the time;
            several processes never do.

        Yields
        ------
        Progress
            Many times a second; with maps about twice a second and at the end. While a scan of
            64 MB or more is being read, how much of it has been.

        Raises
        ------
        InputError, OSError, DivergenceError
            As `fit`.
        """
        began = time.perf_counter()
        file = None if checkpoint is None else Checkpoint(checkpoint, self._settings)
        array = as_array(data)
        run = yield from reading(self._start(array, pixel_size, mask), began, _is_large(array))
        between_moments = False
        try:
            yield from watch(run, began, maps and processes.count() == 1, file)
            between_moments = True
        except (GeneratorExit, DivergenceError):
            between_moments = True
            raise
        finally:
            if run.last is not None:
                with one_thread():
                    self._keep(run, file if between_moments else None)

    def _start(
        self, data: Any, pixel_size: PixelSize | None, mask: NDArray[np.bool_] | None
    ) -> Generator[float, None, Run]:
        if pixel_size is not None:
            require_pixel_size(pixel_size)
        if self._learned is not None:
            if self._state is None:
                raise InputError(
                    "Expected a new model or a checkpoint to train, got a model that was saved "
                    "without its training. Make a new RRVAE, or go on with RRVAE.resume."
                )
            require_as_before(self._learned.preparation, pixel_size, mask)
        if self._only_for is not None:
            self._only_for.require_shape(data.shape)
        size = (1.0, 1.0) if pixel_size is None else (float(pixel_size[0]), float(pixel_size[1]))
        run = yield from self._kind.start(data, size, mask, self.options, self.device, self._state)
        if self._only_for is not None:
            self._only_for.require(run.fingerprint)
        elif run.last is not None and run.last.fraction == 1:
            run.extend()
        return run

    def _keep(self, run: Run, file: Checkpoint | None) -> None:
        """Keep what was learned, and what it takes to go on."""
        self._learned = learned = run.result()
        self._state, self._only_for = run.state(learned), None
        if file is not None:
            file.write(self._state)

    def _remember(self, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        """Take the state of the training out of a file, if there is one in it."""
        if "fingerprint" in record:
            self._state = tensors, record
            Fingerprint.from_record(*self._state)

    @property
    def _settings(self) -> dict[str, Any]:
        return {"model": self.model, **asdict(self.options)}

    def _require_learned(self) -> Learned:
        if self._learned is None:
            raise InputError(
                "Expected a trained model, got one that has learned nothing yet. Call fit first."
            )
        return self._learned


def _is_large(data: Any) -> bool:
    return bool(data.size * data.dtype.itemsize >= LARGE)
