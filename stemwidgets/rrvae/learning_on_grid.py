"""Expectation and maximisation over a grid of latent variables and angles.

The noise falls from the variance of the data to the shot noise (deterministic annealing: Rose,
Proc. IEEE 86, 2210 (1998), doi:10.1109/5.726788), so that what is strongest is learned first: the
exact posterior of each pattern, then the most probable manifold.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from stemwidgets.rrvae.grid import Grid, TurnedPoints
from stemwidgets.rrvae.manifold import Manifold, scattered_points
from stemwidgets.rrvae.moment import CHUNK, Moment, Patterns

POINTS = 128
FEWEST_POINTS = 48
FRAMES = 48
BATCH = 512
UPDATES = 60
PASSES = 3
COOLING = 0.75
REACH = 2.0  # how far z may be from its point, over the distance between points
LEAST_SHARE = 0.1  # patterns at a point of the grid where none was found


@torch.no_grad()
def learn_on_grid(
    manifold: Manifold, patterns: Patterns, noise_floor: float, generator: torch.Generator
) -> Iterator[Moment]:
    """Learn a manifold from nothing.

    Parameters
    ----------
    manifold : Manifold
        The start.
    patterns : Patterns
        What is learned from.
    noise_floor : float
        Variance of shot noise at the mean dose; a better fit than that is not sought.
    generator : torch.Generator
        Of the batches.

    Yields
    ------
    Moment
        After every batch.
    """
    n, dof = len(patterns), manifold.degrees_of_freedom
    grid = _new_grid(manifold)
    features = manifold.features(grid.latent)
    batches = math.ceil(n / BATCH)
    updates = max(UPDATES, PASSES * batches)
    energy = float(patterns.energy()) / n
    noise = max(noise_floor, COOLING * float(manifold.signal.max()))
    known: _Expected | None = None
    shuffled: list[Tensor] = []
    for update in range(updates):
        shuffled = shuffled or list(
            torch.randperm(n, generator=generator, device=features.device).chunk(batches)
        )
        batch = patterns.rows(shuffled.pop())
        new = _expectation(manifold, grid, batch, noise)
        seen = new.misfit(
            float(batch.energy()) / len(batch), manifold.decode(grid.latent, grid.kind)
        )
        known = (
            new
            if known is None
            else known.mixed(new, max(1 / batches, min(0.5, 10 / (update + 1))))
        )
        manifold = manifold.fitted(
            *_by_class(grid, features, n * known.weight, n * known.sums, manifold.classes), noise
        )
        misfit = known.misfit(energy, manifold.decode(grid.latent, grid.kind))
        grid = grid.with_counts(n * known.share + LEAST_SHARE)
        constant = 0.5 * dof * math.log(noise / noise_floor)
        reconstruction, loss = constant + seen / (2 * noise), constant - new.log_evidence
        noise = max(noise_floor, misfit / dof, COOLING * noise)
        yield Moment(
            manifold,
            grid,
            noise,
            torch.zeros_like(manifold.signal),
            math.ceil((update + 1) / batches),
            math.ceil(updates / batches),
            (update + 1) / updates,
            reconstruction,
            loss - reconstruction,
        )


def _new_grid(manifold: Manifold) -> Grid:
    classes, device = manifold.classes, manifold.weights.device
    points = max(POINTS // classes, FEWEST_POINTS)
    d = manifold.latent_dim
    latent = scattered_points(points, d).repeat(classes, 1).to(device)
    kind = torch.arange(classes, device=device).repeat_interleave(points)
    between = float(latent.amax() - latent.amin()) / points ** (1 / d)
    spread = (REACH * between) ** 2 * torch.eye(d, device=device).expand(len(kind), d, d)
    nothing = torch.zeros(len(kind), device=device)
    return Grid(latent, kind, spread, nothing, FRAMES).with_counts(nothing + 1)


@dataclass(frozen=True, eq=False)
class _Expected:
    """Means over patterns, expected under their posteriors.

    `share` and `weight` are the patterns at each point, plain and weighed by dose; `sums` the
    patterns turned back, weighed by dose.
    """

    share: Tensor
    weight: Tensor
    sums: Tensor
    log_evidence: float

    def mixed(self, new: "_Expected", share: float) -> "_Expected":
        """A running mean that takes that share of the new."""
        return _Expected(
            torch.lerp(self.share, new.share, share),
            torch.lerp(self.weight, new.weight, share),
            torch.lerp(self.sums, new.sums, share),
            new.log_evidence,
        )

    def misfit(self, energy: float, decoded: Tensor) -> float:
        """Mean sum of squares between patterns and the points where they are expected to lie."""
        apart = self.weight[:, None] * decoded.square() - 2 * self.sums * decoded
        return energy + float(apart.sum())


def _expectation(manifold: Manifold, grid: Grid, patterns: Patterns, noise: float) -> _Expected:
    turned = TurnedPoints(manifold, grid)
    share = weight = torch.zeros_like(grid.log_share)
    sums, evidence = torch.zeros_like(turned.decoded), 0.0
    for chunk in patterns.batches(CHUNK):
        found = turned.posterior(chunk.coefficients, noise / chunk.dose)
        at_point = found.cells.sum(dim=0)
        share = share + at_point.sum(dim=0)
        weight = weight + chunk.dose @ at_point
        sums += turned.turned_back_sums(chunk.coefficients * chunk.dose[:, None], found)
        evidence += float(found.log_evidence.sum())
    n = len(patterns)
    return _Expected(share / n, weight / n, sums / n, evidence / n)


def _by_class(
    grid: Grid, features: Tensor, weight: Tensor, sums: Tensor, classes: int
) -> tuple[Tensor, Tensor]:
    """What `Manifold.fitted` needs, of points with that weight and those sums."""
    of_class = [features * (grid.kind == k)[:, None] for k in range(classes)]
    normal = torch.stack([(f.T * weight) @ f for f in of_class])
    return normal, torch.stack([f.T @ sums for f in of_class])
