"""The paper's network among the kinds of model: from a scan to maps and patterns."""

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import FIND
from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae.basis.harmonics import Float
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.device import free_memory
from stemwidgets.rrvae.common.preview import preview
from stemwidgets.rrvae.common.protocols import Columns, Learned, Options, State, part, whole_state
from stemwidgets.rrvae.common.records import Encoding
from stemwidgets.rrvae.data.fingerprint import Fingerprint
from stemwidgets.rrvae.data.sampling import preparing, scaled
from stemwidgets.rrvae.data.subset import (
    ScanRead,
    read_scan,
    require_share,
    share_that_fits,
    tell_share,
)
from stemwidgets.rrvae.paper.model import PaperTrained, Scaling
from stemwidgets.rrvae.paper.settings import PaperSettings, PaperStep
from stemwidgets.rrvae.paper.training import PaperTraining

LARGEST_SHARE = 0.5  # of the free memory
# of each pattern, from which the maps during a training take the residual, for speed
RESIDUAL_PIXELS = 400
LEAST_CONTRAST = 1e-5  # of the mean count: less is rounding, and the patterns are alike


@dataclass(frozen=True, eq=False)
class PaperModel:
    """A trained network with the pixel window that belongs to it.

    Parameters
    ----------
    window : PixelWindow
        Window of pixels that are used.
    trained : PaperTrained
        The network.
    """

    window: PixelWindow
    trained: PaperTrained

    @property
    def fold(self) -> int:
        """The angle is defined modulo 2π / fold."""
        return self.trained.fold

    def encode(self, prepared: Float, gain: Float | float = 1.0) -> Columns:
        """Columns of an `Encoding`, by name, for prepared patterns ``[n, pixels]``."""
        return self.trained.encode(torch.from_numpy(prepared).to(self.trained.scaling.offset))

    def neighbours(self, scan: tuple[int, ...], limit: BandLimit | None) -> None:
        """None: the network of the paper reads each pattern by itself."""

    def decode(self, latent: Tensor, angle: Tensor, class_index: Tensor) -> NDArray[np.float32]:
        """Patterns ``[n, ky, kx]`` in counts; there is one kind only."""
        return self.window.restore(self.trained.decode(latent, angle).cpu().numpy())

    def to_record(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything as named tensors and plain values."""
        arrays, window = self.window.to_record()
        tensors, trained = self.trained.to_record()
        prepared = {f"preparation.{name}": torch.from_numpy(a) for name, a in arrays.items()}
        network = {f"network.{name}": tensor for name, tensor in tensors.items()}
        return prepared | network, {"preparation": window, "network": trained}

    @classmethod
    def from_record(
        cls, tensors: dict[str, Tensor], record: dict[str, Any], device: torch.device
    ) -> Self:
        """Read the result of `to_record`."""
        prepared = {name: tensor.numpy() for name, tensor in part(tensors, "preparation").items()}
        return cls(
            PixelWindow.from_record(prepared, record["preparation"]),
            PaperTrained.from_record(part(tensors, "network"), record["network"], device),
        )


class PaperRun:
    """One run of training; the used pixels ``[n, pixels]`` of the patterns stay in memory.

    Without `turning` there is no angle. It begins anew, or goes on from the state of an earlier run
    and the model `before` that this learned. An InputError if the patterns are alike, or have
    another shape than those that the state learned from.
    """

    def __init__(
        self,
        read: ScanRead,
        pixels: Tensor,
        options: Options,
        turning: bool,
        state: State | None,
        before: PaperModel | None,
    ) -> None:
        self.window, self.fingerprint, self._read = read.window, read.fingerprint, read
        _require_contrast(pixels)
        count = distributed.total(len(pixels))
        settings = PaperSettings.for_data(count, turning, options.centered, options.epochs)
        if before is None or state is None:
            where = self.window.coordinates
            self.training = PaperTraining.create(
                pixels, where, options.latent_dim, options.seed, settings
            )
        else:
            network, scaling = before.trained.network, before.trained.scaling
            self.training = PaperTraining(pixels, network, scaling, options.seed, settings)
            tensors, record = state
            with whole_state():
                same_data = self.fingerprint.same(Fingerprint.from_record(*state))
                self.training.restore(part(tensors, "training"), record["training"], same_data)

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
        faulty: Any = FIND,
        limit: BandLimit | None = None,
    ) -> Generator[float, None, Self]:
        """Read a scan, and make a run of it; see `Kind`.

        An InputError if there is nothing to learn from, or the state does not fit.
        """
        before = None if state is None else PaperModel.from_record(*state, device)
        last = 1.0 if before else 0.5  # of the work that the last reading is
        if before is None or state is None:
            parts = preparing(data, pixel_size, mask, faulty)
            window, _ = yield from scaled(parts, 0.0, 1 - last)
            window = distributed.of_first(window)
            share = _share_that_fits(data, window, device)
        else:
            window = before.window
            with whole_state():
                share = require_share(state[1]["training"].get("share", 1.0))

        def columns_of(prepared: Float) -> tuple[Tensor, ...]:
            return (torch.from_numpy(prepared).to(device),)

        parts_read = read_scan(data, window, share, columns_of)
        read, (pixels,) = yield from scaled(parts_read, 1 - last, 1.0)
        return cls(read, pixels, options, turning, state, before)

    @property
    def last(self) -> PaperStep | None:
        """The last good step."""
        return self.training.last

    def steps(self) -> Generator[PaperStep]:
        """Train, a step at a time."""
        tell_share(self._read.share)
        yield from self.training.steps()

    def extend(self) -> None:
        """Plan as much training again."""
        self.training.extend()

    def state(self, result: Learned) -> State:
        """State to go on from; part of it is the record of the `result`."""
        tensors, record = result.to_record()
        training, position = self.training.state()
        tensors |= {f"training.{name}": tensor for name, tensor in training.items()}
        mean, of_data = self.fingerprint.to_record()
        position["share"] = self._read.share
        return tensors | mean, record | of_data | {"training": position}

    def preview(self, most: int) -> Iterator[Encoding | None]:
        """The maps as they stand; for speed, the residual is taken from some of the pixels."""
        trained = self.training.result()

        def read(numbers: NDArray[np.intp]) -> Columns:
            prepared = self.training.prepared
            rows = torch.from_numpy(numbers).to(prepared.device)
            return trained.encode(prepared[rows], RESIDUAL_PIXELS)

        return preview(self._read.filled, self._read.learned, read, trained.fold, most)

    def result(self) -> PaperModel:
        """The model as it stands."""
        return PaperModel(self.window, self.training.result())


def _share_that_fits(data: Any, window: PixelWindow, device: torch.device) -> float:
    """Share of the patterns that may be kept: half of the free memory is for them."""
    patterns = math.prod(distributed.own_part(data).shape[:-2])
    free = free_memory(device)
    room = None if free is None else LARGEST_SHARE * free
    return share_that_fits(4 * patterns * len(window.coordinates[0]), room)


def _require_contrast(pixels: Tensor) -> None:
    mean = distributed.mean(pixels.abs())
    if Scaling.centered(pixels).scale < LEAST_CONTRAST * mean:
        raise InputError(
            "Expected patterns that differ from each other, got "
            f"{distributed.total(len(pixels))} that are alike. Check that the scan moved."
        )
