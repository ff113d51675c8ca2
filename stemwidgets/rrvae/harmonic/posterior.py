"""The posterior of one pattern around its best cell: Newton's method on (z, θ) together."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from stemwidgets.rrvae.basis.harmonics import HarmonicBasis
from stemwidgets.rrvae.harmonic.manifold import Manifold

DARKEST = 0.2  # least expected counts of a pixel, as a share of the mean
LONGEST_MOVE = 0.1  # rad, of one step on the counts
FARTHEST_MOVE = 0.5  # of z, likewise
SETTLED = 0.03  # standard deviations that a last step moves
ANY_ANGLE = 1e-6  # inverse variance of θ before the pattern is seen


@dataclass(frozen=True, eq=False)
class Rows:
    """Base of dataclasses whose fields are tensors, with one row for each pattern."""

    def __len__(self) -> int:
        return len(next(iter(vars(self).values())))

    def rows(self, rows: slice | Tensor) -> Self:
        """Select some patterns."""
        return self._each(lambda tensor: tensor[rows])

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        return self._each(lambda tensor: tensor.to(device))

    def batches(self, size: int) -> Iterator[Self]:
        """Yield some patterns at a time; an empty batch once if there are none."""
        for first in range(0, max(len(self), 1), size):
            yield self.rows(slice(first, first + size))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Concatenate batches."""
        names = [field.name for field in fields(cls)]
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in names))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        return type(self)(*(change(getattr(self, field.name)) for field in fields(self)))


@dataclass(frozen=True, eq=False)
class Start(Rows):
    """Start of the search for the mode.

    Parameters
    ----------
    angle : Tensor, shape [n]
        Angle θ.
    latent : Tensor, shape [n, d]
        Latent variables z.
    class_index : Tensor of int, shape [n]
        Class, which stays.
    anchor : Tensor, shape [n, d]
        Point of the grid near which z is expected.
    precision : Tensor, shape [n, d, d]
        Inverse covariance of z about it.
    """

    angle: Tensor
    latent: Tensor
    class_index: Tensor
    anchor: Tensor
    precision: Tensor

    def pull(self, latent: Tensor) -> Tensor:
        """Slope of the log-prior at other latent variables, ``[n, d]``."""
        return (self.precision @ (self.anchor - latent)[..., None])[..., 0]

    def information(self) -> Tensor:
        """Inverse covariance ``[n, d + 1, d + 1]`` of (z, θ) before the pattern is seen."""
        padded = torch.nn.functional.pad(self.precision, (0, 1, 0, 1))
        padded[:, -1, -1] = ANY_ANGLE
        return padded


