"""What passes between the stages of a training: patterns, and where it stands."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemwidgets.rrvae.grid import Grid, TurnedPoints
from stemwidgets.rrvae.manifold import Manifold, first_columns
from stemwidgets.rrvae.posterior import Posterior, refine

CHUNK = 128


@dataclass(frozen=True, eq=False)
class Patterns:
    """What is learned from.

    Parameters
    ----------
    coefficients : Tensor, shape [n, 2 * components]
        Each pattern scaled to the mean dose.
    dose : Tensor, shape [n]
        Counts of each over those of the mean: its noise is that much weaker.
    """

    coefficients: Tensor
    dose: Tensor

    def __len__(self) -> int:
        return len(self.dose)

    def rows(self, rows: Tensor | slice) -> "Patterns":
        """Some of them."""
        return Patterns(self.coefficients[rows], self.dose[rows])

    def to(self, device: torch.device) -> "Patterns":
        """The same on another device."""
        return Patterns(self.coefficients.to(device), self.dose.to(device))

    def components(self, count: int) -> "Patterns":
        """The same with the first components only."""
        columns = first_columns(count, self.coefficients.shape[1] // 2)
        return replace(self, coefficients=self.coefficients[:, columns])

    def batches(self, size: int) -> Iterator["Patterns"]:
        """All of them, some at a time."""
        for first in range(0, len(self), size):
            yield self.rows(slice(first, first + size))

    def without(self, fixed: Tensor) -> "Patterns":
        """The same less a part that does not turn."""
        return replace(self, coefficients=self.coefficients - fixed)

    def energy(self) -> Tensor:
        """Sum of squares, each pattern weighed by its dose."""
        return (self.dose * self.coefficients.square().sum(-1)).sum()


@dataclass(frozen=True, eq=False)
class Moment:
    """Where the training stands after an update.

    Parameters
    ----------
    manifold : Manifold
        The decoder as it is.
    grid : Grid
        Points of it and how many patterns lie there.
    noise : float
        Variance of a coefficient about the manifold, at the mean dose.
    fixed : Tensor, shape [2 * components]
        Part of all patterns that does not turn, found on the way.
    epoch, epochs : int
        Passes over the data done, and the most that will be done.
    fraction : float
        Share of the training done.
    reconstruction, kl : float
        Parts of the negative log-evidence per pattern [nats].
    """

    manifold: Manifold
    grid: Grid
    noise: float
    fixed: Tensor
    epoch: int
    epochs: int
    fraction: float
    reconstruction: float
    kl: float


@torch.no_grad()
def best_cells(moment: Moment, patterns: Patterns, steps: int = 2) -> Posterior:
    """The posterior of each pattern around its best cell of the grid."""
    grid = moment.grid
    turned = TurnedPoints(moment.manifold, grid)
    turning, noise = patterns.without(moment.fixed), moment.noise / patterns.dose
    cells = torch.cat(
        [
            turned.posterior(batch.coefficients, moment.noise / batch.dose).best
            for batch in turning.batches(CHUNK)
        ]
    )
    start = grid.start(cells)
    return refine(moment.manifold, turning.coefficients, noise, start, steps)
