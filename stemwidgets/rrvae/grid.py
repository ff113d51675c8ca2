"""The exact posterior over a grid of latent variables and angles."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemwidgets.rrvae.manifold import Manifold
from stemwidgets.rrvae.posterior import Start

NEGLIGIBLE = -60.0  # log-probability; below, floating-point numbers become slow


@dataclass(frozen=True, eq=False)
class Grid:
    """Points of the manifold, turned to evenly spaced angles.

    Parameters
    ----------
    latent : Tensor, shape [points, d]
        Latent variables.
    kind : Tensor of int, shape [points]
        Class.
    spread : Tensor, shape [points, d, d]
        Covariance of the latent variables of the patterns about each point.
    log_share : Tensor, shape [points]
        Logarithm of the share of the patterns that lie at each point: the prior.
    frames : int
        Number of angles.
    """

    latent: Tensor
    kind: Tensor
    spread: Tensor
    log_share: Tensor
    frames: int

    def with_counts(self, counts: Tensor) -> "Grid":
        """The same grid, with that many patterns at its points."""
        return replace(self, log_share=torch.log(counts / counts.sum()))

    def start(self, cells: Tensor) -> Start:
        """Where a search from these cells begins; cells ``[n]`` count points within frames."""
        frame, point = cells // len(self.kind), cells % len(self.kind)
        latent = self.latent[point]
        return Start(
            self.angles[frame], latent, self.kind[point], latent, self.spread[point].inverse()
        )

    def nearest(self, latent: Tensor, kind: Tensor) -> Tensor:
        """Index ``[n]`` of the point of the same class next to each z."""
        distance = torch.cdist(latent, self.latent)
        return distance.masked_fill(kind[:, None] != self.kind, math.inf).argmin(dim=1)

    @property
    def angles(self) -> Tensor:
        """The angles [rad], shape [frames]."""
        return torch.arange(self.frames, device=self.latent.device) * (2 * math.pi / self.frames)


@dataclass(frozen=True, eq=False)
class Responsibilities:
    """Posterior of some patterns over the cells of a grid.

    Parameters
    ----------
    cells : Tensor, shape [frames, n, points]
        Probabilities; each pattern's add up to one.
    log_evidence : Tensor, shape [n]
        Logarithm of the probability density of each pattern, less a constant of the noise.
    """

    cells: Tensor
    log_evidence: Tensor

    @property
    def best(self) -> Tensor:
        """Most probable cell of each pattern ``[n]``, counting points within frames."""
        return self.cells.transpose(0, 1).flatten(1).argmax(dim=1)


class TurnedPoints:
    """The decoded points of a grid, ready to be compared with patterns at all angles.

    Only the angle-free products of patterns and points are computed pattern by pattern; turning
    them costs one matrix product for all angles.
    """

    def __init__(self, manifold: Manifold, grid: Grid) -> None:
        self.grid = grid
        self.decoded = manifold.decode(grid.latent, grid.kind)
        self.power = self.decoded.square().sum(-1)
        components = len(manifold.order)
        self._orders: list[tuple[Tensor, Tensor, Tensor]] = []
        present = manifold.order.unique()
        for order in present:
            real = torch.nonzero(manifold.order == order)[:, 0]
            columns = torch.cat([real, real + components])
            swapped = torch.cat([-self.decoded[:, real + components], self.decoded[:, real]], dim=1)
            self._orders.append((columns, self.decoded[:, columns].T, swapped.T))
        phase = present[:, None] * grid.angles
        self._cos, self._sin = phase.cos(), phase.sin()

    def posterior(self, coefficients: Tensor, noise: Tensor) -> Responsibilities:
        """Of patterns ``[n, 2 * components]``, with coefficients of noise variance ``[n]``."""
        n, points = len(coefficients), len(self.power)
        products = coefficients.new_empty(2 * len(self._orders), n, points)
        for i, (columns, straight, swapped) in enumerate(self._orders):
            of_order = coefficients[:, columns]
            torch.mm(of_order, straight, out=products[2 * i])
            torch.mm(of_order, swapped, out=products[2 * i + 1])
        products /= noise[:, None]
        waves = torch.stack([self._cos, -self._sin], dim=1).flatten(0, 1)
        cells = (waves.T @ products.flatten(1)).view(self.grid.frames, n, points)
        cells += self.grid.log_share - math.log(self.grid.frames)
        cells -= self.power / (2 * noise[:, None])
        top = cells.amax(dim=(0, 2), keepdim=True)
        cells = cells.sub_(top).clamp_(min=NEGLIGIBLE).exp_()
        total = cells.sum(dim=(0, 2), keepdim=True)
        cells /= total
        log_evidence = (top + total.log())[0, :, 0]
        return Responsibilities(cells, log_evidence - coefficients.square().sum(-1) / (2 * noise))

    def turned_back_sums(self, coefficients: Tensor, found: Responsibilities) -> Tensor:
        """Sums ``[points, 2 * components]`` of the patterns at each point, turned back."""
        waves = torch.stack([self._cos, self._sin], dim=1).flatten(0, 1)
        moments = (waves @ found.cells.flatten(1)).view(-1, *found.cells.shape[1:])
        sums = torch.zeros_like(self.decoded)
        for i, (columns, _, _) in enumerate(self._orders):
            real, imag = coefficients[:, columns].chunk(2, dim=1)
            cos, sin = moments[2 * i].T, moments[2 * i + 1].T
            sums[:, columns] = torch.cat([cos @ real - sin @ imag, cos @ imag + sin @ real], dim=1)
        return sums
