"""One run of training: its data, its manifold and where it stands."""

import time
from collections.abc import Generator
from dataclasses import replace

import torch

from stemwidgets.rrvae.convention import Convention
from stemwidgets.rrvae.gather import Gathered
from stemwidgets.rrvae.manifold import Manifold
from stemwidgets.rrvae.mapbuilder import MapBuilder
from stemwidgets.rrvae.records import Encoding
from stemwidgets.rrvae.trained import Trained
from stemwidgets.rrvae.training import Moment, Patterns, best_cells, train

FRAMES = 96
SAMPLE = 256
SECONDS_BETWEEN_ENCODINGS = 0.5


class Training:
    """One run of training: its data and its last moment."""

    def __init__(
        self,
        gathered: Gathered,
        latent_dim: int,
        classes: int,
        seed: int,
        device: torch.device,
    ) -> None:
        basis = gathered.basis
        order = torch.from_numpy(basis.order.astype("float32"))
        signal = torch.from_numpy(basis.signal)
        self.gathered = gathered
        self.start = Manifold.create(order, signal, latent_dim, classes, seed).to(device)
        self.patterns = Patterns(
            torch.from_numpy(gathered.coefficients), torch.from_numpy(gathered.relative_dose)
        ).to(device)
        self.seed = seed
        self.last: Moment | None = None
        self.began = 0.0
        self._next_encoding = 0.0

    def moments(self) -> Generator[Moment]:
        """Train, one update for each moment."""
        self.began = time.perf_counter()
        for moment in train(self.start, self.patterns, self.gathered.basis.noise, self.seed):
            self.last = moment
            yield moment

    def remaining(self, moment: Moment) -> float:
        """Seconds to go, if the rest trains as fast as what is done."""
        return (time.perf_counter() - self.began) * (1 / moment.fraction - 1)

    def encoding_now_and_then(self, moment: Moment) -> Encoding | None:
        """The maps as they stand, twice a second at most and at the end."""
        now = time.perf_counter()
        if now < self._next_encoding and moment.fraction < 1:
            return None
        encoding = self._encoding(moment)
        cost = time.perf_counter() - now
        self._next_encoding = now + max(SECONDS_BETWEEN_ENCODINGS, 10 * cost)
        return encoding

    def _encoding(self, moment: Moment) -> Encoding:
        trained = self.result()
        turning = self.patterns.without(moment.fixed)
        columns = trained.read(turning, torch.from_numpy(self.gathered.left_out))
        filled = self.gathered.filled
        builder = MapBuilder(filled.shape)
        builder.put((slice(None),) * filled.ndim, filled.ravel(), columns)
        return builder.encoding(trained.convention.symmetry)

    @torch.no_grad()
    def result(self) -> Trained:
        """The model as it stands."""
        moment = self.last
        assert moment is not None
        basis = self.gathered.basis.with_fixed(moment.fixed.cpu().numpy())
        count = len(self.patterns)
        chosen = torch.linspace(0, count - 1, min(SAMPLE, count)).long()
        patterns = self.patterns.rows(chosen.to(self.patterns.dose.device))
        sample = best_cells(moment, patterns)
        preparation = self.gathered.preparation
        convention = Convention.choose(
            moment.manifold,
            basis,
            preparation.coordinates,
            sample.latent,
            sample.kind,
            moment.noise,
        )
        return Trained(
            preparation,
            basis,
            moment.manifold,
            replace(moment.grid, frames=FRAMES),
            convention,
            moment.noise,
            float((patterns.dose * sample.misfit).mean()) + float(self.gathered.left_out.mean()),
        )
