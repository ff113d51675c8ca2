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
from stemwidgets.rrvae.manifold import Manifold, prior_points
from stemwidgets.rrvae.posterior import Posterior, refine

POINTS = 128
FRAMES = 48
BATCH = 512
CHUNK = 128
UPDATES = 60
PASSES = 3
COOLING = 0.75
LEAST_SHARE = 0.1  # patterns at a point of the grid where none was found
NARROW = math.radians(1.5)  # with a posterior as narrow as that the grid is too coarse
LOCAL_ROUNDS = 12
SHARE_ON_GRID = 0.6  # of the time, if rounds follow
LOCAL_BATCH = 4096
DRAWS = 2
MEMORY = 0.5


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
        Variance of a coefficient about the manifold.
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
    manifold: Manifold, coefficients: Tensor, noise_floor: float, seed: int
) -> Iterator[Moment]:
    """Learn a manifold.

    Parameters
    ----------
    manifold : Manifold
        The start.
    coefficients : Tensor, shape [n, 2 * components]
        Patterns, on the manifold's device.
    noise_floor : float
        Variance of shot noise; a better fit than that is not sought.
    seed : int
        Of the batches and draws.

    Yields
    ------
    Moment
        After every update.
    """
    generator = torch.Generator(coefficients.device).manual_seed(seed + 1)
    for moment in _learn_on_grid(manifold, coefficients, noise_floor, generator):
        if moment.fraction < 1:
            yield replace(
                moment,
                epochs=moment.epochs + LOCAL_ROUNDS,
                fraction=SHARE_ON_GRID * moment.fraction,
            )
    found = best_cells(moment, coefficients[:BATCH])
    if float(found.covariance[:, -1, -1].median().sqrt()) > NARROW:
        yield moment
    else:
        yield from _learn_locally(moment, coefficients, noise_floor, generator)


