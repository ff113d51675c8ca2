"""The paper's network among the kinds of model: from a scan to maps and patterns."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.preparation import Preparation
from stemwidgets.rrvae.device import free_memory
from stemwidgets.rrvae.fingerprint import Fingerprint
from stemwidgets.rrvae.gather import prepare, prepared_blocks, require_enough
from stemwidgets.rrvae.interface import Columns, Options, State, part, whole_state
from stemwidgets.rrvae.paper_settings import PaperMoment, PaperSettings
from stemwidgets.rrvae.paper_trained import PaperTrained, Scaling
from stemwidgets.rrvae.paper_training import PaperTraining
from stemwidgets.rrvae.preview import preview
from stemwidgets.rrvae.records import Encoding

LARGEST_SHARE = 0.5  # of the free memory
RESIDUAL_PIXELS = 400
LEAST_CONTRAST = 1e-5


@dataclass(frozen=True, eq=False)
class PaperModel:
    """A trained network with the preparation that belongs to it.

    Parameters
    ----------
    preparation : Preparation
        Which pixels are used.
    trained : PaperTrained
        The network.
    """

    preparation: Preparation
    trained: PaperTrained

    @property
    def fold(self) -> int:
        """The angle is defined modulo 2π / fold."""
        return self.trained.fold

    def encode(self, prepared: NDArray[np.float32]) -> Columns:
        """Columns of an `Encoding`, by name, for prepared patterns ``[n, pixels]``."""
        return self.trained.encode(torch.from_numpy(prepared).to(self.trained.scaling.offset))

    def decode(self, latent: Tensor, angle: Tensor, kind: Tensor) -> NDArray[np.float32]:
        """Patterns ``[n, ky, kx]`` in counts; there is one kind only."""
        return self.preparation.restore(self.trained.decode(latent, angle).cpu().numpy())

    def to_record(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything as named tensors and plain values."""
        arrays, preparation = self.preparation.to_record()
        tensors, trained = self.trained.to_record()
        prepared = {f"preparation.{name}": torch.from_numpy(a) for name, a in arrays.items()}
        network = {f"network.{name}": tensor for name, tensor in tensors.items()}
        return prepared | network, {"preparation": preparation, "network": trained}

    @classmethod
    def from_record(
        cls, tensors: dict[str, Tensor], record: dict[str, Any], device: torch.device
    ) -> Self:
        """What `to_record` gave."""
        prepared = {name: tensor.numpy() for name, tensor in part(tensors, "preparation").items()}
        return cls(
            Preparation.from_record(prepared, record["preparation"]),
            PaperTrained.from_record(part(tensors, "network"), record["network"], device),
        )


class PaperRun:
    """One run of training; the used pixels of all patterns stay in memory.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        numpy or dask.
    pixel_size : (float, float)
        Height and width of a detector pixel.
    mask : ndarray of bool, shape [ky, kx], or None
        True where a pixel is left out.
    options : Options
        Of the network and its training.
    device : torch.device
        Where it trains and where the pixels are kept.
    state : State or None
        Of an earlier run, to go on with these data.
    turning : bool
        False leaves out the angle.

    Raises
    ------
    InputError
        If there is nothing to learn from, the pixels need more than half of the free memory, or
        the patterns have another shape than those that the state learned from.
    """

    def __init__(
        self,
        data: Any,
        pixel_size: tuple[float, float],
        mask: NDArray[np.bool_] | None,
        options: Options,
        device: torch.device,
        state: State | None,
        turning: bool,
    ) -> None:
        before = None if state is None else PaperModel.from_record(*state, device)
        if before is None:
            self.preparation, _ = prepare(data, pixel_size, mask)
        else:
            self.preparation = before.preparation
        self.filled = np.zeros(data.shape[:-2], dtype=bool)
        pixels = self._read(data, device)
        _require_contrast(pixels)
        settings = PaperSettings.for_data(len(pixels), turning, options.centered, options.epochs)
        if before is None or state is None:
            where = self.preparation.coordinates
            self.training = PaperTraining.create(
                pixels, where, options.latent_dim, options.seed, settings
            )
        else:
            network, scaling = before.trained.network, before.trained.scaling
            self.training = PaperTraining(pixels, network, scaling, options.seed, settings)
            self._restore(state)

    @property
    def last(self) -> PaperMoment | None:
        """The last good moment."""
        return self.training.last

    def moments(self) -> Generator[PaperMoment]:
        """Train, a moment at a time."""
        return self.training.moments()

    def extend(self) -> None:
        """Plan as much training again."""
        self.training.extend()

    def state(self) -> State:
        """What it takes to go on; part of it is the record of the `result`."""
        tensors, record = self.result().to_record()
        training, position = self.training.state()
        tensors |= {f"training.{name}": tensor for name, tensor in training.items()}
        mean, of_data = self.fingerprint.to_record()
        return tensors | mean, record | of_data | {"training": position}

    def preview(self) -> Encoding:
        """The maps as they stand; for speed, the residual is taken from some of the pixels."""
        trained = self.training.result()

        def read(numbers: NDArray[np.intp]) -> Columns:
            prepared = self.training.prepared
            rows = torch.from_numpy(numbers).to(prepared.device)
            return trained.encode(prepared[rows], RESIDUAL_PIXELS)

        return preview(self.filled, read, trained.fold)

    def result(self) -> PaperModel:
        """The model as it stands."""
        return PaperModel(self.preparation, self.training.result())

    def _restore(self, state: State) -> None:
        tensors, record = state
        with whole_state():
            same_data = self.fingerprint.same(Fingerprint.from_record(*state))
            self.training.restore(part(tensors, "training"), record["training"], same_data)

    def _read(self, data: Any, device: torch.device) -> Tensor:
        """The used pixels of the patterns with counts, ``[n, pixels]``."""
        shape = self.filled.size, len(self.preparation.coordinates[0])
        _require_room(4 * shape[0] * shape[1], device)
        pixels, done, total = torch.empty(shape, device=device), 0, np.zeros(shape[1])
        for where, prepared in prepared_blocks(data, self.preparation):
            has_counts = prepared.sum(axis=1) > 0
            self.filled[where] = has_counts.reshape(self.filled[where].shape)
            total += prepared[has_counts].sum(axis=0, dtype=np.float64)
            rows = torch.from_numpy(prepared[has_counts])
            pixels[done : done + len(rows)] = rows.to(device)
            done += len(rows)
        require_enough(done)
        self.fingerprint = Fingerprint.from_sum(data.shape, total, done)
        return pixels[:done]


def _require_room(needed: int, device: torch.device) -> None:
    free = free_memory(device)
    if free is not None and needed > LARGEST_SHARE * free:
        raise InputError(
            f"Expected a scan whose used pixels fit into half of the free memory of "
            f"{free / 1e9:.1f} GB, got {needed / 1e9:.1f} GB: this kind of model keeps them there. "
            'Train on a part of the scan, bin the patterns, or choose model="harmonic".'
        )


def _require_contrast(pixels: Tensor) -> None:
    if Scaling.centered(pixels).scale < LEAST_CONTRAST * float(pixels.abs().mean()):
        raise InputError(
            f"Expected patterns that differ from each other, got {len(pixels)} that are alike. "
            "Check that the scan moved."
        )
