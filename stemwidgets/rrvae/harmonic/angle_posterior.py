"""Angle, its certainty and the symmetry of a pattern, from its posterior."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from stemwidgets.rrvae.harmonic.angle_convention import HIGHEST_SYMMETRY
from stemwidgets.rrvae.harmonic.grid import LatentGrid
from stemwidgets.rrvae.harmonic.manifold import Manifold
from stemwidgets.rrvae.harmonic.posterior import Rows

CONCENTRATED = math.radians(10.0)  # a posterior as narrow as that has one peak
# of the probability: the share within a standard deviation of a normal distribution
INTERVAL = 0.683
SMOOTHING = math.radians(3.0)  # of the posterior, before its highest peak is taken
LEAST_INFORMATION = 0.01  # nats that an angle must be worth to be defined
LEAST_SHARE = 0.01  # of what an angle is worth in patterns as strong as usual,
ENOUGH_INFORMATION = 1.0  # unless it is worth that much
COST_OF_AN_ORDER = 3.0  # nats that an order must be worth to be there


@dataclass(frozen=True, eq=False)
class Direction(Rows):
    """Posterior of the angle alone.

    Parameters
    ----------
    angle : Tensor, shape [n]
        Mean where the posterior has one narrow peak, else its highest peak [rad].
    std : Tensor, shape [n]
        Standard deviation, or half the width of the 68 % interval about the peak [rad].
    resultant : Tensor, shape [n]
        Length of the mean direction, 0 to 1.
    """

    angle: Tensor
    std: Tensor
    resultant: Tensor


def direction(cells: Tensor, grid: LatentGrid, offset: Tensor, fold: int) -> Direction:
    """Add up the posterior over the latent variables.

    Parameters
    ----------
    cells : Tensor, shape [frames, n, points]
        Probabilities of the cells.
    grid : LatentGrid
        Grid of the cells.
    offset : Tensor, shape [points]
        Angle of each unturned point [rad].
    fold : int
        The angle is defined modulo 2π / fold.
    """
    real, imag = _waves(cells, grid, offset, torch.tensor([fold], device=offset.device))
    resultant = torch.hypot(real, imag)[:, 0].clamp(1e-6, 1 - 1e-7)
    angle = torch.atan2(imag, real)[:, 0] / fold
    std = (-2 * resultant.log()).sqrt() / fold
    broad = std >= CONCENTRATED
    if broad.any():
        angle[broad], std[broad] = _highest_peak(cells[:, broad], grid, offset, fold)
    return Direction(angle, std, resultant)


def _waves(cells: Tensor, grid: LatentGrid, offset: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cosine and sine ``[n, len(count)]`` of so many times the angle."""
    phase = count[:, None] * grid.angles
    turned = torch.cat([phase.cos(), phase.sin()]) @ cells.flatten(1)
    cos, sin = turned.view(2, len(count), *cells.shape[1:])
    cos_offset, sin_offset = (count[:, None] * offset).cos(), (count[:, None] * offset).sin()
    real = torch.einsum("wnk,wk->nw", cos, cos_offset) - torch.einsum("wnk,wk->nw", sin, sin_offset)
    imag = torch.einsum("wnk,wk->nw", sin, cos_offset) + torch.einsum("wnk,wk->nw", cos, sin_offset)
    return real, imag


def _highest_peak(
    cells: Tensor, grid: LatentGrid, offset: Tensor, fold: int
) -> tuple[Tensor, Tensor]:
    """Highest peak of the posterior of each angle ``[n]``, and half its width."""
    count = torch.arange(grid.frames // (2 * fold), device=offset.device) * fold
    real, imag = _waves(cells, grid, offset, count)
    bins = 8 * len(count)
    at = torch.arange(bins, device=offset.device) * (2 * math.pi / bins)
    smooth = torch.exp(-0.5 * (SMOOTHING * count) ** 2)
    each = (count / fold)[:, None] * at
    density = (real * smooth) @ each.cos() + (imag * smooth) @ each.sin() - 0.5
    density = density.clamp(min=0)
    peak = density.argmax(dim=1)
    half = _half_width(density, peak) * (2 * math.pi / bins)
    return at[peak] / fold, half / fold


def _half_width(density: Tensor, peak: Tensor) -> Tensor:
    """Half the width, in bins, of the interval about the peak that holds 68 %."""
    bins = density.shape[1]
    reach = torch.arange(bins // 2, device=density.device)
    right = density.gather(1, (peak[:, None] + reach) % bins)
    left = density.gather(1, (peak[:, None] - reach) % bins)
    both = right + left
    both[:, 0] *= 0.5
    inside = both.cumsum(dim=1) / both.sum(dim=1, keepdim=True).clamp(min=1e-30)
    return (inside < INTERVAL).sum(dim=1).to(density) + 0.5


def symmetry(manifold: Manifold, decoded: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Order of the rotational symmetry of decoded patterns, and its probability, ``[n]`` each.

    An order m is worth half its squared amplitude over the noise, in nats of the pattern's
    log-likelihood; it is there if that is more than `COST_OF_AN_ORDER`. The symmetry is the
    greatest common divisor of the orders that are there: 1 is none, 0 is full rotational symmetry.
    Its probability is that among those tried. `decoded` are patterns without noise, and `noise` is
    the variance of a coefficient of each.
    """
    real, imag = decoded.chunk(2, dim=-1)
    power = (real.square() + imag.square()) / (2 * noise[:, None])
    present = [int(m) for m in manifold.order.unique() if m > 0]
    if not present:
        nothing = torch.zeros_like(power[:, 0])
        return nothing.to(torch.uint8), nothing + 1
    worth = torch.stack([power[:, manifold.order == m].sum(-1) for m in present], dim=-1)
    # an n-fold pattern has orders of which n is the greatest common divisor
    tried = {
        math.gcd(*(m for m in present if m % n == 0))
        for n in range(1, HIGHEST_SYMMETRY + 1)
        if any(m % n == 0 for m in present)
    }
    order = torch.tensor(sorted(tried or {math.gcd(*present)}), device=decoded.device)
    orders = torch.tensor(present, device=decoded.device)
    forbidden = (orders % order[:, None] > 0).to(worth)
    absent = torch.nn.functional.logsigmoid(COST_OF_AN_ORDER - worth)
    probability = (absent @ forbidden.T).exp() - absent.sum(-1, keepdim=True).exp()
    for i in range(len(order) - 2, -1, -1):
        higher = order[i + 1 :] % order[i] == 0
        probability[:, i] -= probability[:, i + 1 :][:, higher].sum(dim=1)
    chosen, best = probability.max(dim=-1)
    usual = manifold.signal.chunk(2)[0][manifold.order > 0].sum() / noise
    least = (LEAST_SHARE * usual).clamp(LEAST_INFORMATION, ENOUGH_INFORMATION)
    round_pattern = worth.sum(-1) < least
    return (
        torch.where(round_pattern, 0, order[best]).to(torch.uint8),
        torch.where(round_pattern, torch.exp(-worth.sum(-1)), chosen),
    )
