"""Training of the harmonic rrVAE, as a generator of steps.

First the variational autoencoder: each pattern is turned back by an angle drawn from its posterior
over a circle of frames, encoded, and decoded (Oxley et al., npj Comput. Mater. 7, 65 (2021),
doi:10.1038/s41524-021-00527-3; Bepler et al., arXiv:1909.11663, with the angle summed over
instead of encoded). Then the decoder alone, on posteriors found pattern by pattern, which closes
the gap that the encoder leaves (Kim et al., arXiv:1802.02550).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from stemwidgets.rrvae.network import Network
from stemwidgets.rrvae.posterior import (
    Posterior,
    divergence,
    frame_evidence,
    from_encoder,
    refine,
)

TRAINING_FRAMES = 16
LEARNING_RATE = 3e-3
BATCH = 100
DECODER_BATCH = 512
SEARCH_EVERY = 3
STEPS_PER_POSTERIOR = 20


@dataclass(frozen=True)
class Schedule:
    """How long to train.

    Parameters
    ----------
    encoder_epochs : int
        Passes over the data of the variational autoencoder.
    posterior_rounds : int
        Rounds of the decoder, each with new posteriors.
    """

    encoder_epochs: int
    posterior_rounds: int

    @classmethod
    def for_data(cls, patterns: int, clarity: float) -> "Schedule":
        """Train longer where there is more to be seen.

        Parameters
        ----------
        patterns : int
            Number of patterns.
        clarity : float
            Variance of the strongest component over that of the noise.
        """
        decades = min(max(math.log10(max(clarity, 1.0)), 1.0), 4.0)
        steps = 400 * max(decades, 2.0)
        batches = math.ceil(patterns / BATCH)
        return cls(max(12, round(steps / batches)), round(10 * decades))

    @property
    def epochs(self) -> int:
        """Both stages together."""
        return self.encoder_epochs + self.posterior_rounds


@dataclass(frozen=True, eq=False)
class Moment:
    """Where the training stands after a few steps.

    Parameters
    ----------
    epoch : int
        Passes done.
    fraction : float
        Share of the training done.
    reconstruction, kl : float
        Parts of the negative evidence lower bound per pattern [nats].
    noise : float
        Variance of a coefficient about its reconstruction.
    angle : Tensor, shape [n]
        Angle of each pattern in the decoder's own frame, as last seen.
    latent : Tensor, shape [n, d], or None
        Latent variables found for each pattern; None where the encoder gives them.
    fixed : Tensor, shape [2 * components], or None
        Part of all patterns that does not turn, found on the way; None where there is none yet.
    """

    epoch: int
    fraction: float
    reconstruction: float
    kl: float
    noise: float
    angle: Tensor
    latent: Tensor | None = None
    fixed: Tensor | None = None


def train(
    network: Network, coefficients: Tensor, noise_floor: float, schedule: Schedule, seed: int
) -> Iterator[Moment]:
    """Train a network in place.

    Parameters
    ----------
    network : Network
        Its tensors are changed.
    coefficients : Tensor, shape [n, 2 * components]
        Patterns, on the network's device.
    noise_floor : float
        Variance of shot noise; a better fit than that is not sought.
    schedule : Schedule
        How long.
    seed : int
        Of the batches and draws.

    Yields
    ------
    Moment
        After every epoch.
    """
    generator = torch.Generator(coefficients.device).manual_seed(seed + 1)
    variance = coefficients.square().sum(1).mean() / network.degrees_of_freedom
    noise = torch.clamp(variance, min=noise_floor)
    for tensor in network.parameters():
        tensor.requires_grad_()
    try:
        moment = None
        for moment in _train_encoder(
            network, coefficients, noise, noise_floor, schedule, generator
        ):
            yield moment
        if moment is not None:
            yield from _train_decoder(
                network, coefficients, moment, noise_floor, schedule, generator
            )
    finally:
        for tensor in network.parameters():
            tensor.requires_grad_(False)


def _train_encoder(
    network: Network,
    coefficients: Tensor,
    noise: Tensor,
    noise_floor: float,
    schedule: Schedule,
    generator: torch.Generator,
) -> Iterator[Moment]:
    n = len(coefficients)
    batches = max(1, round(n / BATCH))
    optimizer = torch.optim.Adam(
        network.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.99), fused=True
    )
    angle = torch.zeros(n, device=coefficients.device)
    dof = network.degrees_of_freedom
    for epoch in range(schedule.encoder_epochs):
        sums = torch.zeros(2, device=coefficients.device)
        searching = epoch < 0.15 * schedule.encoder_epochs or epoch % SEARCH_EVERY == 0
        shuffled = torch.randperm(n, generator=generator, device=coefficients.device)
        for i, rows in enumerate(shuffled.chunk(batches)):
            done = (epoch + i / batches) / schedule.encoder_epochs
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * _rate(done, epoch * batches + i)
            batch = coefficients[rows]
            turn = _draw_angle(network, batch, noise, generator) if searching else angle[rows]
            turned_back = network.turn(batch, -turn)
            mean, log_variance = network.encode(turned_back)
            draw = torch.randn(mean.shape, generator=generator, device=mean.device)
            decoded = network.decode(mean + (0.5 * log_variance).exp() * draw)
            misfit = (turned_back - decoded).square().sum(-1).mean()
            kl = divergence(mean, log_variance).mean()
            optimizer.zero_grad()
            (misfit / (2 * noise) + kl).backward()
            optimizer.step()
            with torch.no_grad():
                bound = math.pi / TRAINING_FRAMES
                angle[rows] = turn + network.angle_step(decoded, turned_back, bound)[0]
                noise = torch.clamp(0.95 * noise + 0.05 * misfit / dof, min=noise_floor)
                sums += torch.stack([misfit, kl])
        mean_misfit, mean_kl = (float(value) / batches for value in sums)
        yield Moment(
            epoch + 1,
            0.6 * (epoch + 1) / schedule.encoder_epochs,
            mean_misfit / (2 * float(noise)) + 0.5 * dof * math.log(float(noise) / noise_floor),
            mean_kl,
            float(noise),
            angle,
        )


def _train_decoder(
    network: Network,
    coefficients: Tensor,
    start: Moment,
    noise_floor: float,
    schedule: Schedule,
    generator: torch.Generator,
) -> Iterator[Moment]:
    weights = [tensor for layer in network.decoder for tensor in layer]
    optimizer = torch.optim.Adam(weights, lr=LEARNING_RATE, fused=True)
    noise, dof = start.noise, network.degrees_of_freedom
    found = refine(network, coefficients, noise, *from_encoder(network, coefficients, noise), 4)
    batches = max(1, round(len(coefficients) / DECODER_BATCH))
    steps = max(STEPS_PER_POSTERIOR, batches)
    fixed = torch.zeros_like(network.scale)
    for done in range(schedule.posterior_rounds):
        fraction = done / schedule.posterior_rounds
        optimizer.param_groups[0]["lr"] = 0.3 * LEARNING_RATE * (1 - fraction)
        if done:
            found = refine(network, coefficients - fixed, noise, found.angle, found.latent, 1)
        fixed = fixed + _mean_rest(network, coefficients - fixed, found)
        turning = coefficients - fixed
        mean_misfit = 0.0
        for step in range(steps):
            if step % batches == 0:
                shuffled = torch.randperm(
                    len(coefficients), generator=generator, device=coefficients.device
                ).chunk(batches)
            rows = shuffled[step % batches]
            latent, angle = _draw(found, rows, generator)
            decoded = network.decode(latent)
            misfit = (network.turn(turning[rows], -angle) - decoded).square().sum(-1).mean()
            optimizer.zero_grad()
            (misfit / (2 * noise)).backward()
            optimizer.step()
            mean_misfit += float(misfit.detach()) / steps
        noise = max(noise_floor, 0.5 * noise + 0.5 * mean_misfit / dof)
        yield Moment(
            schedule.encoder_epochs + done + 1,
            0.6 + 0.4 * (done + 1) / schedule.posterior_rounds,
            mean_misfit / (2 * noise) + 0.5 * dof * math.log(noise / noise_floor),
            float(_laplace_divergence(found)),
            noise,
            found.angle,
            found.latent,
            fixed,
        )


@torch.no_grad()
def _draw_angle(
    network: Network, batch: Tensor, noise: Tensor, generator: torch.Generator
) -> Tensor:
    """Draw the angle of each pattern from its posterior over a circle of frames."""
    spacing = 2 * math.pi / TRAINING_FRAMES
    start = torch.rand(1, generator=generator, device=batch.device)
    frames = (start + torch.arange(TRAINING_FRAMES, device=batch.device)) * spacing
    log_evidence, angle, _ = frame_evidence(network, batch, frames, noise)
    drawn = torch.multinomial(log_evidence.softmax(dim=1), 1, generator=generator)
    return angle.gather(1, drawn)[:, 0]


@torch.no_grad()
def _mean_rest(network: Network, coefficients: Tensor, found: Posterior) -> Tensor:
    """Mean over the patterns, unturned, of what the reconstruction leaves."""
    return (coefficients - network.turn(network.decode(found.latent), found.angle)).mean(dim=0)


def _draw(found: Posterior, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw latent variables and angle of some patterns from Laplace's approximation."""
    covariance = found.covariance[rows]
    spread, _ = torch.linalg.cholesky_ex(covariance)
    normal = torch.randn(covariance.shape[:2], generator=generator, device=covariance.device)
    draw = torch.nan_to_num(spread @ normal[..., None])[..., 0]
    return found.latent[rows] + draw[:, :-1], found.angle[rows] + draw[:, -1]


def _laplace_divergence(found: Posterior) -> Tensor:
    d = found.latent.shape[1]
    variances = found.covariance.diagonal(dim1=-2, dim2=-1)[:, :d].clamp(min=1e-12)
    return divergence(found.latent, variances.log()).mean()


def _rate(done: float, step: int) -> float:
    """Share of the learning rate: a short warm-up, a plateau, a cosine to almost nothing."""
    warm_up = min(1.0, step / 30 + 0.02)
    return warm_up * (0.5 * (1 + math.cos(math.pi * max(0.0, (done - 0.3) / 0.7))) + 0.003)
