"""The exact posterior over a grid of latent variables and angles."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemwidgets.rrvae.harmonic.manifold import Manifold
from stemwidgets.rrvae.harmonic.posterior import Start

NEGLIGIBLE = -60.0  # log-probability; below, floating-point numbers become slow


@dataclass(frozen=True, eq=False)
class LatentGrid:
    """Points of the manifold, turned to evenly spaced angles.

    Parameters
    ----------
    latent : Tensor, shape [points, d]
        Latent variables.
    class_index : Tensor of int, shape [points]
        Class.
    spread : Tensor, shape [points, d, d]
        Covariance of the latent variables of the patterns about each point.
    log_share : Tensor, shape [points]
        Logarithm of the share of the patterns that lie at each point: the prior.
    frames : int
        Number of angles.
    """

    latent: Tensor
    class_index: Tensor
    spread: Tensor
    log_share: Tensor
    frames: int

    def with_counts(self, counts: Tensor) -> "LatentGrid":
        """The same grid, with that many patterns at its points."""
        return replace(self, log_share=torch.log(counts / counts.sum()))

    def start(self, cells: Tensor) -> Start:
        """Start of a search from these cells; cells ``[n]`` count points within frames."""
        frame, point = cells // len(self.class_index), cells % len(self.class_index)
        latent = self.latent[point]
        precision = self.spread[point].inverse()
        return Start(self.angles[frame], latent, self.class_index[point], latent, precision)

    def nearest(self, latent: Tensor, class_index: Tensor) -> Tensor:
        """Index ``[n]`` of the point of the same class next to each z."""
        distance = torch.cdist(latent, self.latent)
        other = class_index[:, None] != self.class_index
        return distance.masked_fill(other, math.inf).argmin(dim=1)

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
        point = self.cells.amax(dim=0).argmax(dim=1)
        of_point = self.cells.gather(2, point.expand(len(self.cells), -1)[..., None])
        return of_point[..., 0].argmax(dim=0) * self.cells.shape[2] + point


class TurnedPoints:
    """The decoded points of a grid, ready to be compared with patterns at all angles.

    Only the angle-free products of patterns and points are computed pattern by pattern; turning
    them costs one matrix product for all angles.
    """

    def __init__(self, manifold: Manifold, grid: LatentGrid) -> None:
        self.grid = grid
        self.decoded = manifold.decode(grid.latent, grid.class_index)
        self.power = self.decoded.square().sum(-1)
        present, count = manifold.order.unique(return_counts=True)
        self._widths = (2 * count).tolist()
        components = len(manifold.order)
        real, imag = torch.arange(2 * components, device=present.device).chunk(2)
        # order by order, in each the real parts before the imaginary ones
        both_parts = manifold.order.repeat(2)
        self._columns = torch.argsort(both_parts, stable=True)
        self._partners = torch.cat([imag, real])[self._columns]
        self._signs = torch.where(self._columns < components, -1.0, 1.0)
        self._back = torch.argsort(self._columns)
        self._points = self.decoded[:, self._columns].T.contiguous().split(self._widths)
        phase = present[:, None] * grid.angles
        self._waves = torch.stack([phase.cos(), phase.sin()], dim=1).flatten(0, 1)
        self._waves_and_one = torch.nn.functional.pad(self._waves, (0, 0, 0, 1), value=1.0).T
        self._share = grid.log_share - math.log(grid.frames)

    def posterior(self, coefficients: Tensor, noise: Tensor) -> Responsibilities:
        """Compute it for patterns ``[n, 2 * components]`` with noise variance ``[n]``."""
        n, points = len(coefficients), len(self.power)
        products = coefficients.new_empty(len(self._waves) + 1, n, points)
        parts = self._quadratures(coefficients / noise[:, None])
        turning = products[:-1].view(len(self._points), 2 * n, points)
        for part, of_order, product in zip(parts, self._points, turning, strict=True):
            torch.mm(part, of_order, out=product)
        torch.addcdiv(self._share, self.power, noise[:, None], value=-0.5, out=products[-1])
        cells = self._waves_and_one @ products.view(len(products), n * points)
        cells = cells.view(self.grid.frames, n, points)
        top = cells.amax(dim=(0, 2), keepdim=True)
        cells = cells.sub_(top).clamp_(min=NEGLIGIBLE).exp_()
        total = cells.sum(dim=(0, 2), keepdim=True)
        cells /= total
        log_evidence = (top + total.log())[0, :, 0]
        return Responsibilities(cells, log_evidence - coefficients.square().sum(-1) / (2 * noise))

    def turned_back_sums(self, coefficients: Tensor, found: Responsibilities) -> Tensor:
        """Sums ``[points, 2 * components]`` of the patterns at each point, turned back."""
        n, points = len(coefficients), len(self.power)
        moments = (self._waves @ found.cells.flatten(1)).view(len(self._points), 2 * n, points)
        parts = self._quadratures(coefficients)
        sums = [moment.T @ part for moment, part in zip(moments, parts, strict=True)]
        return torch.cat(sums, dim=1)[:, self._back]

    def _quadratures(self, coefficients: Tensor) -> tuple[Tensor, ...]:
        """Patterns ``[2 * n, columns]`` of each order, as they are and a quarter wave on."""
        onward = coefficients[:, self._partners] * self._signs
        return torch.cat([coefficients[:, self._columns], onward]).split(self._widths, dim=1)
