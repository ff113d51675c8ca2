"""Data passed between the steps of a training: patterns, and its state."""

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.device import at_a_time
from stemwidgets.rrvae.common.distributed import Share
from stemwidgets.rrvae.harmonic.grid import LatentGrid, TurnedPoints
from stemwidgets.rrvae.harmonic.manifold import Manifold
from stemwidgets.rrvae.harmonic.posterior import Posterior, Rows, refine

BATCH = 4096  # patterns whose posteriors are refined at once
STEPS = 2  # of Newton from the best cell of the grid


@dataclass(frozen=True, eq=False)
class Patterns(Rows):
    """Patterns that are learned from; each of several processes has its own.

    Parameters
    ----------
    coefficients : Tensor, shape [n, 2 * components]
        Coefficients of each pattern, scaled to the mean dose.
    dose : Tensor, shape [n]
        Counts of each, times what its neighbours gain, over the mean: its noise is that much
        weaker.
    """

    coefficients: Tensor
    dose: Tensor

    def without(self, fixed: Tensor) -> "Patterns":
        """The same less a part that does not turn."""
        return replace(self, coefficients=self.coefficients - fixed)

    @cached_property
    def share(self) -> Share:
        """Share of these patterns of those of all processes."""
        return Share.of(len(self))

    @cached_property
    def energy(self) -> float:
        """Mean sum of squares over all processes, each pattern weighed by its dose."""
        return distributed.mean(self.dose * self.coefficients.square().sum(-1))


@dataclass(frozen=True, eq=False)
class TrainingState:
    """State of the training after a step, with all that the next step needs.

    Parameters
    ----------
    manifold : Manifold
        The decoder as it is.
    grid : LatentGrid
        Points of the manifold and number of patterns at each.
    noise : float
        Variance of a coefficient about the manifold, at the mean dose.
    fixed : Tensor, shape [2 * components]
        Part of all patterns that does not turn, found on the way.
    updates, rounds : int
        Updates done on the grid, and rounds done locally.
    cooled : int
        Updates done when the noise had fallen; 0 before.
    passes, planned : float
        Passes over the data done, and the most that will be done. On the grid a step is a batch, so
        that of a large scan less than one pass may be enough.
    fraction : float
        Share of the training done.
    independent : float
        Share of the patterns that are independent of each other: those that are known from their
        neighbours, too, are not.
    losses : tuple of float
        Negative log-evidence per pattern [nats] after each step.
    reconstruction : float
        Part of the last loss that noise makes.
    carried : dict of Tensor
        Running sums, and results of the last round, by name.
    """

    manifold: Manifold
    grid: LatentGrid
    noise: float
    fixed: Tensor
    updates: int = 0
    rounds: int = 0
    cooled: int = 0
    passes: float = 0.0
    planned: float = 0.0
    fraction: float = 0.0
    independent: float = 1.0
    losses: tuple[float, ...] = ()
    reconstruction: float = 0.0
    carried: dict[str, Tensor] = field(default_factory=dict)

    def divided(self, share: Share) -> "TrainingState":
        """Keep only the values of the patterns of this process."""
        own = {name: share.part(self.carried[name]) for name in _EACH if name in self.carried}
        return replace(self, carried=self.carried | own)

    def whole(self) -> "TrainingState":
        """Gather the values of the patterns of all processes."""
        own = {n: distributed.joined(self.carried[n]) for n in _EACH if n in self.carried}
        return replace(self, carried=self.carried | own)

    @property
    def epoch(self) -> int:
        """Whole passes over the data done; at the end a begun one counts."""
        return math.ceil(self.passes) if self.fraction == 1 else math.floor(self.passes)

    @property
    def epochs(self) -> int:
        """Largest value that `epoch` will reach, at least 1."""
        return max(1, math.ceil(self.planned), self.epoch)

    @property
    def kl(self) -> float:
        """The other part of the last loss."""
        return self.losses[-1] - self.reconstruction

    def to_record(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All but manifold and grid, as named tensors and plain values."""
        tensors = {f"carried.{name}": tensor for name, tensor in self.carried.items()}
        plain = {name: getattr(self, name) for name in _PLAIN}
        return tensors | {"fixed": self.fixed}, plain | {"frames": self.grid.frames}

    @classmethod
    def from_record(
        cls,
        manifold: Manifold,
        grid: LatentGrid,
        tensors: dict[str, Tensor],
        record: dict[str, Any],
        device: torch.device,
    ) -> "TrainingState":
        """Read the result of `to_record`."""
        on_device = {name: tensor.to(device) for name, tensor in tensors.items()}
        fixed = on_device.pop("fixed")
        plain: dict[str, Any] = {
            name: (int if name in _WHOLE else float)(record[name])
            for name in _PLAIN
            if name != "losses" and name in record
        }
        plain["losses"] = tuple(map(float, record["losses"]))
        carried = {name.removeprefix("carried."): t for name, t in on_device.items()}
        if not 1 <= record["frames"] <= MOST_FRAMES:
            raise ValueError(f"{record['frames']} frames")
        grid = replace(grid, frames=int(record["frames"]))
        return cls(manifold, grid, fixed=fixed, carried=carried, **plain)


MOST_FRAMES = 720  # every 0.5°; a damaged file could ask for any
_EACH = ("angle", "latent", "class_index")  # one for each pattern
_WHOLE = ("updates", "rounds", "cooled")
_PLAIN = (
    "noise",
    "updates",
    "rounds",
    "cooled",
    "passes",
    "planned",
    "fraction",
    "independent",
    "losses",
    "reconstruction",
)


def generator(seed: int, step: int, process: int = 0) -> torch.Generator:
    """Random numbers of a step: the same after an interruption, and on every device."""
    state = np.random.SeedSequence((seed, step, process)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))


@torch.no_grad()
def best_cells(state: TrainingState, patterns: Patterns) -> Posterior:
    """The posterior of each pattern around its best cell of the grid."""
    grid = state.grid
    turned = TurnedPoints(state.manifold, grid)
    parts = []
    for part in patterns.without(state.fixed).batches(BATCH):
        cells = [
            turned.posterior(batch.coefficients, state.noise / batch.dose).best
            for batch in part.batches(at_a_time(part.dose.device))
        ]
        start, noise = grid.start(torch.cat(cells)), state.noise / part.dose
        parts.append(refine(state.manifold, part.coefficients, noise, start, STEPS))
    return Posterior.joined(parts)
