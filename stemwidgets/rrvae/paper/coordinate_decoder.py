"""Patterns from a perceptron of turned coordinates (Bepler et al., arXiv:1909.11663).

The perceptron computes every pixel on its own: it takes the pixel's coordinates, turned back by the
and z, and gives the intensity there. The sum of squares comes with its derivatives, a few patterns
at a time while they are in the cache, so that no intermediate of a whole batch is ever kept.
"""

from typing import Any

import torch
from torch import Tensor

Layers = list[tuple[Tensor, Tensor]]

ROWS_ON_CPU = 4096  # pixels at once, whose hidden layers (128 numbers each) stay in the cache
ROWS_ON_GPU = 2**18  # pixels at once, enough to keep a GPU busy


@torch.no_grad()
def decode(layers: Layers, coordinates: Tensor, latent: Tensor, angle: Tensor) -> Tensor:
    """Intensity at each coordinate, without gradient.

    Parameters
    ----------
    layers : list of (weight, bias)
        The first takes x, y and z; tanh lies between them; the last gives one number.
    coordinates : Tensor, shape [pixels, 2]
        ``(x, y)``.
    latent : Tensor, shape [n, d]
        Latent variables z.
    angle : Tensor, shape [n]
        Rotation of the pattern [rad]; positive turns +x towards +y.

    Returns
    -------
    Tensor, shape [n, pixels]
        In the units that the layers were trained in.
    """
    slopes, shift = _turned_first_layer(layers[0], latent, angle)
    decoded = torch.empty(len(latent), len(coordinates)).to(latent)
    for rows in _chunks(len(latent), coordinates):
        _, values = _forward(coordinates, slopes[rows], shift[rows], layers[1:])
        decoded[rows] = values.view(-1, len(coordinates))
    return decoded


def half_sum_of_squares(
    layers: Layers, coordinates: Tensor, latent: Tensor, angle: Tensor, target: Tensor
) -> Tensor:
    """Half the sum of squares between `decode` and a target ``[n, pixels]``, with gradient."""
    slopes, shift = _turned_first_layer(layers[0], latent, angle)
    rest = [tensor for layer in layers[1:] for tensor in layer]
    total: Tensor = _HalfSumOfSquares.apply(coordinates, target, slopes, shift, *rest)
    return total


class _HalfSumOfSquares(torch.autograd.Function):
    """The derivatives are taken along with the value, so that nothing is kept for later."""

    @staticmethod
    def forward(
        ctx: Any, coordinates: Tensor, target: Tensor, slopes: Tensor, shift: Tensor, *rest: Tensor
    ) -> Tensor:
        layers = list(zip(rest[::2], rest[1::2], strict=True))
        by_slopes, by_shift = torch.empty_like(slopes), torch.empty_like(shift)
        by_rest = [torch.zeros_like(tensor) for tensor in rest]
        total = target.new_zeros(())
        for rows in _chunks(len(target), coordinates):
            hidden, decoded = _forward(coordinates, slopes[rows], shift[rows], layers)
            misfit = decoded - target[rows].reshape(-1, 1)
            total += misfit.square().sum() / 2
            by_first = _backward(misfit, hidden, layers, by_rest)
            by_first = by_first.view(-1, len(coordinates), by_first.shape[-1])
            by_slopes[rows] = coordinates.T @ by_first
            by_shift[rows] = by_first.sum(1)
        ctx.derivatives = (by_slopes, by_shift, *by_rest)
        return total

    @staticmethod
    def backward(ctx: Any, *by_total: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, *(by_total[0] * derivative for derivative in ctx.derivatives))


def _turned_first_layer(
    layer: tuple[Tensor, Tensor], latent: Tensor, angle: Tensor
) -> tuple[Tensor, Tensor]:
    """The weights turned instead of the coordinates: slopes [n, 2, hidden], shift [n, hidden]."""
    weight, bias = layer
    by_x, by_y = weight[0], weight[1]
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    slopes = torch.stack([cos * by_x - sin * by_y, sin * by_x + cos * by_y], dim=1)
    return slopes, latent @ weight[2:] + bias


def _forward(
    coordinates: Tensor, slopes: Tensor, shift: Tensor, layers: Layers
) -> tuple[list[Tensor], Tensor]:
    """The hidden values behind each tanh and the last layer's output, a row for each pixel."""
    first = torch.baddbmm(shift[:, None], coordinates.expand(len(slopes), -1, -1), slopes)
    hidden = [first.flatten(0, 1).tanh_()]
    for weight, bias in layers[:-1]:
        hidden.append(torch.addmm(bias, hidden[-1], weight).tanh_())
    weight, bias = layers[-1]
    return hidden, torch.addmm(bias, hidden[-1], weight)


def _backward(
    misfit: Tensor, hidden: list[Tensor], layers: Layers, by_layers: list[Tensor]
) -> Tensor:
    """Add the derivatives by the layers in place; return those by the first layer's sums."""
    derivative = misfit
    for i in reversed(range(len(layers))):
        by_layers[2 * i].addmm_(hidden[i].T, derivative)
        by_layers[2 * i + 1].add_(derivative.sum(0))
        derivative = torch.ops.aten.tanh_backward(derivative @ layers[i][0].T, hidden[i])
    return derivative


def _chunks(n: int, coordinates: Tensor) -> list[slice]:
    rows = ROWS_ON_CPU if coordinates.device.type == "cpu" else ROWS_ON_GPU
    step = max(1, rows // len(coordinates))
    return [slice(start, start + step) for start in range(0, n, step)]
