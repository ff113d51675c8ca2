"""The rotationally invariant variational autoencoder, from patterns to angle and latent maps."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.centring.find import CentredScan, centred_scan
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import FIND
from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae import model_file
from stemwidgets.rrvae.common.checks import require_codes
from stemwidgets.rrvae.common.device import choose_device, one_thread
from stemwidgets.rrvae.common.records import Encoding, Progress
from stemwidgets.rrvae.data.fingerprint import Fingerprint
from stemwidgets.rrvae.encoding import encode
from stemwidgets.rrvae.fitting import Fitting, PixelSize
from stemwidgets.rrvae.harmonic.projection import as_array
from stemwidgets.rrvae.registry import KINDS, checked_options


class RRVAE:
    """The rrVAE of :class:`stemwidgets.RRVAE`, for arrays and without HyperSpy.

    Its parameters are the same, less `preparation`.

    Examples
    --------
    >>> model = RRVAE(seed=0).fit(patterns)          # [iy, ix, ky, kx] or [n, ky, kx]
    >>> maps = model.encode(patterns)                # maps.angle: [iy, ix] or [n]
    """

    def __init__(
        self,
        latent_dim: int = 2,
        seed: int = 0,
        device: str = "auto",
        kind: str = "harmonic",
        classes: int = 1,
        centered: bool = False,
        epochs: int | None = None,
        convention: str = "com",
    ) -> None:
        options = checked_options(kind, latent_dim, seed, classes, centered, epochs, convention)
        self.kind, self.options, self.device = kind, options, choose_device(device)
        self._fitting = Fitting(kind, options, self.device)

    def __repr__(self) -> str:
        """Constructor call with the kind and its options."""
        words = [f"{name}={value!r}" for name, value in self._settings.items()]
        return f"<RRVAE {', '.join(words)}, {'trained' if self.trained else 'not trained'}>"

    @property
    def latent_dim(self) -> int:
        """Number of latent variables besides the angle."""
        return self.options.latent_dim

    @property
    def turning(self) -> bool:
        """True if the model has an angle."""
        return KINDS[self.kind].turning

    @property
    def trained(self) -> bool:
        """True once the model has learned from data."""
        return self._fitting.learned is not None

    @property
    def resumable(self) -> bool:
        """True if `fit` would go on with what was learned."""
        return self._fitting.state is not None

    @property
    def scan(self) -> CentredScan | None:
        """Scan that the last training read, with the descan that was taken off it."""
        return self._fitting.scan

    @property
    def checkpoint_problem(self) -> str:
        """Reason why the last training could not write its checkpoint; empty if it could."""
        return self._fitting.checkpoint_problem

    @property
    def symmetry(self) -> int:
        """Order n of the patterns' symmetry: the angle is defined modulo 2π/n."""
        return self._fitting.require_learned().fold

    @property
    def used_pixels(self) -> PixelWindow:
        """Window of pixels that are used."""
        return self._fitting.require_learned().window

    def fit(
        self,
        data: Any,
        pixel_size: PixelSize | None = None,
        mask: NDArray[np.bool_] | None = None,
        checkpoint: str | Path | None = None,
        faulty: Any = FIND,
        descan: Any = FIND,
        limit: BandLimit | None = None,
    ) -> Self:
        """Learn from a scan; called again, go on.

        A training that was cut short is completed, one that had ended gets as many epochs again
        (``"harmonic"``: as many steps as still help), and with another scan of such patterns what
        was learned is trained further. Starting afresh takes a new model.

        Parameters
        ----------
        data : array, signal or path
            Counts or intensities of any real type: an array ``[n, ky, kx]`` or
            ``[iy, ix, ky, kx]`` (numpy, dask or torch); for :class:`stemwidgets.RRVAE` also a
            HyperSpy or pyxem signal, or a file.
        pixel_size : (float, float), optional
            Height and width of a detector pixel, in one unit, negative where k falls from pixel to
            pixel; those of the signal's axes if not given, squares for a plain array.
        mask : ndarray of bool, shape [ky, kx], optional
            True where a pixel is left out, under a beam stop say, whatever it holds.
        checkpoint : str or Path, optional
            A file to write every ten seconds and at the end, from which `resume` goes on. An
            earlier file is replaced once the new one is complete.
        faulty : "find", None or LeftOut
            Leave out hot, weak and dead pixels, rows and columns, and single events (one pixel of
            one pattern), as they are found in a sample of the patterns; None: leave nothing out.
        descan : "find", None, Descan or Calibration
            Read every pattern about its own centre. "find": where the beam wanders over the
            detector so much that it matters; None: never, as where a plane in the COM is a field of
            the specimen; or as it is known, from :func:`stemwidgets.measure_descan`.
        limit : BandLimit, optional
            Limit of the scan frequencies of a plain array ``[iy, ix, ky, kx]``, which has no
            calibration: each pattern is then known from its neighbours, too.

        Returns
        -------
        RRVAE
            This model.

        Raises
        ------
        FileNotFoundError
            If there is no such file, or no folder for the checkpoint.
        InputError
            If there is nothing to learn from: see the message.
        DivergenceError
            If the training went wrong; the model is then as it was at its last good step.
        PermissionError
            If the folder of the checkpoint may not be written to.
        KeyboardInterrupt
            If it was interrupted, by Ctrl-C or a notebook's Stop, which ends it after its present
            step: what was learned stays, and called again it goes on.

        Warns
        -----
        TrainingNotice
            If descan was taken off; if something did not go as planned: too little memory,
            for example, or a full disk, so that the checkpoint could not be written.
        """
        given = {"maps": False, "checkpoint": checkpoint, "faulty": faulty}
        given |= {"descan": descan, "limit": limit}
        self._fitting.run(lambda: self.steps(data, pixel_size, mask, **given))
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
        limit: BandLimit | None = None,
    ) -> Iterator[Progress]:
        """Learn step by step: see :meth:`stemwidgets.RRVAE.steps`."""
        given = (data, pixel_size, mask, faulty, descan, limit)
        return self._fitting.steps(*given, maps, checkpoint, self._settings)

    def encode(self, data: Any, *, descan: Any = FIND, limit: BandLimit | None = None) -> Encoding:
        """Read angle and latent variables off each pattern: see :meth:`stemwidgets.RRVAE.encode`.

        The maps have the leading shape of `data`.
        """
        return self._encode(data, descan, limit)

    def _encode(
        self, data: Any, descan: Any, limit: BandLimit | None, folder: Path | None = None
    ) -> Encoding:
        """Encode, with the maps as files in a folder, mapped into memory."""
        learned = self._fitting.require_learned()
        array = as_array(data)
        if tuple(array.shape[-2:]) == learned.window.shape:
            descan = self._fitting.descan_of(array, descan)
            array = centred_scan(array, descan, mask=learned.window.mask).data
        neighbours = learned.neighbours(tuple(array.shape[:-2]), limit)
        return encode(learned, array, self.device, folder, neighbours)

    def decode(
        self, latent: ArrayLike, angle: ArrayLike = 0.0, classes: ArrayLike = 0
    ) -> NDArray[np.float32]:
        """Pattern that the model expects: see :meth:`stemwidgets.RRVAE.decode`."""
        learned = self._fitting.require_learned()
        z, theta, class_index = require_codes(latent, angle, classes, self.options)
        with one_thread():
            patterns = learned.decode(
                torch.from_numpy(z.reshape(-1, self.latent_dim)).to(self.device),
                torch.from_numpy(theta.ravel()).to(self.device),
                torch.from_numpy(class_index.ravel()).to(self.device),
            )
        return patterns.reshape(*z.shape[:-1], *patterns.shape[-2:])

    def save(self, path: str | Path) -> None:
        """Write the trained model to one file (safetensors with JSON; nothing that can run).

        Parameters
        ----------
        path : str or Path
            By custom it ends in ``.rrvae``. An earlier file is replaced once this one is complete.

        Raises
        ------
        InputError
            If the model has not been trained.
        FileNotFoundError
            If the folder does not exist.
        """
        tensors, record = self._fitting.require_learned().to_record()
        model_file.write(path, tensors, {"settings": self._settings, **record})

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Self:
        """Read a model that was saved.

        Parameters
        ----------
        path : str or Path
            A file that `save` wrote.
        device : str
            Device to use it on, as for the model itself.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        InputError
            If it is no model file or is damaged, or the device is not there.
        """
        tensors, record = model_file.read(path)
        choose_device(device)
        with model_file.sound(Path(path).name):
            model = cls(device=device, **record["settings"])
            model_file.require_plausible(tensors, record)
            model._fitting.restore(tensors, record)
        return model

    @classmethod
    def resume(cls, path: str | Path, device: str = "auto") -> Self:
        """Read a model whose training was cut short, from the checkpoint that `fit` wrote.

        `fit` with the same data then goes on exactly where the checkpoint was written: on the same
        machine, with the same bits as if the training had never been interrupted. A training that
        had ended already is left as it is.

        Parameters
        ----------
        path : str or Path
            File that was passed to `fit` or `steps` as `checkpoint`.
        device : str
            Device to go on with, as for the model itself.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        InputError
            If it is no checkpoint or is damaged, or the device is not there.
        """
        model = cls.load(path, device)
        fitting = model._fitting
        if fitting.state is None:
            raise InputError(
                f"Expected a checkpoint, got {Path(path).name}, a model saved without its "
                "training. Open it with RRVAE.load, or train a new model."
            )
        fitting.only_for = Fingerprint.from_record(*fitting.state)
        return model

    @property
    def _settings(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self.options)}
