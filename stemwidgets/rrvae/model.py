"""The rotationally invariant variational autoencoder, from patterns to angle and latent maps."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.centring.find import centred_scan
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import FIND
from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae import model_file
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.checks import require_codes
from stemwidgets.rrvae.common.device import choose_device, one_thread
from stemwidgets.rrvae.common.records import Encoding
from stemwidgets.rrvae.data.batches import batches
from stemwidgets.rrvae.data.cores import on_all_cores
from stemwidgets.rrvae.data.fingerprint import Fingerprint
from stemwidgets.rrvae.data.map_builder import MapBuilder
from stemwidgets.rrvae.fitting import Trainable
from stemwidgets.rrvae.harmonic.projection import as_array
from stemwidgets.rrvae.registry import KINDS, checked_options
from stemwidgets.rrvae.soundness import require_plausible, require_use, sound

BATCH = 2048  # patterns encoded at once: always as many, as the last digits depend on it


class RRVAE(Trainable):
    """Rotationally invariant variational autoencoder of diffraction patterns.

    Each pattern is described by one rotation angle and a few latent variables z that do not change
    when the pattern turns (Oxley et al., npj Comput. Mater. 7, 65 (2021),
    doi:10.1038/s41524-021-00527-3).

    Parameters
    ----------
    latent_dim : int
        Number of latent variables besides the angle.
    seed : int
        The same seed and data give the same maps on the same machine.
    device : str
        ``"auto"`` (CUDA, then MPS, then CPU) or a torch device.
    kind : {"harmonic", "paper", "vae"}
        ``"harmonic"``: patterns enter as circular harmonics, in which a rotation is exact;
        preparation, model size and length of training are chosen from the data.
        ``"paper"``: the network of Oxley et al., in which an encoder learns to guess the angle and
        a decoder computes each pixel from its turned coordinates. It serves comparison: it takes
        minutes where ``"harmonic"`` takes seconds.
        ``"vae"``: an ordinary variational autoencoder, for teaching why the angle matters; its
        angle is NaN, and its latent variables are spent on the turning.
        The last two keep the used pixels in memory, 4 bytes for each; where there is no room for
        all patterns they learn from some, chosen at random.
    classes : int
        For ``"harmonic"``: number of kinds of patterns, each with latent variables of its own: a
        lattice site, a defect and vacuum, for example.
    centered : bool
        For ``"paper"`` and ``"vae"``. False is the paper's own setting: counts are brought into
        [0, 1], the learning rate is 1e-4; with 4D-STEM patterns, which all look alike at first
        sight, it learns little in minutes. True takes the mean pattern away, makes the root mean
        square of what is left 1 and learns at 1e-3.
    epochs : int, optional
        For ``"paper"`` and ``"vae"``: passes over the data. If not given: 100, or, if `centered`,
        until the loss falls no further, at most 6000 batches of 20.
    convention : {"com", "alike"}
        For ``"harmonic"``: what angle 0 means. ``"com"``: the pattern's own centre of mass lies
        along +kx, so that the angle is a denoised COM angle. ``"alike"``: patterns of different
        latent variables are turned until they are as much alike as can be, and that of their mean
        lies along +kx. Where the COM moves within the pattern from one latent variable to the next,
        that angle is known more precisely.

    Raises
    ------
    InputError
        If a parameter is out of range, or of no use to that model.

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
        super().__init__(kind, options, choose_device(device))

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
    def symmetry(self) -> int:
        """Order n of the patterns' symmetry: the angle is defined modulo 2π/n."""
        return self._require_learned().fold

    @property
    def used_pixels(self) -> PixelWindow:
        """Window of pixels that are used."""
        return self._require_learned().window

    def encode(self, data: Any, *, descan: Any = FIND) -> Encoding:
        """Read angle and latent variables off each pattern.

        Parameters
        ----------
        data : array, shape [n, ky, kx] or [iy, ix, ky, kx]
            Patterns of the shape that the model learned from.
        descan : "find", None, Descan or BeamFrame
            As for `fit`; that of the scan which was learned from last is not found again.

        Returns
        -------
        Encoding
            Maps of the leading shape of `data`; NaN where a pattern has no counts.

        Raises
        ------
        InputError
            If the model has not been trained, or the patterns have another shape.
        """
        return self._encode(data, descan)

    def _encode(self, data: Any, descan: Any, folder: Path | None = None) -> Encoding:
        """Encode, with the maps as files in a folder, mapped into memory."""
        learned = self._require_learned()
        array = as_array(data)
        if tuple(array.shape[-2:]) == learned.window.shape:
            descan = self._descan_of(array, descan)
            array = centred_scan(array, descan, mask=learned.window.mask).data
        array = distributed.own_part(array)
        maps = MapBuilder(array.shape[:-2], folder)
        with one_thread():
            for numbers, batch in batches(array, learned.window, BATCH):
                prepared = batch[: len(numbers)]
                has_counts = prepared.sum(axis=1) > 0
                columns = on_all_cores(learned.encode, prepared[has_counts], self.device)
                maps.put_numbers(numbers, has_counts, columns)
        return maps.encoding(learned.fold)

    def decode(
        self, latent: ArrayLike, angle: ArrayLike = 0.0, classes: ArrayLike = 0
    ) -> NDArray[np.float32]:
        """Pattern that the model expects.

        Parameters
        ----------
        latent : array, shape [..., latent_dim]
            Latent variables.
        angle : array, shape [...]
            Rotation [rad]; at 0 the pattern's centre of mass lies along +kx. Ignored by a model
            without an angle.
        classes : array of int, shape [...]
            Class of each pattern.

        Returns
        -------
        ndarray of float32, shape [..., ky, kx]
            Counts at the mean dose; NaN outside the circle that was learned from.

        Raises
        ------
        InputError
            If the shapes do not fit or the model has not been trained.
        """
        learned = self._require_learned()
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
        tensors, record = self._require_learned().to_record()
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
        with sound(Path(path).name):
            model = cls(device=device, **record["settings"])
            require_plausible(tensors, record)
            model._learned = KINDS[model.kind].read(tensors, record, model.device)
            require_use(model._learned, model.options, model.device)
            model._remember(tensors, record)
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
        if model._state is None:
            raise InputError(
                f"Expected a checkpoint, got {Path(path).name}, a model saved without its "
                "training. Open it with RRVAE.load, or train a new model."
            )
        model._only_for = Fingerprint.from_record(*model._state)
        return model
