"""The posterior of angle and latent variables under a decoder.

A search over turned decoded patterns, then Levenberg-Marquardt steps on (z, θ) together, then the
curvature at the optimum (Laplace's approximation).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from stemwidgets.rrvae.network import Network

FRAMES = 32
SEARCH_ANGLES = 96
SEARCH_BATCH = 256


@dataclass(frozen=True, eq=False)
class Posterior:
    """Mode and width of the posterior of each pattern.

    Parameters
    ----------
    angle : Tensor, shape [n]
        Turn θ of the decoded pattern, in the decoder's own frame.
    latent : Tensor, shape [n, d]
        z.
    misfit : Tensor, shape [n]
        Sum of squares between the pattern and its reconstruction.
    cost : Tensor, shape [n]
        Negative log-posterior at the mode, up to a constant.
    covariance : Tensor, shape [n, d + 1, d + 1]
        Of (z, θ).
    """

    angle: Tensor
    latent: Tensor
    misfit: Tensor
    cost: Tensor
    covariance: Tensor


@torch.no_grad()
def posterior(
    network: Network, coefficients: Tensor, noise: float, codebook: Tensor, steps: int = 12
) -> Posterior:
    """Find angle and latent variables of each pattern.

    Parameters
    ----------
    network : Network
        The decoder, and the encoder for a second opinion where to start.
    coefficients : Tensor, shape [n, 2 * components]
        Patterns.
    noise : float
        Variance of a coefficient about the decoded one.
    codebook : Tensor, shape [c, d]
        Latent variables to start from: a sample of those of the training.
    steps : int
        Levenberg-Marquardt steps.
    """
    searched = refine(
        network, coefficients, noise, *search(network, coefficients, noise, codebook), steps
    )
    encoded = refine(
        network, coefficients, noise, *from_encoder(network, coefficients, noise), steps
    )
    better = encoded.cost < searched.cost
    return Posterior(
        torch.where(better, encoded.angle, searched.angle),
        torch.where(better[:, None], encoded.latent, searched.latent),
        torch.where(better, encoded.misfit, searched.misfit),
        torch.where(better, encoded.cost, searched.cost),
        torch.where(better[:, None, None], encoded.covariance, searched.covariance),
    )


def frame_evidence(
    network: Network, coefficients: Tensor, frames: Tensor, noise: float | Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Evidence of each frame: the pattern turned back by its angle, encoded and decoded.

    Parameters
    ----------
    network : Network
        Encoder and decoder.
    coefficients : Tensor, shape [n, 2 * components]
        Patterns.
    frames : Tensor, shape [frames]
        Angles, evenly spaced over the circle.
    noise : float or Tensor
        Variance of a coefficient about the decoded one.

    Returns
    -------
    log_evidence : Tensor, shape [n, frames]
        Up to a constant for each pattern.
    angle : Tensor, shape [n, frames]
        Angle of the frame after one Newton step.
    latent : Tensor, shape [n, frames, d]
        Encoded means.
    """
    turned_back = network.turn(coefficients[:, None], -frames)
    mean, log_variance = network.encode(turned_back)
    decoded = network.decode(mean)
    step, gain = network.angle_step(decoded, turned_back, math.pi / len(frames))
    misfit = (decoded - turned_back).square().sum(-1) - gain
    log_evidence = -misfit / (2 * noise) - divergence(mean, log_variance)
    return log_evidence, frames + step, mean


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence [nats] of a diagonal Gaussian from the standard one."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(-1)


@torch.no_grad()
def from_encoder(network: Network, coefficients: Tensor, noise: float) -> tuple[Tensor, Tensor]:
    """Angle ``[n]`` and latent ``[n, d]`` of the most likely frame."""
    frames = torch.arange(FRAMES, device=coefficients.device) * (2 * math.pi / FRAMES)
    log_evidence, angle, latent = frame_evidence(network, coefficients, frames, noise)
    best = log_evidence.argmax(dim=1)
    rows = torch.arange(len(best), device=best.device)
    return angle[rows, best], latent[rows, best]


@torch.no_grad()
def search(
    network: Network, coefficients: Tensor, noise: float, codebook: Tensor
) -> tuple[Tensor, Tensor]:
    """Angle ``[n]`` and latent ``[n, d]`` of the decoded codebook pattern that fits best."""
    decoded = network.decode(codebook)
    templates = torch.complex(*decoded.chunk(2, dim=-1))
    prior = -(decoded.square().sum(-1) / noise + codebook.square().sum(-1)) / 2
    present, row = torch.unique(network.order, return_inverse=True)
    angles = torch.arange(SEARCH_ANGLES, device=decoded.device) * (2 * math.pi / SEARCH_ANGLES)
    phases = torch.exp(1j * present[:, None] * angles)
    best_angle, best_latent = [], []
    for batch in coefficients.split(SEARCH_BATCH):
        patterns = torch.complex(*batch.chunk(2, dim=-1))
        by_order = torch.stack(
            [patterns[:, row == i] @ templates[:, row == i].mH for i in range(len(present))], dim=-1
        )
        match = by_order.real @ phases.real - by_order.imag @ phases.imag
        best = (match / noise + prior[:, None]).flatten(1).argmax(dim=1)
        best_angle.append(angles[best % SEARCH_ANGLES])
        best_latent.append(codebook[best // SEARCH_ANGLES])
    return torch.cat(best_angle), torch.cat(best_latent)


@torch.no_grad()
def refine(
    network: Network,
    coefficients: Tensor,
    noise: float,
    angle: Tensor,
    latent: Tensor,
    steps: int,
) -> Posterior:
    """Levenberg-Marquardt steps on (z, θ) from a start; a step that does not help is not taken."""

    def misfit_and_cost(z: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        misfit = (network.turn(coefficients, -theta) - network.decode(z)).square().sum(-1)
        return misfit, misfit / (2 * noise) + z.square().sum(-1) / 2

    d = latent.shape[1]
    prior = torch.diag(torch.tensor([1.0] * d + [1e-6], device=latent.device))
    damping = torch.full_like(angle, 1e-2)
    misfit, cost = misfit_and_cost(latent, angle)
    for step in range(steps + 1):
        decoded, by_latent = network.decode_with_slopes(latent)
        slopes = torch.cat([by_latent, network.turning_rate(decoded)[..., None]], dim=-1)
        information = slopes.mT @ slopes / noise + prior
        if step == steps:
            break
        difference = network.turn(coefficients, -angle) - decoded
        gradient = (slopes.mT @ difference[..., None])[..., 0] / noise
        gradient[:, :d] -= latent
        diagonal = torch.diag_embed(information.diagonal(dim1=-2, dim2=-1) * damping[:, None])
        move = torch.linalg.solve(information + diagonal, gradient)
        new_latent, new_angle = latent + move[:, :d], angle + move[:, d]
        new_misfit, new_cost = misfit_and_cost(new_latent, new_angle)
        better = new_cost < cost
        latent = torch.where(better[:, None], new_latent, latent)
        angle = torch.where(better, new_angle, angle)
        misfit, cost = torch.where(better, new_misfit, misfit), torch.where(better, new_cost, cost)
        damping = torch.where(better, damping * 0.2, damping * 8.0)
    return Posterior(angle, latent, misfit, cost, torch.linalg.inv(information))
