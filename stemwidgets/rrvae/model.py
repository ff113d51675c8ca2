"""The rotationally invariant variational autoencoder, from patterns to angle and latent maps."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.preparation import Preparation
from stemwidgets.rrvae import storage
from stemwidgets.rrvae.device import choose_device, one_thread
from stemwidgets.rrvae.gather import as_array, gather, prepared_blocks
from stemwidgets.rrvae.mapbuilder import MapBuilder
from stemwidgets.rrvae.records import Encoding, Progress
from stemwidgets.rrvae.run import Training
from stemwidgets.rrvae.trained import Trained

MODELS = ("harmonic",)


class RRVAE:
    """Rotationally invariant variational autoencoder of diffraction patterns.

    Each pattern is described by one rotation angle and a few latent variables z that do not change
    when the pattern turns (Oxley et al., npj Comput. Mater. 7, 65 (2021),
    doi:10.1038/s41524-021-00527-3). Patterns enter as circular harmonics, in which a rotation is
    exact; preparation, model size and length of training are chosen from the data.

    Parameters
    ----------
    latent_dim : int
        Number of latent variables besides the angle.
    seed : int
        The same seed and data give the same maps on the same machine.
    device : str
        ``"auto"`` (CUDA, then MPS, then CPU) or a torch device.
    model : str
        ``"harmonic"``.
    classes : int
        Number of kinds of patterns, each with latent variables of its own: a lattice site, a
        defect and vacuum, say.

    Raises
    ------
    InputError
        If a parameter is out of range.

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
        model: str = "harmonic",
        classes: int = 1,
    ) -> None:
        _require_integer("latent_dim", latent_dim, 1, 16)
        _require_integer("seed", seed, 0, 2**31 - 1)
        _require_integer("classes", classes, 1, 16)
        if model not in MODELS:
            raise InputError(f"Expected model to be one of {', '.join(MODELS)}, got {model!r}.")
        self.latent_dim = latent_dim
        self.seed = seed
        self.model = model
        self.classes = classes
        self.device = choose_device(device)
        self._trained: Trained | None = None

    @staticmethod
    def warm_up() -> None:
        """Load now what torch loads with the first optimiser: its compiler, a second of imports."""
        torch.optim.Adam([torch.zeros(1)])

    @property
    def trained(self) -> bool:
        """Whether the model has learned from data."""
        return self._trained is not None

    @property
    def symmetry(self) -> int:
        """Order n of the patterns' symmetry: the angle is defined modulo 2π/n."""
        return self._require_trained().convention.symmetry

    @property
    def preparation(self) -> Preparation:
        """Which pixels of the patterns are used."""
        return self._require_trained().preparation

    def fit(
        self,
        data: Any,
        pixel_size: tuple[float, float] = (1.0, 1.0),
        mask: NDArray[np.bool_] | None = None,
    ) -> Self:
        """Learn from patterns; what was learned before is replaced.

        Parameters
        ----------
        data : array, shape [n, ky, kx] or [iy, ix, ky, kx]
            numpy, dask or torch; counts or intensities of any real type.
        pixel_size : (float, float)
            Height and width of a detector pixel, in one unit.
        mask : ndarray of bool, shape [ky, kx], optional
            True where a pixel is left out, under a beam stop say, whatever it holds. Dead and hot
            pixels are found and left out without it.

        Returns
        -------
        RRVAE
            Itself.

        Raises
        ------
        InputError
            If there is nothing to learn from: see the message.
        """
        for _ in self.steps(data, pixel_size, mask):
            pass
        return self

    def steps(
        self,
        data: Any,
        pixel_size: tuple[float, float] = (1.0, 1.0),
        mask: NDArray[np.bool_] | None = None,
    ) -> Iterator[Progress]:
        """Learn from patterns, step by step: what `fit` does, for those who watch.

        A generator that is closed early leaves the model as it is at that moment, ready to encode.

        Parameters
        ----------
        data, pixel_size, mask
            As for `fit`.

        Yields
        ------
        Progress
            After every epoch; with maps about twice a second and at the end.

        Raises
        ------
        InputError
            As `fit`.
        """
        _require_pixel_size(pixel_size)
        began = time.perf_counter()
        self.warm_up()
        with one_thread():
            size = (float(pixel_size[0]), float(pixel_size[1]))
            gathered = gather(as_array(data), size, mask)
            training = Training(gathered, self.latent_dim, self.classes, self.seed, self.device)
        moments = training.moments()
        try:
            while True:
                with one_thread():
                    moment = next(moments, None)
                    if moment is None:
                        break
                    encoding = training.encoding_now_and_then(moment)
                yield Progress(
                    epoch=moment.epoch,
                    epochs=moment.epochs,
                    loss=moment.reconstruction + moment.kl,
                    reconstruction=moment.reconstruction,
                    kl=moment.kl,
                    elapsed=time.perf_counter() - began,
                    remaining=training.remaining(moment),
                    encoding=encoding,
                )
        finally:
            moments.close()
            if training.last is not None:
                with one_thread():
                    self._trained = training.result()

    def encode(self, data: Any) -> Encoding:
        """Read angle and latent variables off each pattern.

        Parameters
        ----------
        data : array, shape [n, ky, kx] or [iy, ix, ky, kx]
            Patterns of the shape that the model learned from.

        Returns
        -------
        Encoding
            Maps of the leading shape of `data`; NaN where a pattern has no counts.

        Raises
        ------
        InputError
            If the model has not been trained, or the patterns have another shape.
        """
        trained = self._require_trained()
        array = as_array(data)
        maps = MapBuilder(array.shape[:-2])
        with one_thread():
            for where, prepared in prepared_blocks(array, trained.preparation):
                has_counts = prepared.sum(axis=1) > 0
                maps.put(where, has_counts, trained.encode(prepared[has_counts]))
        return maps.encoding(trained.convention.symmetry)

    def decode(
        self, latent: ArrayLike, angle: ArrayLike = 0.0, classes: ArrayLike = 0
    ) -> NDArray[np.float32]:
        """The pattern that the model expects.

        Parameters
        ----------
        latent : array, shape [..., latent_dim]
            Latent variables.
        angle : array, shape [...]
            Rotation [rad]; at 0 the pattern's centre of mass lies along +kx.
        classes : array of int, shape [...]
            Class of each.

        Returns
        -------
        ndarray of float32, shape [..., ky, kx]
            Counts at the mean dose; NaN outside the circle that was learned from.

        Raises
        ------
        InputError
            If the shapes do not fit or the model has not been trained.
        """
        trained = self._require_trained()
        z = np.asarray(latent, dtype=np.float32)
        if z.ndim == 0 or z.shape[-1] != self.latent_dim:
            raise InputError(
                f"Expected latent variables of shape [..., {self.latent_dim}], got {z.shape}."
            )
        theta, kind = np.asarray(angle, dtype=np.float32), np.asarray(classes)
        try:
            theta, kind = (np.broadcast_to(values, z.shape[:-1]) for values in (theta, kind))
        except ValueError as error:
            raise InputError(
                f"Expected one angle and class for each latent vector, shape {z.shape[:-1]}, got "
                f"{theta.shape} and {kind.shape}."
            ) from error
        if kind.size and not (0 <= kind.min() <= kind.max() < self.classes):
            raise InputError(
                f"Expected classes from 0 to {self.classes - 1}, got {kind.min()} to {kind.max()}."
            )
        with one_thread():
            patterns = trained.decode(
                torch.from_numpy(z.reshape(-1, self.latent_dim).copy()).to(self.device),
                torch.from_numpy(theta.reshape(-1).copy()).to(self.device),
                torch.from_numpy(kind.reshape(-1).astype(np.int64)).to(self.device),
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
        tensors, record = self._require_trained().to_record()
        settings = {
            "latent_dim": self.latent_dim,
            "seed": self.seed,
            "model": self.model,
            "classes": self.classes,
        }
        storage.write(path, tensors, {"settings": settings, **record})

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Self:
        """Read a model that was saved.

        Parameters
        ----------
        path : str or Path
            A file that `save` wrote.
        device : str
            Where to use it, as for the model itself.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        InputError
            If it is no model file or is damaged, or the device is not there.
        """
        tensors, record = storage.read(path)
        choose_device(device)
        try:
            model = cls(device=device, **record["settings"])
            model._trained = Trained.from_record(tensors, record, model.device)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"Expected a model file written by stemwidgets, but {Path(path).name} lacks a part "
                f"or has a wrong one ({error}). Save the model again."
            ) from error
        return model

    def _require_trained(self) -> Trained:
        if self._trained is None:
            raise InputError(
                "Expected a trained model, got one that has learned nothing yet. Call fit first."
            )
        return self._trained


def _require_integer(name: str, value: Any, lowest: int, highest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise InputError(f"Expected {name} to be a whole number, got {value!r}.")
    if not lowest <= value <= highest:
        raise InputError(f"Expected {name} between {lowest} and {highest}, got {value}.")


def _require_pixel_size(pixel_size: tuple[float, float]) -> None:
    if np.shape(pixel_size) != (2,) or not all(np.isfinite(s) and s > 0 for s in pixel_size):
        raise InputError(
            f"Expected pixel_size as (height, width) of a detector pixel, got {pixel_size}."
        )
