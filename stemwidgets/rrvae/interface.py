"""What every kind of model offers, so that all are trained, watched, used and saved alike."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.preparation import Preparation
from stemwidgets.rrvae.records import Encoding

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Options:
    """What a user may choose; each kind takes what it has a use for.

    Parameters
    ----------
    latent_dim : int
        Number of latent variables besides the angle.
    seed : int
        Of all that is random.
    classes : int
        Number of kinds of patterns.
    centered : bool
        Whether the mean pattern is taken away before training.
    epochs : int or None
        Passes over the data; None leaves it to the data.
    """

    latent_dim: int
    seed: int
    classes: int = 1
    centered: bool = False
    epochs: int | None = None


class Moment(Protocol):
    """Where a training stands.

    ``epoch`` of ``epochs`` are done, which is a ``fraction`` of all; ``reconstruction`` and ``kl``
    add up to the loss [nats per pattern].
    """

    @property
    def epoch(self) -> int: ...  # noqa: D102
    @property
    def epochs(self) -> int: ...  # noqa: D102
    @property
    def fraction(self) -> float: ...  # noqa: D102
    @property
    def reconstruction(self) -> float: ...  # noqa: D102
    @property
    def kl(self) -> float: ...  # noqa: D102


class Learned(Protocol):
    """What comes out of a training."""

    @property
    def preparation(self) -> Preparation:
        """Which pixels of the patterns are used."""

    @property
    def fold(self) -> int:
        """The angle is defined modulo 2π / fold."""

    def encode(self, prepared: NDArray[np.float32]) -> Columns:
        """Columns of an `Encoding`, by name, for prepared patterns ``[n, pixels]``."""

    def decode(self, latent: Tensor, angle: Tensor, kind: Tensor) -> NDArray[np.float32]:
        """Patterns ``[n, ky, kx]`` in counts."""

    def to_record(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything as named tensors and plain values."""


class Run(Protocol):
    """One run of training: its data and where it stands."""

    @property
    def last(self) -> Moment | None:
        """The last good moment."""

    def moments(self) -> Generator[Moment]:
        """Train, a moment at a time; may be closed early.

        Raises
        ------
        DivergenceError
            If the training goes wrong; the run is then as it was at its last good moment.
        """

    def encoding(self) -> Encoding:
        """The maps as they stand."""

    def result(self) -> Learned:
        """The model as it stands."""