@torch.no_grad()
def best_cells(moment: Moment, coefficients: Tensor, steps: int = 2) -> Posterior:
    """The posterior of each pattern around its best cell of the grid."""
    turned = TurnedPoints(moment.manifold, moment.grid)
    angles, points = [], []
    for batch in (coefficients - moment.fixed).split(CHUNK):
        cells = turned.posterior(batch, moment.noise).cells
        best = cells.transpose(0, 1).flatten(1).argmax(dim=1)
        angles.append(moment.grid.angles[best // len(moment.grid.latent)])
        points.append(moment.grid.latent[best % len(moment.grid.latent)])
    angle, point = torch.cat(angles), torch.cat(points)
    turning = coefficients - moment.fixed
    chart = moment.grid.spacing
    return refine(moment.manifold, turning, moment.noise, angle, point, point, chart, steps)


@torch.no_grad()
def _learn_on_grid(
    manifold: Manifold, coefficients: Tensor, noise_floor: float, generator: torch.Generator
) -> Iterator[Moment]:
    n, device = len(coefficients), coefficients.device
    points = prior_points(POINTS, manifold.latent_dim).to(device)
    features = manifold.features(points)
    grid = Grid(points, torch.full((POINTS,), -math.log(POINTS), device=device), FRAMES)
    fixed = torch.zeros_like(manifold.signal)
    batches = math.ceil(n / BATCH)
    updates = max(UPDATES, PASSES * batches)
    energy = coefficients.square().sum(1).mean()
    noise = max(noise_floor, COOLING * float(manifold.signal.max()))
    share = sums = torch.zeros(0)
    shuffled: list[Tensor] = []
    for update in range(updates):
        shuffled = shuffled or list(
            torch.randperm(n, generator=generator, device=device).chunk(batches)
        )
        batch = coefficients[shuffled.pop()]
        new_share, new_sums, evidence = _expectation(manifold, grid, batch, noise)
        seen = _misfit(
            features @ manifold.weights, batch.square().sum(1).mean(), new_share, new_sums
        )
        weight = max(1 / batches, min(0.5, 10 / (update + 1))) if update else 1.0
        if update:
            new_share = (1 - weight) * share + weight * new_share
            new_sums = (1 - weight) * sums + weight * new_sums
        share, sums = new_share, new_sums
        manifold = manifold.fitted(
            n * (features.T * share) @ features, n * features.T @ sums, noise
        )
        misfit = _misfit(features @ manifold.weights, energy, share, sums)
        counts = n * share + LEAST_SHARE
        grid = replace(grid, log_share=torch.log(counts / counts.sum()))
        dof = manifold.degrees_of_freedom
        constant = 0.5 * dof * math.log(noise / noise_floor)
        reconstruction, loss = constant + seen / (2 * noise), constant - evidence
        noise = max(noise_floor, misfit / dof, COOLING * noise)
        yield Moment(
            manifold,
            grid,
            noise,
            fixed,
            math.ceil((update + 1) / batches),
            math.ceil(updates / batches),
            (update + 1) / updates,
            reconstruction,
            loss - reconstruction,
        )


def _misfit(decoded: Tensor, energy: Tensor, share: Tensor, sums: Tensor) -> float:
    """Mean sum of squares between patterns and the points where they are expected to lie."""
    return float(energy + (share[:, None] * decoded.square() - 2 * sums * decoded).sum())


def _expectation(
    manifold: Manifold, grid: Grid, coefficients: Tensor, noise: float
) -> tuple[Tensor, Tensor, float]:
    """Means over a batch: share of each point, patterns turned back at each, log-evidence."""
    turned = TurnedPoints(manifold, grid)
    share, sums, evidence = torch.zeros_like(grid.log_share), torch.zeros_like(turned.decoded), 0.0
    for chunk in coefficients.split(CHUNK):
        found = turned.posterior(chunk, noise)
        more_share, more_sums = turned.turned_back_sums(chunk, found)
        share, sums = share + more_share, sums + more_sums
        evidence += float(found.log_evidence.sum())
    n = len(coefficients)
    return share / n, sums / n, evidence / n


@torch.no_grad()
def _learn_locally(
    start: Moment, coefficients: Tensor, noise_floor: float, generator: torch.Generator
) -> Iterator[Moment]:
    manifold, grid, noise, fixed = start.manifold, start.grid, start.noise, start.fixed
    n, dof = len(coefficients), manifold.degrees_of_freedom
    found = best_cells(start, coefficients, steps=2)
    angle, latent = found.angle, found.latent
    normal = target = torch.zeros(0)
    for done in range(LOCAL_ROUNDS):
        nearest = torch.cdist(latent, grid.latent).argmin(dim=1)
        parts = [
            refine(manifold, part - fixed, noise, a, z, grid.latent[k], grid.spacing, 2)
            for part, a, z, k in zip(
                *(t.split(LOCAL_BATCH) for t in (coefficients, angle, latent, nearest)), strict=True
            )
        ]
        angle, latent = (
            torch.cat([getattr(p, name) for p in parts]) for name in ("angle", "latent")
        )
        fixed = fixed + _mean_rest(manifold, coefficients - fixed, angle, latent)
        sums = [
            _drawn_sums(manifold, part - fixed, p, generator)
            for part, p in zip(coefficients.split(LOCAL_BATCH), parts, strict=True)
        ]
        new_normal, new_target = (torch.stack(column).sum(0) for column in zip(*sums, strict=True))
        normal = new_normal if not done else MEMORY * normal + (1 - MEMORY) * new_normal
        target = new_target if not done else MEMORY * target + (1 - MEMORY) * new_target
        manifold = manifold.fitted(normal, target, noise)
        energy = (coefficients - fixed).square().sum()
        weights = manifold.weights
        misfit = float(energy + ((new_normal @ weights - 2 * new_target) * weights).sum()) / n
        counts = torch.bincount(nearest, minlength=len(grid.latent)) + LEAST_SHARE
        grid = replace(grid, log_share=torch.log(counts / counts.sum()))
        covariance = torch.cat([p.covariance for p in parts])
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
            float(_local_divergence(covariance, grid.log_share[nearest])),
        )


def _drawn_sums(
    manifold: Manifold, coefficients: Tensor, found: Posterior, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """What `Manifold.fitted` needs, over opposite draws from the posterior of each pattern."""
    spread, _ = torch.linalg.cholesky_ex(found.covariance)
    normal = target = torch.zeros((), device=coefficients.device)
    for _ in range(DRAWS):
        unit = torch.randn(found.covariance.shape[:2], generator=generator, device=spread.device)
        step = torch.nan_to_num(spread @ unit[..., None])[..., 0]
        for draw in (step, -step):
            features = manifold.features(found.latent + draw[:, :-1])
            turned_back = manifold.turn(coefficients, -(found.angle + draw[:, -1]))
            normal = normal + features.T @ features
            target = target + features.T @ turned_back
    return normal / (2 * DRAWS), target / (2 * DRAWS)


def _mean_rest(manifold: Manifold, coefficients: Tensor, angle: Tensor, latent: Tensor) -> Tensor:
    """Mean over the patterns, unturned, of what the reconstruction leaves."""
    return (coefficients - manifold.turn(manifold.decode(latent), angle)).mean(dim=0)


def _local_divergence(covariance: Tensor, log_share: Tensor) -> Tensor:
    """Kullback-Leibler divergence [nats] of narrow posteriors from the prior, on average."""
    d = covariance.shape[1] - 1
    spread = torch.logdet(covariance) + d * math.log(2 * math.pi * math.e)
    return (math.log(2 * math.pi) - 0.5 * spread - log_share).nanmean()
