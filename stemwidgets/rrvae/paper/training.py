"""Training of the paper's network, or of a plain variational autoencoder, as a generator."""

import time
from collections.abc import Generator
from dataclasses import asdict, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.adam import adam

from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.memory import Batch
from stemwidgets.rrvae.common.notices import DivergenceError, require_finite
from stemwidgets.rrvae.paper.cuda_graph import Replay
from stemwidgets.rrvae.paper.model import PaperTrained, Scaling
from stemwidgets.rrvae.paper.network import PaperNetwork
from stemwidgets.rrvae.paper.settings import (
    BATCH,
    FEWEST_LOSSES,
    PaperSettings,
    PaperStep,
    TrainingPosition,
    on_plateau,
)

STEPS_PER_LOSS = 50  # batches, over which a loss is averaged: single ones are noisy
SECONDS_PER_STEP = 0.03  # as often as a screen can follow
DECAY_OF_MEAN, DECAY_OF_SQUARE = 0.9, 0.999  # per step of Adam, as in Kingma and Ba
LEAST_SPREAD = 1e-8  # of the root mean square gradient, as in Kingma and Ba
MEASURED = 128  # patterns that determine the meaning of the angle and the typical misfit


class PaperTraining:
    """One run of training: its data, its network and its state.

    `prepared` are the counts ``[n, pixels]``, on the device to train on; the seed is that of
    batches and draws. Several processes divide each batch: each takes the patterns that it has, and
    the gradients are added up.
    """

    def __init__(
        self,
        prepared: Tensor,
        network: PaperNetwork,
        scaling: Scaling,
        seed: int,
        settings: PaperSettings,
    ) -> None:
        weights = torch.cat([tensor.detach().flatten() for tensor in network.parameters])
        self.weights = weights.to(prepared.device)
        # of Adam: moments of the gradient, and the number of steps that they contain
        self._mean, self._square = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        self._adam_steps = self.weights.new_zeros(())
        self.network = network.to(prepared.device).over(self.weights)
        self.prepared, self.scaling = prepared, scaling
        self.seed, self.settings = seed, settings
        self.last: PaperStep | None = None
        self.share = distributed.Share.of(len(prepared))
        self._per_epoch = -(-self.share.whole // BATCH)
        self._draws = torch.Generator(prepared.device).manual_seed(seed)
        self._position = TrainingPosition(0, settings.epochs * self._per_epoch)
        # reconstruction and KL: mean over about an epoch, sum since the last of the losses
        self._means = torch.zeros(2, 2, device=prepared.device)
        self._batch = Batch(BATCH)
        self._replay = Replay(possible=distributed.count() == 1)
        self._keep()

    @classmethod
    def create(
        cls,
        prepared: Tensor,
        coordinates: tuple[NDArray[np.floating], NDArray[np.floating]],
        latent_dim: int,
        seed: int,
        settings: PaperSettings,
    ) -> Self:
        """Begin with random weights.

        Parameters
        ----------
        prepared, seed, settings
            As of the class.
        coordinates : (ndarray, ndarray)
            ``(y, x)`` of the used pixels about the optic axis, in any unit.
        latent_dim : int
            Number of latent variables besides the angle.
        """
        y, x = (torch.from_numpy(np.asarray(c, dtype=np.float64)) for c in coordinates)
        where = (torch.stack([x, y], dim=1) / torch.hypot(x, y).max()).float()
        network = PaperNetwork.create(where, latent_dim, settings.turning, seed)
        scaling = (Scaling.centered if settings.centered else Scaling.min_max)(prepared)
        return cls(prepared, network, scaling, seed, settings)

    @property
    def finished(self) -> bool:
        """True when all that was planned is done."""
        return self._position.steps >= self._position.planned

    def extend(self) -> None:
        """Plan as many epochs again."""
        position = self._position
        position.planned = position.steps + self.settings.epochs * self._per_epoch
        position.began = len(position.losses)
        if self.last is not None:
            self.last = self._present_step()

    def steps(self) -> Generator[PaperStep]:
        """Train: a step after some batches and at the end; only the last one if it has ended.

        It may be closed at any time; called again, it goes on where it stopped. If the loss or a
        weight is no longer finite, it raises a DivergenceError: the weights are then those of the
        last step, and so is the number of batches done; Adam starts afresh.
        """
        if self.finished and self.last is not None:
            yield self.last
        due = time.perf_counter() + SECONDS_PER_STEP
        while not self.finished:
            epoch, first = divmod(self._position.steps, self._per_epoch)
            for rows in self._batches(epoch)[first:]:
                self._count(self._step(rows))
                if distributed.agreed(time.perf_counter() > due or self.finished):
                    self.last = self._good_step()
                    yield self.last
                    due = time.perf_counter() + SECONDS_PER_STEP
                if self.finished:
                    break

    def _batches(self, epoch: int) -> tuple[Tensor, ...]:
        """The patterns of each batch, all batches of one size if possible."""
        order = np.random.default_rng((self.seed, epoch)).permutation(self.share.whole)
        return torch.from_numpy(order).to(self.prepared.device).tensor_split(self._per_epoch)

    def _step(self, rows: Tensor) -> Tensor:
        normal = torch.empty(len(rows), self.network.encoded_dim, device=rows.device)
        normal.normal_(generator=self._draws)
        own, normal = self.share.own(rows), self.share.own_of(normal, rows)
        return self._replay(self._learn, len(rows), own, normal)

    def _learn(self, batch: int, own: Tensor, normal: Tensor) -> Tensor:
        """Change the weights, and return the loss of a batch, of which these patterns are here."""

        def part(some: slice) -> tuple[Tensor, Tensor]:
            scaled = self.scaling.apply(self.prepared[own[some]])
            loss = torch.stack(self.network.loss(scaled, normal[some])) / batch
            slopes = torch.autograd.grad(loss.sum(), self.network.parameters)
            return loss.detach(), torch.cat([slope.flatten() for slope in slopes])

        parts = self._batch.run(part, len(own))
        loss, gradient = (
            distributed.total(sum(each[1:], each[0])) for each in zip(*parts, strict=True)
        )
        self._descend(gradient)
        return loss

    @torch.no_grad()
    def _descend(self, gradient: Tensor) -> None:
        """One step of Adam (Kingma and Ba, arXiv:1412.6980), without waiting for the device."""
        adam(
            [self.weights],
            [gradient],
            [self._mean],
            [self._square],
            [],
            [self._adam_steps],
            fused=self.weights.device.type != "mps",
            amsgrad=False,
            beta1=DECAY_OF_MEAN,
            beta2=DECAY_OF_SQUARE,
            lr=self.settings.learning_rate,
            weight_decay=0.0,
            eps=LEAST_SPREAD,
            maximize=False,
        )

    def _count(self, parts: Tensor) -> None:
        position = self._position
        position.steps += 1
        self._means[0].lerp_(parts, max(1 / position.steps, 1 / self._per_epoch))
        self._means[1].add_(parts)
        if position.steps % STEPS_PER_LOSS == 0:
            position.losses.append(float(self._means[1].sum()) / STEPS_PER_LOSS)
            self._means[1].zero_()
            fresh = len(position.losses) - position.began < FEWEST_LOSSES
            if self.settings.to_plateau and not fresh and on_plateau(position.losses):
                position.planned = position.steps

    def _good_step(self) -> PaperStep:
        step = self._present_step()
        try:
            require_finite(step, self.last, self.weights)
        except DivergenceError:
            self._go_back()
            raise
        self._keep()
        return step

    def _present_step(self) -> PaperStep:
        steps, planned = self._position.steps, self._position.planned
        epoch = steps // self._per_epoch if steps < planned else -(-steps // self._per_epoch)
        epochs = -(-planned // self._per_epoch)
        passes = steps / self._per_epoch
        return PaperStep(epoch, epochs, passes, steps / planned, *self._means[0].tolist())

    def _keep(self) -> None:
        position = replace(self._position, losses=list(self._position.losses))
        self._good = self.weights.clone(), self._means.clone(), position

    def _go_back(self) -> None:
        weights, means, position = self._good
        self.weights.copy_(weights)
        for tensor in (self._mean, self._square, self._adam_steps):
            tensor.zero_()
        self._means.copy_(means)
        self._position = replace(position, losses=list(position.losses))

    def result(self) -> PaperTrained:
        """The model as it stands; training may go on."""
        count = len(self.prepared)
        rows = torch.linspace(0, count - 1, min(MEASURED // distributed.count(), count)).long()
        chosen = distributed.joined(self.prepared[rows.to(self.prepared.device)])
        return PaperTrained.measure(self.network.to(self.prepared.device), self.scaling, chosen)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """State to go on from, besides the `result`, as named tensors and plain values."""
        tensors = {
            "mean": self._mean.clone(),
            "square": self._square.clone(),
            "means": self._means.clone(),
            "draws": self._draws.get_state(),
        }
        return tensors, {
            "device": self.prepared.device.type,
            "adam": int(self._adam_steps),
            "batch": self._batch.size,
            "position": asdict(self._position),
        }

    def restore(self, tensors: dict[str, Tensor], record: dict[str, Any], same_data: bool) -> None:
        """Go on from the `state` of a training with this network.

        With other data than the same, the epochs begin anew; on another type of device the draws
        are other ones.
        """
        self._mean.copy_(tensors["mean"])
        self._square.copy_(tensors["square"])
        self._adam_steps.fill_(int(record["adam"]))
        if record["device"] == self.prepared.device.type:
            self._draws.set_state(tensors["draws"])
        else:
            self._draws.manual_seed(self.seed + int(record["adam"]))
        self._batch = Batch(int(record["batch"]))
        if same_data:
            self._means.copy_(tensors["means"])
            self._position = TrainingPosition.from_record(record["position"])
            self.last = self._present_step()
        self._keep()
