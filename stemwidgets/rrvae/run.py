"""One run of training: its data, its network and where it stands."""

import time
from collections.abc import Generator

import numpy as np
import torch
from torch import Tensor

from stemwidgets.rrvae.convention import Convention
from stemwidgets.rrvae.gather import Gathered
from stemwidgets.rrvae.mapbuilder import MapBuilder
from stemwidgets.rrvae.network import Network
from stemwidgets.rrvae.posterior import refine
from stemwidgets.rrvae.records import Encoding
from stemwidgets.rrvae.trained import Trained
from stemwidgets.rrvae.training import Moment, Schedule, train

CODEBOOK = 256
ENCODING_BATCH = 4096
SECONDS_BETWEEN_ENCODINGS = 0.5


class Training:
    """One run of training: its data, its network and its last moment."""

    def __init__(
        self, gathered: Gathered, latent_dim: int, seed: int, device: torch.device
    ) -> None:
        basis = gathered.basis
        order = torch.from_numpy(basis.order.astype(np.float32))
        variance = torch.from_numpy(basis.variance)
        network = Network.create(order, variance, basis.noise, latent_dim, seed)
        self.gathered = gathered
        self.network = network.to(device)
        self.coefficients = torch.from_numpy(gathered.coefficients).to(device)
        clarity = float(basis.variance.max()) / basis.noise
        self.schedule = Schedule.for_data(len(self.coefficients), clarity)
        self.seed = seed
        self.last: Moment | None = None
        self.began = 0.0
        self._next_encoding = 0.0

    def moments(self) -> Generator[Moment]:
        """Train, one epoch for each moment."""
        self.began = time.perf_counter()
        for moment in train(
            self.network, self.coefficients, self.gathered.basis.noise, self.schedule, self.seed
        ):
            self.last = moment
            yield moment

    def remaining(self, moment: Moment) -> float:
        """Seconds to go, if the rest trains as fast as what is done."""
        return (time.perf_counter() - self.began) * (1 / moment.fraction - 1)

    def encoding_now_and_then(self, moment: Moment) -> Encoding | None:
        """The maps as they stand, twice a second at most and at the end."""
        now = time.perf_counter()
        if now < self._next_encoding and moment.epoch < self.schedule.epochs:
            return None
        encoding = self._encoding(moment)
        cost = time.perf_counter() - now
        self._next_encoding = now + max(SECONDS_BETWEEN_ENCODINGS, 10 * cost)
        return encoding

    @torch.no_grad()
    def _encoding(self, moment: Moment) -> Encoding:
        trained = self.result()
        latent = self._latent(moment)
        coefficients = self._turning(moment)
        left_out = torch.from_numpy(self.gathered.left_out)
        summaries = []
        for rows in torch.arange(len(latent)).split(ENCODING_BATCH):
            found = refine(
                self.network,
                coefficients[rows],
                moment.noise,
                moment.angle[rows],
                latent[rows],
                steps=0,
            )
            summaries.append(trained.summarise(found, left_out[rows]))
        filled = self.gathered.filled
        builder = MapBuilder(filled.shape)
        columns = {
            name: np.concatenate([summary[name] for summary in summaries]) for name in summaries[0]
        }
        builder.put((slice(None),) * filled.ndim, filled.ravel(), columns)
        return builder.encoding(trained.convention.symmetry)

    @torch.no_grad()
    def result(self) -> Trained:
        """The model as it stands."""
        moment = self.last
        assert moment is not None
        latent = self._latent(moment)
        basis, coefficients = self.gathered.basis, self._turning(moment)
        if moment.fixed is not None:
            basis = basis.with_fixed(moment.fixed.cpu().numpy())
        chosen = torch.linspace(0, len(latent) - 1, min(CODEBOOK, len(latent))).long()
        chosen = chosen.to(latent.device)
        codebook = latent[chosen]
        turned_back = self.network.turn(coefficients[chosen], -moment.angle[chosen])
        misfit = (turned_back - self.network.decode(codebook)).square().sum(-1).mean()
        preparation = self.gathered.preparation
        convention = Convention.choose(
            self.network, basis, preparation.coordinates, codebook, moment.noise
        )
        typical_misfit = float(misfit) + float(self.gathered.left_out.mean())
        return Trained(
            preparation, basis, self.network, convention, codebook, moment.noise, typical_misfit
        )

    def _turning(self, moment: Moment) -> Tensor:
        """The coefficients less the part that does not turn."""
        return self.coefficients if moment.fixed is None else self.coefficients - moment.fixed

    @torch.no_grad()
    def _latent(self, moment: Moment) -> Tensor:
        if moment.latent is not None:
            return moment.latent
        return self.network.encode(self.network.turn(self.coefficients, -moment.angle))[0]
