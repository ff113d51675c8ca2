"""Learning with a narrow posterior around the best cell of each pattern."""

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from stemwidgets.rrvae.grid import Grid
from stemwidgets.rrvae.learning_on_grid import LEAST_SHARE, REACH
from stemwidgets.rrvae.manifold import Manifold
from stemwidgets.rrvae.moment import Moment, Patterns, best_cells
from stemwidgets.rrvae.posterior import Posterior, Start, refine

ROUNDS = 8
STEPS = 1
BATCH = 4096
DRAWS = 2
MEMORY = 0.5
THIN = 1e-4  # least variance about a point, over the square of the distance between points


@torch.no_grad()
def learn_locally(
    start: Moment, patterns: Patterns, noise_floor: float, generator: torch.Generator
) -> Iterator[Moment]:
    """Go on where the grid is too coarse: Monte Carlo expectation and maximisation.

    Parameters
    ----------
    start : Moment
        Where the grid has led.
    patterns : Patterns
        What is learned from.
    noise_floor : float
        Variance of shot noise at the mean dose; a better fit than that is not sought.
    generator : torch.Generator
        Of the draws.

    Yields
    ------
    Moment
        After every round.
    """
    manifold, grid, noise, fixed = start.manifold, start.grid, start.noise, start.fixed
    n, dof = len(patterns), manifold.degrees_of_freedom
    found = best_cells(start, patterns)
    angle, latent, kind = found.angle, found.latent, found.kind
    normal = target = torch.zeros(0)
    width = float(grid.spread[0, 0, 0].sqrt()) / REACH
    for done in range(ROUNDS):
        turning = patterns.without(fixed)
        nearest = grid.nearest(latent, kind)
        precision = grid.spread[nearest].inverse()
        starts = Start(angle, latent, kind, grid.latent[nearest], precision)
        found = _refined(manifold, turning, noise, starts)
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
        grid = _along_patterns(grid.with_counts(counts + LEAST_SHARE), found, width)
        reconstruction = misfit / (2 * noise) + 0.5 * dof * math.log(noise / noise_floor)
        noise = max(noise_floor, misfit / dof)
        yield Moment(
            manifold,
            grid,
            noise,
            fixed,
            start.epoch + done + 1,
            start.epoch + ROUNDS,
            (done + 1) / ROUNDS,
            reconstruction,
            _divergence(found, grid.log_share[nearest]),
        )


def _along_patterns(grid: Grid, found: Posterior, width: float) -> Grid:
    """Let each point lie, and spread, as the latent variables of the patterns around it do."""
    apart = torch.cdist(grid.latent, found.latent).square() / width**2
    near = torch.exp(-0.5 * apart) * (grid.kind[:, None] == found.kind)
    weight = near.sum(dim=1) + LEAST_SHARE
    latent = (near @ found.latent + LEAST_SHARE * grid.latent) / weight[:, None]
    from_point = found.latent - latent[:, None]
    covariance = found.covariance[:, :-1, :-1]
    square = torch.einsum("kn,kni,knj->kij", near, from_point, from_point)
    square = square + torch.einsum("kn,nij->kij", near, covariance)
    least = (THIN + LEAST_SHARE / weight) * width**2
    spread = square / weight[:, None, None] + torch.diag_embed(least[:, None].expand_as(latent))
    return replace(grid, latent=latent, spread=spread)


def _refined(manifold: Manifold, patterns: Patterns, noise: float, start: Start) -> Posterior:
    parts = []
    for first in range(0, len(patterns), BATCH):
        rows = slice(first, first + BATCH)
        part = patterns.rows(rows)
        parts.append(
            refine(manifold, part.coefficients, noise / part.dose, start.rows(rows), STEPS)
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
