"""Protocols of all kinds of model, so that all are trained, shown, used and saved alike."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.cuda import OutOfMemoryError

from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.band_limit.neighbours import Neighbours
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae.common.records import Encoding
from stemwidgets.rrvae.data.fingerprint import Fingerprint

Columns = dict[str, NDArray[Any]]
State = tuple[dict[str, Tensor], dict[str, Any]]
"""Everything needed to go on with a run: named tensors, and values that fit into JSON.

The result of ``result().to_record()`` is part of it, under the same names, so that a file of a
state is also one of a trained model; and so is that of ``fingerprint.to_record()``.
"""


@dataclass(frozen=True)
class Options:
    """Options of a user, as of `RRVAE`; each kind of model takes those that it has a use for."""

    latent_dim: int
    seed: int
    classes: int = 1
    centered: bool = False
    epochs: int | None = None
    convention: str = "com"


class Step(Protocol):
    """State of a training.

    ``epoch`` of ``epochs`` are done (exactly, so many ``passes`` over the data), which is a
    ``fraction`` of all; ``reconstruction`` and ``kl`` add up to the loss [nats per pattern].
    """

    @property
    def epoch(self) -> int: ...  # noqa: D102
    @property
    def epochs(self) -> int: ...  # noqa: D102
    @property
    def passes(self) -> float: ...  # noqa: D102
    @property
    def fraction(self) -> float: ...  # noqa: D102
    @property
    def reconstruction(self) -> float: ...  # noqa: D102
    @property
    def kl(self) -> float: ...  # noqa: D102


class Learned(Protocol):
    """Result of a training."""

    @property
    def window(self) -> PixelWindow:
        """Window of pixels that are used."""

    @property
    def fold(self) -> int:
        """The angle is defined modulo 2π / fold."""

    def encode(
        self, prepared: NDArray[np.float32], gain: NDArray[np.float32] | float = 1.0
    ) -> Columns:
        """Columns of an `Encoding`, by name, for prepared patterns ``[n, pixels]``.

        The neighbours of each make its noise weaker by a factor, the gain ``[n]``.
        """

    def neighbours(self, scan: tuple[int, ...], limit: BandLimit | None) -> Neighbours | None:
        """Neighbours from which patterns are known, too; None if it makes no use of them."""

    def decode(self, latent: Tensor, angle: Tensor, class_index: Tensor) -> NDArray[np.float32]:
        """Patterns ``[n, ky, kx]`` in counts."""

    def to_record(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything as named tensors and plain values."""


class Run(Protocol):
    """One run of training: its data and its state.

    It is started with data, pixel size, mask, options, device and, to go on, the `State` of an
    earlier run: see `Kind`. With the data of that run (by its fingerprint) it goes on exactly as
    the earlier run would have done. With other data it keeps what was learned and begins its
    schedule anew. Patterns of another shape are refused.
    """

    @property
    def last(self) -> Step | None:
        """The last good step; None if there is none yet for these data."""

    @property
    def fingerprint(self) -> Fingerprint:
        """Fingerprint of its data."""

    def steps(self) -> Generator[Step]:
        """Train, a step at a time; may be closed early.

        After the end of a training it yields the last step. If the training goes wrong it raises a
        DivergenceError, and the run is as it was at its last good step.
        """

    def preview(self, most: int) -> Iterator[Encoding | None]:
        """The maps as they stand, read off so many patterns at most: see `preview.preview`."""

    def result(self) -> Learned:
        """The model as it stands."""

    def extend(self) -> None:
        """Plan more training, for a run that has ended."""

    def state(self, result: Learned) -> State:
        """Everything needed to go on from here, with its `result`; only between two steps."""


def part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Tensors whose names begin with ``name.``, without that prefix."""
    start = f"{name}."
    return {key.removeprefix(start): t for key, t in tensors.items() if key.startswith(start)}


@contextmanager
def whole_state() -> Iterator[None]:
    """Raise an error in words if a `State` that is read inside is not whole."""
    try:
        yield
    except (InputError, OutOfMemoryError):
        raise
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:
        raise InputError(
            "Expected a checkpoint written by stemwidgets, got one that lacks a part or has a "
            f"wrong one ({error}). Go on from another one, or train a new model."
        ) from error
