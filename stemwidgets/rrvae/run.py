"""One run of training: its data, its manifold and where it stands."""

from collections.abc import Generator
from dataclasses import replace

import torch

from stemwidgets.rrvae.convention import Convention
from stemwidgets.rrvae.divergence import require_finite
from stemwidgets.rrvae.gather import Gathered
from stemwidgets.rrvae.learning_on_grid import begin
from stemwidgets.rrvae.manifold import Manifold
from stemwidgets.rrvae.mapbuilder import MapBuilder
from stemwidgets.rrvae.moment import Moment, Patterns, best_cells
from stemwidgets.rrvae.records import Encoding
from stemwidgets.rrvae.trained import Trained
from stemwidgets.rrvae.training import train

FRAMES = 96
SAMPLE = 256


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

    def moments(self) -> Generator[Moment]:
        """Train, one update for each moment."""
        noise_floor = self.gathered.basis.noise
        start = self.last or begin(self.start, noise_floor)
        for moment in train(start, self.patterns, noise_floor, self.seed):
            require_finite(moment, self.last, moment.manifold.weights)
            self.last = moment
            yield moment

    def encoding(self) -> Encoding:
        """The maps as they stand."""
        moment = self.last
        assert moment is not None
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
        left_out = float((self.gathered.relative_dose * self.gathered.left_out).mean())
        return Trained(
            preparation,
            basis,
            moment.manifold,
            replace(moment.grid, frames=FRAMES),
            convention,
            moment.noise,
            float((patterns.dose * sample.misfit).mean()) + left_out,
        )
