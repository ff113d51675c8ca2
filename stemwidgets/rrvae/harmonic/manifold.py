"""The decoder: a smooth manifold of patterns over the latent variables.

A pattern is a row of harmonic coefficients: real parts, then imaginary parts. The manifold is a
radial basis function network whose prior is a Gaussian process with the variance that each
component was found to have (generative topographic mapping: Bishop, Svensén & Williams, Neural
Comput. 10, 215 (1998), doi:10.1162/089976698300017953), so that components in which there is
little signal stay near zero.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemwidgets.rrvae.common import distributed

CENTERS = 64  # of the radial functions, about eight along each of two latent variables
SMOOTHNESS = 1.2  # width of the radial functions, times the square root of the latent dimension
JITTER = 1e-4  # of the kernel's diagonal, so that it can be inverted


@dataclass(frozen=True, eq=False)
class Manifold:
    """Patterns as a function of the latent variables z, one function for each class.

    Parameters
    ----------
    order : Tensor, shape [components]
        Angular order m of each component.
    signal : Tensor, shape [2 * components]
        Prior variance of each coefficient; 0 for the imaginary parts of m = 0.
    centers : Tensor, shape [centers, d]
        Places of the radial functions.
    whitening : Tensor, shape [centers, centers]
        Matrix that makes them features which are independent under the prior.
    weights : Tensor, shape [classes, centers + 1, 2 * components]
        Weights of the features; the last feature is constant.
    """

    order: Tensor
    signal: Tensor
    centers: Tensor
    whitening: Tensor
    weights: Tensor

    @classmethod
    def create(
        cls, order: Tensor, signal: Tensor, latent_dim: int, classes: int, seed: int
    ) -> "Manifold":
        """Start from random weights; the same seed gives the same weights on every device."""
        both = torch.cat([signal, signal * (order > 0)])
        centers = scattered_points(CENTERS, latent_dim)
        kernel = _kernel(centers, centers).double() + JITTER * torch.eye(CENTERS)
        whitening = torch.linalg.inv(torch.linalg.cholesky(kernel)).T.float()
        generator = torch.Generator().manual_seed(seed)
        weights = torch.randn(classes, CENTERS + 1, len(both), generator=generator)
        return cls(order, both, centers, whitening, 0.7 * weights * both.sqrt())

    @property
    def latent_dim(self) -> int:
        """Number of latent variables."""
        return self.centers.shape[1]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.weights)

    @property
    def degrees_of_freedom(self) -> float:
        """Number of coefficients of a pattern that can differ from zero."""
        return float((self.signal > 0).sum())

    def to(self, device: torch.device) -> "Manifold":
        """The same manifold on another device."""
        return Manifold(
            self.order.to(device),
            self.signal.to(device),
            self.centers.to(device),
            self.whitening.to(device),
            self.weights.to(device),
        )

    def features(self, latent: Tensor) -> Tensor:
        """Features ``[n, centers + 1]`` of z."""
        features = _kernel(latent, self.centers) @ self.whitening
        return torch.cat([features, torch.ones_like(features[:, :1])], dim=1)

    def decode(self, latent: Tensor, class_index: Tensor) -> Tensor:
        """Coefficients of the unturned pattern for each z ``[n, d]`` and class ``[n]``."""
        features = self.features(latent)
        decoded = features @ self.weights[0]
        for k in range(1, self.classes):
            decoded = torch.where((class_index == k)[:, None], features @ self.weights[k], decoded)
        return decoded

    def decode_with_slopes(self, latent: Tensor, class_index: Tensor) -> tuple[Tensor, Tensor]:
        """Result of `decode`, and its derivatives ``[n, d, 2 * components]`` by z."""
        kernel = _kernel(latent, self.centers)
        steepness = kernel / _width(self.latent_dim) ** 2
        toward = ((self.centers.T - latent[..., None]) * steepness[:, None]).flatten(0, 1)
        decoded = slopes = torch.zeros(0)
        for k in range(self.classes):
            mixed = self.whitening @ self.weights[k, :-1]
            of_class = kernel @ mixed + self.weights[k, -1]
            slopes_of_class = (toward @ mixed).unflatten(0, latent.shape)
            chosen = (class_index == k)[:, None]
            decoded = torch.where(chosen, of_class, decoded) if k else of_class
            slopes = (
                torch.where(chosen[..., None], slopes_of_class, slopes) if k else slopes_of_class
            )
        return decoded, slopes

    def fitted(self, normal: Tensor, target: Tensor, noise: float) -> "Manifold":
        """The most probable manifold, given weighted sums over patterns turned back.

        `normal` ``[classes, centers + 1, centers + 1]`` sums the outer products of the features,
        `target` ``[classes, centers + 1, 2 * components]`` features times patterns; `noise` is the
        variance of a coefficient about the manifold.
        """
        # on the CPU in double precision: small, and singular where z is not used
        values, vectors = torch.linalg.eigh(normal.cpu().double())
        ridge = noise / self.signal.cpu().double().clamp(min=1e-30)
        along = vectors.mT @ target.cpu().double()
        weights = vectors @ (along / (values.clamp(min=0)[..., None] + ridge))
        return replace(self, weights=weights.float().to(self.weights.device))

    def through(
        self,
        latent: Tensor,
        class_index: Tensor,
        patterns: Tensor,
        weight: Tensor,
        noise: float,
        divided: bool = False,
    ) -> "Manifold":
        """The most probable manifold through patterns ``[n, 2 * components]`` of known z.

        If they are `divided`, other processes have the others.
        """
        features = self.features(latent)
        weighted = [features.T * (weight * (class_index == k)) for k in range(self.classes)]
        normal = torch.stack([w @ features for w in weighted])
        target = torch.stack([w @ patterns for w in weighted])
        if divided:
            normal, target = distributed.total(normal), distributed.total(target)
        return self.fitted(normal, target, noise)

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


def scattered_points(count: int, latent_dim: int) -> Tensor:
    """Evenly scattered points ``[count, d]`` of a cube, with unit variance in each direction."""
    uniform = torch.quasirandom.SobolEngine(latent_dim, scramble=True, seed=0).draw(count)
    return (2 * uniform - 1) * math.sqrt(3)


def _kernel(latent: Tensor, centers: Tensor) -> Tensor:
    square = torch.cdist(latent, centers).square()
    return torch.exp(-square / (2 * _width(latent.shape[1]) ** 2))


def _width(latent_dim: int) -> float:
    return SMOOTHNESS * math.sqrt(latent_dim)
