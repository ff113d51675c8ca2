"""The posterior of one pattern around its best cell: Newton's method on (z, θ) together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stemwidgets.rrvae.basis import HarmonicBasis
from stemwidgets.rrvae.manifold import Manifold

DARKEST = 0.2  # least expected counts of a pixel, as a share of the mean
LONGEST_MOVE = 0.1  # rad, of one step on the counts
FARTHEST_MOVE = 0.5  # of z, likewise
ANY_ANGLE = 1e-6  # inverse variance of θ before the pattern is seen


@dataclass(frozen=True, eq=False)
class Start:
    """Where the search for the mode begins.

    Parameters
    ----------
    angle : Tensor, shape [n]
        θ.
    latent : Tensor, shape [n, d]
        z.
    kind : Tensor of int, shape [n]
        Class, which stays.
    anchor : Tensor, shape [n, d]
        Point of the grid near which z is expected.
    precision : Tensor, shape [n, d, d]
        Inverse covariance of z about it.
    """

    angle: Tensor
    latent: Tensor
    kind: Tensor
    anchor: Tensor
    precision: Tensor

    def rows(self, rows: slice) -> "Start":
        """Some of them."""
        names = ("angle", "latent", "kind", "anchor", "precision")
        return Start(*(getattr(self, name)[rows] for name in names))

    def pull(self, latent: Tensor) -> Tensor:
        """Slope of the log-prior at other latent variables, ``[n, d]``."""
        return (self.precision @ (self.anchor - latent)[..., None])[..., 0]

    def information(self) -> Tensor:
        """Inverse covariance ``[n, d + 1, d + 1]`` of (z, θ) before the pattern is seen."""
        padded = torch.nn.functional.pad(self.precision, (0, 1, 0, 1))
        padded[:, -1, -1] = ANY_ANGLE
        return padded


@dataclass(frozen=True, eq=False)
class Posterior:
    """Mode and width of the posterior of each pattern.

    Parameters
    ----------
    angle : Tensor, shape [n]
        Turn θ of the decoded pattern, in the manifold's own frame.
    latent : Tensor, shape [n, d]
        z.
    kind : Tensor of int, shape [n]
        Class.
    misfit : Tensor, shape [n]
        Sum of squares between the pattern and its reconstruction.
    covariance : Tensor, shape [n, d + 1, d + 1]
        Of (z, θ), by Laplace's approximation.
    """

    angle: Tensor
    latent: Tensor
    kind: Tensor
    misfit: Tensor
    covariance: Tensor

    @classmethod
    def joined(cls, parts: Sequence["Posterior"]) -> "Posterior":
        """Of all patterns, from those of some at a time."""
        return cls(*(torch.cat([getattr(part, n) for part in parts]) for n in _POSTERIOR))

    def batches(self, size: int) -> Iterator["Posterior"]:
        """That of some patterns at a time."""
        for first in range(0, len(self.angle), size):
            rows = slice(first, first + size)
            yield Posterior(*(getattr(self, name)[rows] for name in _POSTERIOR))


_POSTERIOR = ("angle", "latent", "kind", "misfit", "covariance")


def refine(
    manifold: Manifold,
    coefficients: Tensor,
    noise: Tensor,
    start: Start,
    steps: int,
) -> Posterior:
    """Levenberg-Marquardt steps on (z, θ) from a start; a step that does not help is not taken.

    Parameters
    ----------
    manifold : Manifold
        The decoder.
    coefficients : Tensor, shape [n, 2 * components]
        Patterns.
    noise : Tensor, shape [n]
        Variance of the coefficients of each about the manifold.
    start : Start
        Where to begin, and where z is expected.
    steps : int
        How many.
    """
    angle, latent, kind, prior = start.angle, start.latent, start.kind, start.information()

    def misfit_and_cost(z: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        difference = manifold.turn(coefficients, -theta) - manifold.decode(z, kind)
        misfit = difference.square().sum(-1)
        far = (start.pull(z) * (start.anchor - z)).sum(-1)
        return misfit, (misfit / noise + far) / 2

    damping = torch.full_like(angle, 1e-2)
    misfit, cost = misfit_and_cost(latent, angle)
    for step in range(steps + 1):
        decoded, by_latent = manifold.decode_with_slopes(latent, kind)
        slopes = torch.cat([by_latent, manifold.turning_rate(decoded)[:, None]], dim=1)
        information = slopes @ slopes.mT / noise[:, None, None] + prior
        if step == steps:
            break
        difference = manifold.turn(coefficients, -angle) - decoded
        gradient = (slopes @ difference[..., None])[..., 0] / noise[:, None]
        gradient[:, :-1] += start.pull(latent)
        diagonal = torch.diag_embed(information.diagonal(dim1=-2, dim2=-1) * damping[:, None])
        move = torch.linalg.solve(information + diagonal, gradient)
        new_latent, new_angle = latent + move[:, :-1], angle + move[:, -1]
        new_misfit, new_cost = misfit_and_cost(new_latent, new_angle)
        better = new_cost < cost
        latent = torch.where(better[:, None], new_latent, latent)
        angle = torch.where(better, new_angle, angle)
        misfit, cost = torch.where(better, new_misfit, misfit), torch.where(better, new_cost, cost)
        damping = torch.where(better, damping * 0.2, damping * 8.0)
    return Posterior(angle, latent, kind, misfit, torch.linalg.inv(information))


class CountLikelihood:
    """Steps towards the mode under the Poisson noise of the pixels themselves.

    The coefficients are compared as if their noise were that of the rotational mean of all
    patterns. In the pattern itself it is weaker where the pattern is dark.

    Parameters
    ----------
    basis : HarmonicBasis
        Of the patterns.
    device : torch.device
        Where the patterns are compared.
    """

    def __init__(self, basis: HarmonicBasis, device: torch.device) -> None:
        self._pixels = torch.from_numpy((basis.functions / basis.weight[:, None]).T).to(device)
        self._background = torch.from_numpy(basis.background).to(device)
        self._dose = basis.dose

    def step(
        self,
        manifold: Manifold,
        prepared: Tensor,
        noise: float,
        found: Posterior,
        start: Start,
    ) -> Posterior:
        """One step of Fisher scoring (McCullagh & Nelder, Generalized Linear Models, 1989, 2.5).

        Parameters
        ----------
        manifold : Manifold
            The decoder.
        prepared : Tensor, shape [n, pixels]
            Counts.
        noise : float
            Variance of a coefficient, 1 for electrons that were counted one by one.
        found : Posterior
            Where to step from.
        start : Start
            Where z is expected.
        """
        dose = prepared.sum(dim=1, keepdim=True) / self._dose
        decoded, by_latent = manifold.decode_with_slopes(found.latent, found.kind)
        turned = manifold.turn(decoded, found.angle)
        rates = torch.cat(
            [
                manifold.turn(by_latent, found.angle[:, None]),
                manifold.turning_rate(turned)[:, None],
            ],
            dim=1,
        )
        expected = (self._background + turned @ self._pixels) * dose
        darkest = DARKEST * self._background.mean() * dose
        slopes = (rates @ self._pixels) * dose[..., None]
        weighted = slopes / (noise * torch.maximum(expected, darkest))[:, None]
        information = weighted @ slopes.mT + start.information()
        gradient = (weighted @ (prepared - expected)[..., None])[..., 0]
        gradient[:, :-1] += start.pull(found.latent)
        move = torch.linalg.solve(information, gradient)
        return Posterior(
            found.angle + move[:, -1].clamp(-LONGEST_MOVE, LONGEST_MOVE),
            found.latent + move[:, :-1].clamp(-FARTHEST_MOVE, FARTHEST_MOVE),
            found.kind,
            found.misfit,
            torch.linalg.inv(information),
        )
