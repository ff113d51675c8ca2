"""The paper's network among the kinds of model: from a scan to maps and patterns."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.preparation import Preparation
from stemwidgets.rrvae import processes
from stemwidgets.rrvae.batches import prepared_blocks
from stemwidgets.rrvae.device import free_memory
from stemwidgets.rrvae.fingerprint import Fingerprint
from stemwidgets.rrvae.generators import scaled
from stemwidgets.rrvae.interface import Columns, Learned, Options, State, part, whole_state
from stemwidgets.rrvae.paper_settings import PaperMoment, PaperSettings
from stemwidgets.rrvae.paper_trained import PaperTrained, Scaling
from stemwidgets.rrvae.paper_training import PaperTraining
from stemwidgets.rrvae.preview import preview
from stemwidgets.rrvae.records import Encoding
from stemwidgets.rrvae.sampling import preparing, require_enough

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
    read : _Read
        What is learned from.
    options : Options
        Of the network and its training.
    turning : bool
        False leaves out the angle.
    state : State or None
        Of an earlier run, to go on with these data.
    before : PaperModel or None
        What that learned.

    Raises
    ------
    InputError
        If the patterns are alike, or have another shape than those that the state learned from.
    """

    def __init__(
        self,
        read: "_Read",
        options: Options,
        turning: bool,
        state: State | None,
        before: PaperModel | None,
    ) -> None:
        self.preparation, self.filled, self.fingerprint = (
            read.preparation,
            read.filled,
            read.fingerprint,
        )
        pixels = read.pixels
        _require_contrast(pixels)
        count = processes.total(len(pixels))
        settings = PaperSettings.for_data(count, turning, options.centered, options.epochs)
        if before is None or state is None:
            where = self.preparation.coordinates
            self.training = PaperTraining.create(
                pixels, where, options.latent_dim, options.seed, settings
            )
        else:
            network, scaling = before.trained.network, before.trained.scaling
            self.training = PaperTraining(pixels, network, scaling, options.seed, settings)
            self._restore(state)

    @classmethod
    def begin(
        cls,
        data: Any,
        pixel_size: tuple[float, float],
        mask: NDArray[np.bool_] | None,
        options: Options,
        device: torch.device,
        state: State | None,
        turning: bool,
    ) -> Generator[float, None, Self]:
        """Read a scan, and make a run of it; see `Kind`.

        Raises
        ------
        InputError
            If there is nothing to learn from, the pixels need more than half of the free memory,
            or the state does not fit.
        """
        before = None if state is None else PaperModel.from_record(*state, device)
        share = 1.0 if before else 0.5  # of the work that the last reading is
        if before is None:
            preparation, _ = yield from scaled(preparing(data, pixel_size, mask), 0.0, 1 - share)
            preparation = processes.of_first(preparation)
        else:
            preparation = before.preparation
        read = yield from scaled(_reading(data, preparation, device), 1 - share, 1.0)
        return cls(read, options, turning, state, before)

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

    def state(self, result: Learned) -> State:
        """What it takes to go on; part of it is the record of the `result`."""
        tensors, record = result.to_record()
        training, position = self.training.state()
        tensors |= {f"training.{name}": tensor for name, tensor in training.items()}
        mean, of_data = self.fingerprint.to_record()
        return tensors | mean, record | of_data | {"training": position}

    def preview(self, most: int) -> Iterator[Encoding | None]:
        """The maps as they stand; for speed, the residual is taken from some of the pixels."""
        trained = self.training.result()

        def read(numbers: NDArray[np.intp]) -> Columns:
            prepared = self.training.prepared
            rows = torch.from_numpy(numbers).to(prepared.device)
            return trained.encode(prepared[rows], RESIDUAL_PIXELS)

        return preview(self.filled, read, trained.fold, most)

    def result(self) -> PaperModel:
        """The model as it stands."""
        return PaperModel(self.preparation, self.training.result())

    def _restore(self, state: State) -> None:
        tensors, record = state
        with whole_state():
            same_data = self.fingerprint.same(Fingerprint.from_record(*state))
            self.training.restore(part(tensors, "training"), record["training"], same_data)


@dataclass(frozen=True, eq=False)
class _Read:
    """A scan that was read: the used pixels ``[n, pixels]`` of the patterns with counts."""

    preparation: Preparation
    pixels: Tensor
    filled: NDArray[np.bool_]
    fingerprint: Fingerprint


def _reading(
    data: Any, preparation: Preparation, device: torch.device
) -> Generator[float, None, _Read]:
    own = processes.own_part(data)
    filled = np.zeros(own.shape[:-2], dtype=bool)
    shape = filled.size, len(preparation.coordinates[0])
    _require_room(4 * shape[0] * shape[1], device)
    pixels, done, seen, total = torch.empty(shape, device=device), 0, 0, np.zeros(shape[1])
    for where, prepared in prepared_blocks(own, preparation):
        has_counts = prepared.sum(axis=1) > 0
        filled[where] = has_counts.reshape(filled[where].shape)
        total += prepared[has_counts].sum(axis=0, dtype=np.float64)
        rows = torch.from_numpy(prepared[has_counts])
        pixels[done : done + len(rows)] = rows.to(device)
        done, seen = done + len(rows), seen + len(prepared)
        yield seen / filled.size
    count = processes.total(done)
    require_enough(count)
    processes.require_each(done > 0)
    fingerprint = Fingerprint.from_sum(data.shape, processes.total(total), count)
    return _Read(preparation, pixels[:done], filled, fingerprint)


def _require_room(needed: int, device: torch.device) -> None:
    free = free_memory(device)
    if free is not None and needed > LARGEST_SHARE * free:
        raise InputError(
            f"Expected a scan whose used pixels fit into half of the free memory of "
            f"{free / 1e9:.1f} GB, got {needed / 1e9:.1f} GB: this kind of model keeps them there. "
            'Train on a part of the scan, bin the patterns, or choose model="harmonic".'
        )


def _require_contrast(pixels: Tensor) -> None:
    mean = processes.mean(pixels.abs())
    if Scaling.centered(pixels).scale < LEAST_CONTRAST * mean:
        raise InputError(
            "Expected patterns that differ from each other, got "
            f"{processes.total(len(pixels))} that are alike. Check that the scan moved."
        )
