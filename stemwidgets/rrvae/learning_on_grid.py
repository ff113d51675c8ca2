"""Expectation and maximisation over a grid of latent variables and angles.

The noise falls from the variance of the data to the shot noise (deterministic annealing: Rose,
Proc. IEEE 86, 2210 (1998), doi:10.1109/5.726788), so that what is strongest is learned first: the
exact posterior of each pattern, then the most probable manifold.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemwidgets.rrvae.grid import Grid, TurnedPoints
from stemwidgets.rrvae.manifold import Manifold, scattered_points
from stemwidgets.rrvae.moment import CHUNK, Moment, Patterns

POINTS = 128
FEWEST_POINTS = 48
FRAMES = 48
BATCH = 512
TRIAL_UPDATES = 30
TRIAL_COMPONENTS = 24
TRIAL_SAMPLE = 1024
UPDATES = 20
PASSES = 3
COOLING = 0.75
REACH = 2.0  # how far z may be from its point, over the distance between points
LEAST_SHARE = 0.1  # patterns at a point of the grid where none was found


@torch.no_grad()
def learn_on_grid(
    starts: Sequence[Manifold], patterns: Patterns, noise_floor: float, seed: int
) -> Iterator[Moment]:
    """Learn a manifold from nothing.

    Each start is tried for some updates on the strongest components; the one with the highest
    evidence goes on with all of them.

    Parameters
    ----------
    starts : sequence of Manifold
        Random ones.
    patterns : Patterns
        What is learned from.
    noise_floor : float
        Variance of shot noise at the mean dose; a better fit than that is not sought.
    seed : int
        Of the batches.

    Yields
    ------
    Moment
        After every batch, with the best start so far.
    """
    batches = math.ceil(len(patterns) / BATCH)
    updates = max(UPDATES, PASSES * batches)
    total = len(starts) * TRIAL_UPDATES + updates
    strongest = patterns.components(TRIAL_COMPONENTS)
    best, lowest, done = None, math.inf, 0
    for start in starts:
        trial = _Learner(start.components(TRIAL_COMPONENTS), strongest, noise_floor, seed)
        for _ in range(TRIAL_UPDATES):
            trial.update()
            done += 1
            moment = (best or trial).moment(start)
            yield replace(
                moment, epoch=done // batches, epochs=total // batches, fraction=done / total
            )
        loss = trial.loss_of(strongest.rows(slice(TRIAL_SAMPLE)))
        if loss < lowest:
            best, lowest = trial, loss
    assert best is not None
    learner = _Learner(best.manifold.widened(starts[0]), patterns, noise_floor, seed, best)
    for _ in range(updates):
        learner.update()
        done += 1
        moment = learner.moment(starts[0])
        yield replace(moment, epoch=done // batches, epochs=total // batches, fraction=done / total)


class _Learner:
    """One start, and what has been learned from it."""

    def __init__(
        self,
        manifold: Manifold,
        patterns: Patterns,
        noise_floor: float,
        seed: int,
        before: "_Learner | None" = None,
    ) -> None:
        self.manifold, self.patterns, self.noise_floor = manifold, patterns, noise_floor
        self.grid: Grid = before.grid if before else _new_grid(manifold)
        self.noise: float = (
            before.noise if before else max(noise_floor, COOLING * float(manifold.signal.max()))
        )
        self._features = manifold.features(self.grid.latent)
        self._batches = math.ceil(len(patterns) / BATCH)
        self._energy = float(patterns.energy()) / len(patterns)
        self._generator = torch.Generator(manifold.weights.device).manual_seed(seed)
        self._shuffled: list[Tensor] = []
        self._known: _Expected | None = None
        self._updates = 0
        self._reconstruction = self._loss = 0.0

    def update(self) -> None:
        """Take one more batch into account."""
        n, batches = len(self.patterns), self._batches
        self._shuffled = self._shuffled or list(
            torch.randperm(n, generator=self._generator, device=self._features.device).chunk(
                batches
            )
        )
        batch = self.patterns.rows(self._shuffled.pop())
        new = _expectation(self.manifold, self.grid, batch, self.noise)
        self._tell(new, batch)
        self._updates += 1
        share = max(1 / batches, min(0.5, 10 / self._updates))
        known = new if self._known is None else self._known.mixed(new, share)
        sums = _by_class(
            self.grid, self._features, n * known.weight, n * known.sums, self.manifold.classes
        )
        self.manifold = self.manifold.fitted(*sums, self.noise)
        misfit = known.misfit(self._energy, self.manifold.decode(self.grid.latent, self.grid.kind))
        self.grid = self.grid.with_counts(n * known.share + LEAST_SHARE)
        expected = misfit / self.manifold.degrees_of_freedom
        self.noise = max(self.noise_floor, expected, COOLING * self.noise)
        self._known = known

    def loss_of(self, patterns: Patterns) -> float:
        """Negative log-evidence per pattern [nats] of some patterns."""
        found = _expectation(self.manifold, self.grid, patterns, self.noise)
        return self._constant() - found.log_evidence

    def moment(self, start: Manifold) -> Moment:
        """Where it stands, with as many components as the start has."""
        return Moment(
            self.manifold.widened(start),
            self.grid,
            self.noise,
            torch.zeros_like(start.signal),
            0,
            0,
            0.0,
            self._reconstruction,
            self._loss - self._reconstruction,
        )

    def _tell(self, new: "_Expected", batch: Patterns) -> None:
        decoded = self.manifold.decode(self.grid.latent, self.grid.kind)
        seen = new.misfit(float(batch.energy()) / len(batch), decoded)
        self._reconstruction = self._constant() + seen / (2 * self.noise)
        self._loss = self._constant() - new.log_evidence

    def _constant(self) -> float:
        return 0.5 * self.manifold.degrees_of_freedom * math.log(self.noise / self.noise_floor)


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
