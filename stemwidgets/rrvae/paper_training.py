"""Training of the paper's network, or of a plain variational autoencoder, as a generator."""

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.rrvae.divergence import DivergenceError, require_finite
from stemwidgets.rrvae.paper_network import PaperNetwork
from stemwidgets.rrvae.paper_trained import PaperTrained, Scaling

BATCH = 20
CENTERED_STEPS = 3000
SECONDS_BETWEEN_MOMENTS = 0.03
MEASURED = 128


@dataclass(frozen=True)
class PaperSettings:
    """What may be changed about the paper's network.

    Parameters
    ----------
    turning : bool
        False leaves out the angle: an ordinary variational autoencoder.
    centered : bool
        False is the paper's own setting: the counts are brought into [0, 1] and the learning rate
        is 1e-4. Where all patterns look alike at first sight (nearly always in 4D-STEM) it learns
        little in minutes. True takes the mean pattern away, makes the root mean square of what is
        left 1, and learns at 1e-3: then it finds the angle.
    epochs : int
        Passes over the data.
    """

    turning: bool = True
    centered: bool = False
    epochs: int = 100

    @classmethod
    def for_data(
        cls, patterns: int, turning: bool, centered: bool, epochs: int | None = None
    ) -> Self:
        """The usual 100 epochs, or, for centred patterns, as many as take 3000 steps.

        Parameters
        ----------
        patterns : int
            Number of patterns.
        turning, centered
            As of the class.
        epochs : int, optional
            Overrides what is usual.
        """
        steps_per_epoch = -(-patterns // BATCH)
        usual = max(10, round(CENTERED_STEPS / steps_per_epoch)) if centered else 100
        return cls(turning, centered, usual if epochs is None else epochs)

    @property
    def learning_rate(self) -> float:
        """Of Adam."""
        return 1e-3 if self.centered else 1e-4


@dataclass(frozen=True)
class PaperMoment:
    """Where the training stands after a few steps.

    Parameters
    ----------
    epoch, epochs : int
        Passes done, and all that will be done.
    fraction : float
        Share of the training done.
    reconstruction, kl : float
        Parts of the negative evidence lower bound per pattern [nats], mean over about the last
        epoch.
    """

    epoch: int
    epochs: int
    fraction: float
    reconstruction: float
    kl: float


class PaperTraining:
    """One run of training: its data, its network and where it stands.

    Parameters
    ----------
    prepared : Tensor, shape [n, pixels]
        Counts in the used pixels, on the device to train on.
    coordinates : (ndarray, ndarray)
        ``(y, x)`` of the used pixels about the optic axis, in any unit.
    latent_dim : int
        Number of latent variables besides the angle.
    seed : int
        Of weights, batches and draws.
    settings : PaperSettings
        The rest.
    """

    def __init__(
        self,
        prepared: Tensor,
        coordinates: tuple[NDArray[np.floating], NDArray[np.floating]],
        latent_dim: int,
        seed: int,
        settings: PaperSettings,
    ) -> None:
        y, x = (torch.from_numpy(np.asarray(c, dtype=np.float64)) for c in coordinates)
        where = (torch.stack([x, y], dim=1) / torch.hypot(x, y).max()).float()
        network = PaperNetwork.create(where, latent_dim, settings.turning, seed)
        self.network = network.to(prepared.device)
        self.prepared = prepared
        self.scaling = (Scaling.centered if settings.centered else Scaling.min_max)(prepared)
        self.settings = settings
        self.seed = seed
        self.last: PaperMoment | None = None
        self._adam = self._new_adam()
        self._draws = torch.Generator(prepared.device).manual_seed(seed)
        self._steps_done = 0
        self._mean = torch.zeros(2).to(prepared)
        self._keep()

    def moments(self) -> Generator[PaperMoment]:
        """Train: a moment after some steps and at the end.

        It may be closed at any time; called again, it goes on where it stopped.

        Raises
        ------
        DivergenceError
            If the loss or a weight is no longer finite. The weights are then those of the last
            moment, and so is the number of steps done; Adam starts afresh.
        """
        per_epoch = -(-len(self.prepared) // BATCH)
        steps = per_epoch * self.settings.epochs
        due = time.perf_counter() + SECONDS_BETWEEN_MOMENTS
        while self._steps_done < steps:
            epoch, first = divmod(self._steps_done, per_epoch)
            for rows in self._batches(epoch)[first:]:
                parts = self._step(rows)
                self._steps_done += 1
                self._mean.lerp_(parts, max(1 / self._steps_done, 1 / per_epoch))
                if time.perf_counter() > due or self._steps_done == steps:
                    self.last = self._good_moment(per_epoch)
                    yield self.last
                    due = time.perf_counter() + SECONDS_BETWEEN_MOMENTS

    def _batches(self, epoch: int) -> tuple[Tensor, ...]:
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.prepared))
        return torch.from_numpy(order).to(self.prepared.device).split(BATCH)

    def _step(self, rows: Tensor) -> Tensor:
        scaled = self.scaling.apply(self.prepared[rows])
        reconstruction, kl = self.network.loss(scaled, self._draws)
        (reconstruction + kl).backward()
        self._adam.step()
        self._adam.zero_grad()
        return torch.stack([reconstruction.detach(), kl.detach()])

    def _good_moment(self, per_epoch: int) -> PaperMoment:
        epoch, epochs = self._steps_done // per_epoch, self.settings.epochs
        fraction = self._steps_done / (epochs * per_epoch)
        moment = PaperMoment(epoch, epochs, fraction, *self._mean.tolist())
        try:
            require_finite(moment, self.last, *self.network.parameters)
        except DivergenceError:
            self._go_back()
            raise
        self._keep()
        return moment

    def _new_adam(self) -> torch.optim.Adam:
        return torch.optim.Adam(
            [tensor.requires_grad_() for tensor in self.network.parameters],
            lr=self.settings.learning_rate,
            fused=self.prepared.device.type != "mps",
        )

    def _keep(self) -> None:
        self._good = [tensor.detach().clone() for tensor in self.network.parameters]
        self._good_state = self._steps_done, self._mean.clone()

    @torch.no_grad()
    def _go_back(self) -> None:
        for tensor, good in zip(self.network.parameters, self._good, strict=True):
            tensor.copy_(good)
        self._steps_done, mean = self._good_state
        self._mean = mean.clone()
        self._adam = self._new_adam()

    def result(self) -> PaperTrained:
        """The model as it stands; training may go on."""
        rows = torch.linspace(0, len(self.prepared) - 1, min(MEASURED, len(self.prepared))).long()
        chosen = self.prepared[rows.to(self.prepared.device)]
        return PaperTrained.measure(self.network.to(self.prepared.device), self.scaling, chosen)
