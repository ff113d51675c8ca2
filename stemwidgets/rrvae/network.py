"""The networks: an encoder of turned-back patterns and a decoder of turnable ones.

A batch of patterns is a tensor of harmonic coefficients: real parts, then imaginary parts.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

HIDDEN = 64
Layers = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class Network:
    """Encoder, decoder and the scales of the coefficients.

    Parameters
    ----------
    order : Tensor, shape [components]
        Angular order m of each component.
    scale : Tensor, shape [2 * components]
        Standard deviation of each coefficient; 0 for the imaginary parts of m = 0.
    gain : Tensor, shape [2 * components]
        What a coefficient is multiplied by before it enters the encoder.
    encoder, decoder : list of (weight, bias)
        Layers.
    """

    order: Tensor
    scale: Tensor
    gain: Tensor
    encoder: Layers
    decoder: Layers

    @classmethod
    def create(
        cls, order: Tensor, variance: Tensor, noise: float, latent_dim: int, seed: int
    ) -> "Network":
        """Start from random weights; the same seed gives the same weights on every device."""
        generator = torch.Generator().manual_seed(seed)
        scale = torch.cat([variance.sqrt(), variance.sqrt() * (order > 0)])
        signal = (1 - noise / variance).clamp(min=1e-3).sqrt()
        gain = torch.cat([signal, signal]) / scale.clamp(min=1e-12) * (scale > 0)
        features = len(scale)
        encoder = [
            _layer(features, HIDDEN, 1.0, generator),
            _layer(HIDDEN, HIDDEN, 1.0, generator),
            _layer(HIDDEN, 2 * latent_dim, 0.5, generator),
        ]
        decoder = [
            _layer(latent_dim, HIDDEN, 2.0, generator),
            _layer(HIDDEN, HIDDEN, 1.0, generator),
            _layer(HIDDEN, features, 0.5, generator),
        ]
        return cls(order, scale, gain, encoder, decoder)

    @property
    def latent_dim(self) -> int:
        """Number of latent variables."""
        return self.decoder[0][0].shape[0]

    @property
    def degrees_of_freedom(self) -> float:
        """Number of coefficients of a pattern that can differ from zero."""
        return float((self.scale > 0).sum())

    def parameters(self) -> list[Tensor]:
        """All weights and biases, the decoder's last."""
        return [tensor for layer in (*self.encoder, *self.decoder) for tensor in layer]

    def to(self, device: torch.device) -> "Network":
        """The same network on another device."""

        def moved(layers: Layers) -> Layers:
            return [(w.detach().to(device), b.detach().to(device)) for w, b in layers]

        return Network(
            self.order.to(device),
            self.scale.to(device),
            self.gain.to(device),
            moved(self.encoder),
            moved(self.decoder),
        )

    def encode(self, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean and log-variance of z, of patterns that are turned back already."""
        mean, log_variance = _perceptron(coefficients * self.gain, self.encoder).chunk(2, dim=-1)
        return mean, log_variance.clamp(-12.0, 4.0)

    def decode(self, latent: Tensor) -> Tensor:
        """Coefficients of the unturned pattern for each z."""
        return _perceptron(latent, self.decoder) * self.scale

    def decode_with_slopes(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """What `decode` gives, and its derivatives ``[n, 2 * components, d]`` by z."""
        value, slopes = latent, torch.eye(self.latent_dim).to(latent)
        for weight, bias in self.decoder[:-1]:
            linear = value @ weight + bias
            gate = linear.sigmoid()
            value = linear * gate
            slopes = (slopes @ weight) * (gate * (1 + linear - value))[:, None]
        weight, bias = self.decoder[-1]
        decoded = (value @ weight + bias) * self.scale
        return decoded, ((slopes @ weight) * self.scale).mT

    def turn(self, coefficients: Tensor, angle: Tensor) -> Tensor:
        """Turn patterns by an angle: multiply each coefficient by exp(-imθ)."""
        phase = angle[..., None] * self.order
        cos, sin = phase.cos(), phase.sin()
        real, imag = coefficients.chunk(2, dim=-1)
        return torch.cat([real * cos + imag * sin, imag * cos - real * sin], dim=-1)

    def turning_rate(self, coefficients: Tensor) -> Tensor:
        """Derivative of `turn` with respect to the angle, at angle 0."""
        real, imag = coefficients.chunk(2, dim=-1)
        return torch.cat([imag * self.order, -real * self.order], dim=-1)

    def angle_step(
        self, decoded: Tensor, coefficients: Tensor, bound: float
    ) -> tuple[Tensor, Tensor]:
        """Newton step of the angle by which `decoded` should be turned to match a pattern.

        Returns
        -------
        step, gain : Tensor
            The step, at most `bound`, and by how much it lowers the sum of squares.
        """
        real, imag = decoded.chunk(2, dim=-1)
        a, b = coefficients.chunk(2, dim=-1)
        slope = (a * imag - b * real) @ self.order
        curvature = ((a * real + b * imag) @ self.order.square()).abs().clamp(min=1e-6)
        step = (slope / curvature).clamp(-bound, bound)
        return step, (2 * slope - curvature * step) * step


def _layer(
    inputs: int, outputs: int, gain: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    weight = torch.randn(inputs, outputs, generator=generator) * (gain / math.sqrt(inputs))
    return weight, torch.zeros(outputs)


def _perceptron(x: Tensor, layers: Layers) -> Tensor:
    for weight, bias in layers[:-1]:
        x = torch.nn.functional.silu(x @ weight + bias)
    weight, bias = layers[-1]
    return x @ weight + bias
