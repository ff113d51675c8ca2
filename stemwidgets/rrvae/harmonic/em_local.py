"""Learning with a narrow posterior around the best cell of each pattern."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.harmonic.em_on_grid import LEAST_COUNT, new_grid, spacing
from stemwidgets.rrvae.harmonic.grid import LatentGrid
from stemwidgets.rrvae.harmonic.manifold import Manifold
from stemwidgets.rrvae.harmonic.posterior import Posterior, Start, refine
from stemwidgets.rrvae.harmonic.state import BATCH, Patterns, TrainingState, best_cells, generator
from stemwidgets.rrvae.harmonic.unfolding import principal_latent, turn_alike

FEWEST_ROUNDS = 8  # before the fit may end, so that an uneven start does not end it
NARROWEST = -200.0  # nats: log-determinant of a posterior that is a point
ROUNDS = 40  # at most, to bound the time of a fit that creeps
SLOW = 0.98  # what is left of the noise after a round that led no further
STEPS = 1  # of Newton per round: the next round starts where this one ends
DRAWS = 2  # from each posterior, in opposite pairs: more of them cost time and gain little
MEMORY = 0.5  # share of the sums of earlier rounds, which averages the draws over about two
THIN = 1e-4  # least variance about a point, over the square of the distance between points


@torch.no_grad()
def begin(state: TrainingState, patterns: Patterns) -> TrainingState:
    """Begin where the grid has led, unfolded once more by the patterns themselves."""
    manifold, found = state.manifold, best_cells(state, patterns)
    decoded = manifold.decode(found.latent, found.class_index)
    angle = found.angle - turn_alike(manifold, decoded, patterns.dose, divided=True)
    alike = manifold.turn(patterns.without(state.fixed).coefficients, -angle)
    dose, class_index, noise = patterns.dose, found.class_index, state.noise
    latent = principal_latent(alike, dose, class_index, manifold.latent_dim, noise, divided=True)
    of_sums = noise / state.independent
    manifold = manifold.through(latent, class_index, alike, dose, of_sums, divided=True)
    grid = replace(new_grid(manifold), frames=state.grid.frames)
    counts = _counts(grid, grid.nearest(latent, class_index))
    return replace(
        state,
        manifold=manifold,
        grid=grid.with_counts(counts + LEAST_COUNT),
        carried={"angle": angle, "latent": latent, "class_index": class_index},
    )


def finished(state: TrainingState, noise_floor: float) -> bool:
    """True once the noise has come down to the shot noise, or no longer falls."""
    if state.rounds < FEWEST_ROUNDS:
        return False
    fallen = state.noise / float(state.carried["noise_before"])
    return state.rounds >= ROUNDS or state.noise < noise_floor / SLOW or fallen > SLOW


@torch.no_grad()
def update(
    state: TrainingState, patterns: Patterns, noise_floor: float, seed: int
) -> TrainingState:
    """One round of Monte Carlo expectation and maximisation.

    Parameters
    ----------
    state : TrainingState
        Present state of the training.
    patterns : Patterns
        Patterns to learn from.
    noise_floor : float
        Variance of shot noise at the mean dose; a better fit than that is not sought.
    seed : int
        Seed of the draws.
    """
    manifold, grid, noise, fixed = state.manifold, state.grid, state.noise, state.fixed
    carried, dof = state.carried, state.manifold.degrees_of_freedom
    turning = patterns.without(fixed)
    nearest = grid.nearest(carried["latent"], carried["class_index"])
    start = Start(
        carried["angle"],
        carried["latent"],
        carried["class_index"],
        grid.latent[nearest],
        grid.spread[nearest].inverse(),
    )
    found = _refined(manifold, turning, noise, start)
    fixed = fixed + _mean_rest(manifold, turning, found)
    turning = patterns.without(fixed)
    draws = generator(seed, state.rounds, distributed.number())
    new_normal, new_target = _drawn_sums(manifold, turning, found, draws)
    normal, target = new_normal, new_target
    if state.rounds:
        normal = torch.lerp(normal, carried["normal"], MEMORY)
        target = torch.lerp(target, carried["target"], MEMORY)
    manifold = manifold.fitted(normal, target, noise / state.independent)
    weights = manifold.weights
    apart = ((new_normal @ weights - 2 * new_target) * weights).sum()
    misfit = turning.energy + float(apart) / patterns.share.whole
    counts = _counts(grid, nearest) + LEAST_COUNT
    grid = _along_patterns(grid.with_counts(counts), found, spacing(manifold))
    reconstruction = misfit / (2 * noise) + 0.5 * dof * math.log(noise / noise_floor)
    divergence = _divergence(found, grid.log_share[nearest])
    rounds = state.rounds + 1
    return replace(
        state,
        manifold=manifold,
        grid=grid,
        noise=max(noise_floor, misfit / dof),
        fixed=fixed,
        rounds=rounds,
        passes=state.passes + 1,
        fraction=rounds / ROUNDS,
        losses=(*state.losses, reconstruction + divergence),
        reconstruction=reconstruction,
        carried={
            "angle": found.angle,
            "latent": found.latent,
            "class_index": found.class_index,
            "normal": normal,
            "target": target,
            "noise_before": torch.tensor(noise),
        },
    )


def _counts(grid: LatentGrid, nearest: Tensor) -> Tensor:
    """Number of patterns that are nearest to each point."""
    return distributed.total(torch.bincount(nearest, minlength=len(grid.class_index)))


def _along_patterns(grid: LatentGrid, found: Posterior, width: float) -> LatentGrid:
    """Move and spread each point as the latent variables of the patterns around it do."""
    d = grid.latent.shape[1]
    least_here = LEAST_COUNT / distributed.count()
    weight = torch.full_like(grid.log_share, least_here, dtype=torch.float64)
    first = weight[:, None] * grid.latent
    second = weight[:, None] * _outer(grid.latent)
    for part in found.batches(BATCH):
        apart = torch.cdist(grid.latent, part.latent).square() / width**2
        near = (torch.exp(-0.5 * apart) * (grid.class_index[:, None] == part.class_index)).double()
        covariance = part.covariance[:, :-1, :-1].flatten(1)
        weight += near.sum(dim=1)
        first += near @ part.latent.double()
        second += near @ (_outer(part.latent) + covariance)
    weight, first, second = (distributed.total(each) for each in (weight, first, second))
    latent = first / weight[:, None]
    spread = (second / weight[:, None] - _outer(latent)).unflatten(1, (d, d))
    least = (THIN + LEAST_COUNT / weight) * width**2
    spread = spread + torch.diag_embed(least[:, None].expand_as(latent))
    return replace(grid, latent=latent.float(), spread=spread.float())


def _outer(vectors: Tensor) -> Tensor:
    """Products ``[n, d * d]`` of all pairs of entries, in double precision."""
    exact = vectors.double()
    return (exact[:, :, None] * exact[:, None]).flatten(1)


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
    """Sums for `Manifold.fitted`, over opposite draws from the posterior of each pattern."""
    device = patterns.dose.device
    normal = target = torch.zeros((), device=device)
    for part, posterior in zip(patterns.batches(BATCH), found.batches(BATCH), strict=True):
        spread, _ = torch.linalg.cholesky_ex(posterior.covariance)
        weight = [part.dose * (posterior.class_index == k) for k in range(manifold.classes)]
        for _ in range(DRAWS):
            unit = torch.randn(spread.shape[:2], generator=generator).to(device)
            step = torch.nan_to_num(spread @ unit[..., None])[..., 0]
            for draw in (step, -step):
                features = manifold.features(posterior.latent + draw[:, :-1])
                angle = posterior.angle + draw[:, -1]
                turned_back = manifold.turn(part.coefficients, -angle)
                weighted = torch.stack([features.T * w for w in weight])
                normal = normal + weighted @ features
                target = target + weighted @ turned_back
    return distributed.total(normal) / (2 * DRAWS), distributed.total(target) / (2 * DRAWS)


def _mean_rest(manifold: Manifold, patterns: Patterns, found: Posterior) -> Tensor:
    """Mean over the patterns, unturned, of the residual of the reconstruction."""
    total = torch.zeros_like(manifold.signal)
    for part, posterior in zip(patterns.batches(BATCH), found.batches(BATCH), strict=True):
        decoded = manifold.decode(posterior.latent, posterior.class_index)
        total += part.dose @ (part.coefficients - manifold.turn(decoded, posterior.angle))
    return distributed.total(total) / distributed.total(patterns.dose.sum())


def _divergence(found: Posterior, log_share: Tensor) -> float:
    """Kullback-Leibler divergence [nats] of narrow posteriors from the prior, on average."""
    d = found.latent.shape[1]
    # in double precision, and of any sign: without noise a posterior is as narrow as rounding
    spread = torch.linalg.slogdet(found.covariance.double()).logabsdet
    spread = spread.clamp(min=NARROWEST) + d * math.log(2 * math.pi * math.e)
    each = math.log(2 * math.pi) - 0.5 * spread - log_share
    return float(distributed.total(each.nansum()) / distributed.total((~each.isnan()).sum()))