@dataclass(frozen=True, eq=False)
class Posterior(Rows):
    """Mode and width of the posterior of each pattern.

    Parameters
    ----------
    angle : Tensor, shape [n]
        Turn θ of the decoded pattern, in the manifold's own frame.
    latent : Tensor, shape [n, d]
        Latent variables z.
    class_index : Tensor of int, shape [n]
        Class.
    misfit : Tensor, shape [n]
        Sum of squares between the pattern and its reconstruction.
    covariance : Tensor, shape [n, d + 1, d + 1]
        Covariance of (z, θ), by Laplace's approximation.
    """

    angle: Tensor
    latent: Tensor
    class_index: Tensor
    misfit: Tensor
    covariance: Tensor

    def with_rows(self, rows: Tensor, others: "Posterior") -> "Posterior":
        """Replace some rows by those of others."""
        parts = zip(vars(self).values(), vars(others).values(), strict=True)
        return Posterior(*(mine.index_copy(0, rows, other) for mine, other in parts))

    def moved(self, move: Tensor, covariance: Tensor) -> "Posterior":
        """Move (z, θ) by ``[n, d + 1]``, and replace the covariance."""
        latent, angle = self.latent + move[:, :-1], self.angle + move[:, -1]
        return Posterior(angle, latent, self.class_index, self.misfit, covariance)


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
        Number of steps.
    """
    angle, latent, class_index = start.angle, start.latent, start.class_index
    prior = start.information()

    def misfit_and_cost(z: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        difference = manifold.turn(coefficients, -theta) - manifold.decode(z, class_index)
        misfit = difference.square().sum(-1)
        far = (start.pull(z) * (start.anchor - z)).sum(-1)
        return misfit, (misfit / noise + far) / 2

    damping = torch.full_like(angle, 1e-2)
    misfit, cost = misfit_and_cost(latent, angle)
    for step in range(steps + 1):
        decoded, by_latent = manifold.decode_with_slopes(latent, class_index)
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
    return Posterior(angle, latent, class_index, misfit, torch.linalg.inv(information))


class CountLikelihood:
    """Steps towards the mode under the Poisson noise of the pixels themselves.

    The coefficients are compared as if their noise were that of the rotational mean of all
    patterns. In the pattern itself it is weaker where the pattern is dark.
    """

    def __init__(self, basis: HarmonicBasis, device: torch.device) -> None:
        self._pixels = torch.from_numpy((basis.functions / basis.weight[:, None]).T).to(device)
        self._background = torch.from_numpy(basis.background).to(device)
        self._dose = basis.dose
        self._darkest = DARKEST * float(basis.background.mean())

    def refine(
        self,
        manifold: Manifold,
        prepared: Tensor,
        precision: Tensor,
        found: Posterior,
        start: Start,
        steps: int,
    ) -> Posterior:
        """Steps from a posterior until each pattern moves no further.

        A step that turns back is halved: where the manifold is bent it would overshoot for ever.

        Parameters
        ----------
        manifold : Manifold
            The decoder.
        prepared : Tensor, shape [n, pixels]
            Counts.
        precision : Tensor, shape [n]
            Inverse variance of a coefficient of each: its relative dose, of electrons that were
            counted one by one and without neighbours.
        found : Posterior
            Posterior to step from.
        start : Start
            Prior of z.
        steps : int
            Largest number of steps.
        """
        rows = torch.arange(len(prepared), device=prepared.device)
        last = torch.zeros_like(found.covariance[:, 0])
        for _ in range(steps):
            before = found.rows(rows)
            move, covariance = self._step(
                manifold, prepared[rows], precision[rows], before, start.rows(rows)
            )
            deviation = covariance.diagonal(dim1=1, dim2=2).sqrt()
            turned_back = ((move / deviation) * last).sum(-1) < 0
            move = torch.where(turned_back[:, None], move / 2, move)
            found = found.with_rows(rows, before.moved(move, covariance))
            last = move / deviation
            moving = last.abs().amax(dim=1) > SETTLED
            rows, last = rows[moving], last[moving]
        return found

    def _step(
        self,
        manifold: Manifold,
        prepared: Tensor,
        precision: Tensor,
        found: Posterior,
        start: Start,
    ) -> tuple[Tensor, Tensor]:
        """Step of (z, θ) and covariance where it begins, by Fisher scoring.

        See McCullagh & Nelder, Generalized Linear Models, 1989, 2.5.
        """
        dose = prepared.sum(dim=1, keepdim=True) / self._dose
        decoded, by_latent = manifold.decode_with_slopes(found.latent, found.class_index)
        turned = manifold.turn(decoded, found.angle)
        rates = torch.cat(
            [
                manifold.turn(by_latent, found.angle[:, None]),
                manifold.turning_rate(turned)[:, None],
                turned[:, None],
            ],
            dim=1,
        )
        pixels = rates @ self._pixels
        slopes, expected = pixels[:, :-1], pixels[:, -1].add_(self._background)
        weight = expected.clamp(min=self._darkest).reciprocal_()
        difference = torch.addcmul(prepared, expected, dose, value=-1)
        weighted = slopes * weight[:, None]
        information = (weighted @ slopes.mT) * precision[:, None, None] + start.information()
        gradient = (weighted @ difference[..., None])[..., 0] * (precision[:, None] / dose)
        gradient[:, :-1] += start.pull(found.latent)
        move = torch.linalg.solve(information, gradient)
        move[:, :-1].clamp_(-FARTHEST_MOVE, FARTHEST_MOVE)
        move[:, -1].clamp_(-LONGEST_MOVE, LONGEST_MOVE)
        return move, torch.linalg.inv(information)
