"""Learning the manifold, as a generator of moments.

First by expectation and maximisation over a grid of latent variables and angles, with noise that
falls from the variance of the data to the shot noise (deterministic annealing: Rose, Proc. IEEE
86, 2210 (1998), doi:10.1109/5.726788): the exact posterior of each pattern, then the most probable
manifold. Where the grid is too coarse for the counts, it goes on with a posterior around the best
cell of each pattern.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemwidgets.rrvae.grid import Grid, TurnedPoints
from stemwidgets.rrvae.manifold import Manifold, scattered_points
from stemwidgets.rrvae.posterior import Posterior, Start, refine

POINTS = 128
FEWEST_POINTS = 48
FRAMES = 48
BATCH = 512
CHUNK = 128
UPDATES = 60
PASSES = 3
COOLING = 0.75
LEAST_SHARE = 0.1  # patterns at a point of the grid where none was found
NARROW = math.radians(1.5)  # with a posterior as narrow as that the grid is too coarse
LOCAL_ROUNDS = 8
LOCAL_STEPS = 1
LOCAL_BATCH = 4096
SHARE_ON_GRID = 0.6  # of the time, if rounds follow
DRAWS = 2
MEMORY = 0.5


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


def train(
    manifold: Manifold, patterns: Patterns, noise_floor: float, seed: int
) -> Iterator[Moment]:
    """Learn a manifold.

    Parameters
    ----------
    manifold : Manifold
        The start.
    patterns : Patterns
        On the manifold's device.
    noise_floor : float
        Variance of shot noise; a better fit than that is not sought.
    seed : int
        Of the batches and draws.

    Yields
    ------
    Moment
        After every update.
    """
    generator = torch.Generator(patterns.dose.device).manual_seed(seed + 1)
    for moment in _learn_on_grid(manifold, patterns, noise_floor, generator):
        if moment.fraction < 1:
            yield replace(
                moment,
                epochs=moment.epochs + LOCAL_ROUNDS,
                fraction=SHARE_ON_GRID * moment.fraction,
            )
    found = best_cells(moment, patterns.rows(slice(BATCH)))
    if float(found.covariance[:, -1, -1].median().sqrt()) > NARROW:
        yield moment
    else:
        yield from _learn_locally(moment, patterns, noise_floor, generator)


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
    return refine(moment.manifold, turning.coefficients, noise, start, grid.reach, steps)


@torch.no_grad()
def _learn_on_grid(
    manifold: Manifold, patterns: Patterns, noise_floor: float, generator: torch.Generator
) -> Iterator[Moment]:
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
    latent = scattered_points(points, manifold.latent_dim).repeat(classes, 1).to(device)
    kind = torch.arange(classes, device=device).repeat_interleave(points)
    return Grid(latent, kind, torch.zeros_like(latent[:, 0]), FRAMES).with_counts(
        torch.ones_like(latent[:, 0])
    )


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


@torch.no_grad()
def _learn_locally(
    start: Moment, patterns: Patterns, noise_floor: float, generator: torch.Generator
) -> Iterator[Moment]:
    manifold, grid, noise, fixed = start.manifold, start.grid, start.noise, start.fixed
    n, dof = len(patterns), manifold.degrees_of_freedom
    found = best_cells(start, patterns)
    angle, latent, kind = found.angle, found.latent, found.kind
    normal = target = torch.zeros(0)
    for done in range(LOCAL_ROUNDS):
        turning = patterns.without(fixed)
        nearest = grid.nearest(latent, kind)
        starts = Start(angle, latent, kind, grid.latent[nearest])
        found = _refined(manifold, turning, noise, starts, grid.reach)
        angle, latent = found.angle, found.latent
        fixed = fixed + _mean_rest(manifold, turning, found)
        turning = patterns.without(fixed)
        new_normal, new_target = _drawn_sums(manifold, turning, found, generator)
        normal = torch.lerp(new_normal, normal, MEMORY) if done else new_normal
        target = torch.lerp(new_target, target, MEMORY) if done else new_target
        manifold = manifold.fitted(normal, target, noise)
        weights = manifold.weights
        apart = ((new_normal @ weights - 2 * new_target) * weights).sum()
        misfit = float(turning.energy() + apart) / n
        counts = torch.bincount(nearest, minlength=len(grid.kind))
        grid = grid.with_counts(counts + LEAST_SHARE)
        reconstruction = misfit / (2 * noise) + 0.5 * dof * math.log(noise / noise_floor)
        noise = max(noise_floor, misfit / dof)
        yield Moment(
            manifold,
            grid,
            noise,
            fixed,
            start.epoch + done + 1,
            start.epoch + LOCAL_ROUNDS,
            SHARE_ON_GRID + (1 - SHARE_ON_GRID) * (done + 1) / LOCAL_ROUNDS,
            reconstruction,
            _divergence(found, grid.log_share[nearest]),
        )


def _refined(
    manifold: Manifold, patterns: Patterns, noise: float, start: Start, reach: float
) -> Posterior:
    parts = []
    for first in range(0, len(patterns), LOCAL_BATCH):
        rows = slice(first, first + LOCAL_BATCH)
        part = patterns.rows(rows)
        parts.append(
            refine(
                manifold, part.coefficients, noise / part.dose, start.rows(rows), reach, LOCAL_STEPS
            )
        )
    return Posterior.joined(parts)


def _drawn_sums(
    manifold: Manifold, patterns: Patterns, found: Posterior, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """What `Manifold.fitted` needs, over opposite draws from the posterior of each pattern."""
    spread, _ = torch.linalg.cholesky_ex(found.covariance)
    weight = [patterns.dose * (found.kind == k) for k in range(manifold.classes)]
    normal = target = torch.zeros((), device=spread.device)
    for _ in range(DRAWS):
        unit = torch.randn(spread.shape[:2], generator=generator, device=spread.device)
        step = torch.nan_to_num(spread @ unit[..., None])[..., 0]
        for draw in (step, -step):
            features = manifold.features(found.latent + draw[:, :-1])
            turned_back = manifold.turn(patterns.coefficients, -(found.angle + draw[:, -1]))
            weighted = torch.stack([features.T * w for w in weight])
            normal = normal + weighted @ features
            target = target + weighted @ turned_back
    return normal / (2 * DRAWS), target / (2 * DRAWS)


def _mean_rest(manifold: Manifold, patterns: Patterns, found: Posterior) -> Tensor:
    """Mean over the patterns, unturned, of what the reconstruction leaves."""
    expected = manifold.turn(manifold.decode(found.latent, found.kind), found.angle)
    rest = patterns.coefficients - expected
    return (patterns.dose @ rest) / patterns.dose.sum()


def _divergence(found: Posterior, log_share: Tensor) -> float:
    """Kullback-Leibler divergence [nats] of narrow posteriors from the prior, on average."""
    d = found.latent.shape[1]
    spread = torch.logdet(found.covariance) + d * math.log(2 * math.pi * math.e)
    return float((math.log(2 * math.pi) - 0.5 * spread - log_share).nanmean())
