"""The network of Oxley et al., npj Comput. Mater. 7, 65 (2021), doi:10.1038/s41524-021-00527-3.

Two hidden layers of 128 with tanh in the encoder and in the decoder. The encoder gives Gaussians of
the angle and of z; the decoder computes each pixel from its turned coordinates. Without the
angle it is an ordinary variational autoencoder, whose decoder gives all pixels at once.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import torch
from torch import Tensor

from stemwidgets.rrvae.paper import coordinate_decoder
from stemwidgets.rrvae.paper.coordinate_decoder import Layers

HIDDEN = 128  # units in each hidden layer, as in the paper
ANGLE_PRIOR = 0.1  # rad, standard deviation of the prior
# of latent variables and angle: beyond, exp over- or underflows
LOWEST_LOG_STD, HIGHEST_LOG_STD = -10.0, 3.0


@dataclass(frozen=True, eq=False)
class PaperNetwork:
    """Encoder and decoder; input and output are scaled pixels ``[n, pixels]``.

    Parameters
    ----------
    encoder, decoder : list of (weight, bias)
        Layers of each.
    coordinates : Tensor, shape [pixels, 2]
        ``(x, y)`` of the pixels about the optic axis, within the unit circle.
    turning : bool
        True if there is an angle; False makes it an ordinary variational autoencoder.
    """

    encoder: Layers
    decoder: Layers
    coordinates: Tensor
    turning: bool

    @classmethod
    def create(cls, coordinates: Tensor, latent_dim: int, turning: bool, seed: int) -> Self:
        """Start from random weights; the same seed gives the same weights on every device."""
        generator = torch.Generator().manual_seed(seed)
        pixels, encoded = len(coordinates), latent_dim + turning
        encoder = _layers((pixels, HIDDEN, HIDDEN, 2 * encoded), generator)
        if turning:
            by_coordinates, bias = _layer(2, HIDDEN, generator)
            by_latent, _ = _layer(latent_dim, HIDDEN, generator)
            first = (torch.cat([by_coordinates, by_latent]), bias)
            decoder = [first, *_layers((HIDDEN, HIDDEN, 1), generator)]
        else:
            decoder = _layers((latent_dim, HIDDEN, HIDDEN, pixels), generator)
        return cls(encoder, decoder, coordinates, turning)

    @property
    def parameters(self) -> list[Tensor]:
        """All weights and biases."""
        return [tensor for layer in (*self.encoder, *self.decoder) for tensor in layer]

    @property
    def encoded_dim(self) -> int:
        """Numbers that the encoder finds in a pattern: the angle, if there is one, and z."""
        return self.encoder[-1][0].shape[1] // 2

    def over(self, weights: Tensor) -> Self:
        """The same layers, with gradient, as parts of one vector of all `parameters`.

        Changing the vector in place changes the layers.
        """
        parts = weights.split([tensor.numel() for tensor in self.parameters])
        leaves = iter(
            [
                part.view_as(tensor).detach().requires_grad_()
                for part, tensor in zip(parts, self.parameters, strict=True)
            ]
        )
        encoder, decoder = (
            [(next(leaves), next(leaves)) for _ in layers]
            for layers in (self.encoder, self.decoder)
        )
        return type(self)(encoder, decoder, self.coordinates, self.turning)

    def to(self, device: torch.device) -> Self:
        """A copy on a device, without gradient."""

        def copied(tensor: Tensor) -> Tensor:
            return tensor.detach().to(device, copy=True)

        encoder, decoder = (
            [(copied(weight), copied(bias)) for weight, bias in layers]
            for layers in (self.encoder, self.decoder)
        )
        return type(self)(encoder, decoder, self.coordinates.to(device), self.turning)

    def encode(self, scaled: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the standard deviation, ``[n, d]``; the angle comes first."""
        mean, log_std = _perceptron(scaled, self.encoder).chunk(2, dim=-1)
        return mean, log_std.clamp(LOWEST_LOG_STD, HIGHEST_LOG_STD)

    def split(self, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """Angle ``[n]`` and latent variables ``[n, d]``; the angle is NaN where there is none."""
        if self.turning:
            return encoded[:, 0], encoded[:, 1:]
        return torch.full_like(encoded[:, 0], torch.nan), encoded

    @torch.no_grad()
    def decode(self, latent: Tensor, angle: Tensor, stride: int = 1) -> Tensor:
        """Every so many of the scaled pixels, ``[n, pixels / stride]``, without gradient."""
        if not self.turning:
            return _perceptron(latent, self.decoder)[:, ::stride]
        return self.decode_at(self.coordinates[::stride], latent, angle)

    def decode_at(self, coordinates: Tensor, latent: Tensor, angle: Tensor) -> Tensor:
        """Values at any coordinates ``[points, 2]``, for a network that turns."""
        return coordinate_decoder.decode(self.decoder, coordinates, latent, angle)

    def loss(self, scaled: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruction (half the sum of squares) and KL divergence, sums, with gradient.

        Takes patterns ``[n, pixels]`` and standard normal draws ``[n, encoded_dim]``.
        """
        mean, log_std = self.encode(scaled)
        angle, latent = self.split(mean + log_std.exp() * normal)
        if self.turning:
            misfit = coordinate_decoder.half_sum_of_squares(
                self.decoder, self.coordinates, latent, angle, scaled
            )
        else:
            misfit = (_perceptron(latent, self.decoder) - scaled).square().sum() / 2
        return misfit, self._divergence(mean, log_std)

    def _divergence(self, mean: Tensor, log_std: Tensor) -> Tensor:
        """KL divergence; of the angle only its width counts, since all directions are alike."""
        prior = torch.ones_like(mean[:1])
        square = mean.square()
        if self.turning:
            prior[:, 0] = ANGLE_PRIOR
            square = square * (prior == 1)
        variance = (2 * log_std).exp()
        return ((variance + square) / (2 * prior.square()) - 0.5 - log_std + prior.log()).sum()

    def to_record(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything as named tensors and plain values."""
        tensors = {"coordinates": self.coordinates}
        for part in ("encoder", "decoder"):
            for i, (weight, bias) in enumerate(getattr(self, part)):
                tensors[f"{part}.{i}.weight"] = weight
                tensors[f"{part}.{i}.bias"] = bias
        return tensors, {"turning": self.turning}

    @classmethod
    def from_record(cls, tensors: dict[str, Tensor], record: dict[str, Any]) -> Self:
        """Read the result of `to_record`."""
        encoder, decoder = (
            [(tensors[f"{part}.{i}.weight"], tensors[f"{part}.{i}.bias"]) for i in range(3)]
            for part in ("encoder", "decoder")
        )
        return cls(encoder, decoder, tensors["coordinates"], bool(record["turning"]))


def _layers(sizes: tuple[int, ...], generator: torch.Generator) -> Layers:
    return [_layer(inputs, outputs, generator) for inputs, outputs in pairwise(sizes)]


def _layer(inputs: int, outputs: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    uniform = 2 * torch.rand(inputs + 1, outputs, generator=generator) - 1
    uniform /= math.sqrt(inputs)
    return uniform[:-1].clone(), uniform[-1].clone()


def _perceptron(x: Tensor, layers: Layers) -> Tensor:
    for weight, bias in layers[:-1]:
        x = torch.addmm(bias, x, weight).tanh()
    weight, bias = layers[-1]
    return torch.addmm(bias, x, weight)
