"""Principal components of turning patterns, order by order, and the selection above the noise.

For each angular order the radial functions are the eigenvectors of the covariance of the patterns
against that of their shot noise (Zhao & Singer, J. Opt. Soc. Am. A 30, 871 (2013),
doi:10.1364/JOSAA.30.000871; the edge of the noise after Marchenko & Pastur, 1967).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# times the edge of the noise, which in a finite sample scatters by some per cent, and by more in a
# small one: by n^(-2/3) of n patterns (Johnstone, Ann. Stat. 29, 295 (2001))
NOISE_MARGIN, SCATTER = 1.2, 5.0
EIGENVALUES = 1000  # at which the density of those of noise is added up
# times the distance of the knots: powers of two, as `_coarser_splines` makes them
COARSER = (1, 2, 4, 8)
FIXED_SIGNIFICANCE = 12.0  # times the power that random angles leave on average: far beyond chance
CHANCE = 6.0  # standard deviations of the power that noise leaves in a mean


@dataclass(frozen=True, eq=False)
class OneOrder:
    """Patterns projected on the splines of one angular order.

    Parameters
    ----------
    m : int
        The order.
    harmonics : Tensor, shape [pixels, splines]
        Splines times exp(-imφ).
    moments : Tensor, shape [n, splines]
        Whitened patterns times harmonics, times `root_dose`.
    root_dose : Tensor, shape [n]
        Square root of the dose of each pattern over the mean: so weighed, all have the same noise.
    overlap : Tensor, shape [splines, splines]
        Overlap of the splines: the covariance of the moments of noise.
    independent : float
        Number of patterns that are independent of each other.
    """

    m: int
    harmonics: Tensor
    moments: Tensor
    root_dose: Tensor
    overlap: Tensor
    independent: float

    @classmethod
    def project(
        cls,
        m: int,
        whitened: Tensor,
        root_dose: Tensor,
        splines: Tensor,
        phi: NDArray[np.float64],
        independent: float,
    ) -> "OneOrder":
        """Project whitened patterns ``[n, pixels]``, so weighed, on splines."""
        # torch, not numpy: it keeps to the one thread that small matrices need
        harmonics = splines * torch.from_numpy(np.exp(-1j * m * phi))[:, None]
        moments = torch.complex(
            whitened @ harmonics.real.float(), whitened @ harmonics.imag.float()
        ).to(harmonics.dtype)
        return cls(m, harmonics, moments, root_dose, splines.T @ splines, independent)

    def components(
        self, coarser: int
    ) -> tuple[NDArray[np.float64], NDArray[np.complex128], NDArray[np.float64]]:
        """Variances and functions of the principal components, and the mean that turns."""
        combine = torch.from_numpy(_coarser_splines(len(self.overlap), coarser))
        overlap = combine.T @ self.overlap @ combine
        overlap += 1e-6 * overlap.diagonal().mean() * torch.eye(len(overlap))
        root = torch.linalg.cholesky(overlap).to(self.moments.dtype)
        combine = combine.to(self.moments.dtype)
        white = torch.linalg.solve_triangular(root, (self.moments @ combine).T, upper=False)
        harmonics = self.harmonics @ combine
        mean = (white * self.root_dose).mean(dim=1, keepdim=True)
        turning_mean = torch.zeros(len(harmonics))
        if self.m == 0 or _is_fixed(white, mean, self.independent):
            white = white - mean * self.root_dose
        else:
            dual = torch.linalg.solve_triangular(root.mH, mean, upper=True)
            turning_mean = 2 * (harmonics.conj() @ dual).real[:, 0]
        covariance = white @ white.mH / white.shape[1]
        variance, vectors = torch.linalg.eigh(covariance if self.m else covariance.real)
        vectors = vectors.to(harmonics.dtype)
        vectors = torch.linalg.solve_triangular(root.mH, vectors, upper=True)
        functions = harmonics @ vectors.conj() * (2**0.5 if self.m else 1.0)
        return variance.numpy(), functions.numpy(), turning_mean.numpy()


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components of all orders, at one distance of the knots."""

    order: NDArray[np.int64]
    variance: NDArray[np.float64]
    signal: NDArray[np.float64]
    noise: float
    functions: NDArray[np.complex128]
    turning_mean: NDArray[np.float64]
    kept_share: NDArray[np.float64]

    @classmethod
    def find(cls, orders: list[OneOrder]) -> "Components":
        """Find those of all orders that hold most of the signal, by the distance of the knots.

        The noise is that of the finest functions: they are the most, and hold the least signal.
        """
        finest = cls.of(orders, COARSER[0])
        others = [cls.of(orders, coarser, finest.noise) for coarser in COARSER[1:]]
        return max([finest, *others], key=cls.captured)

    @classmethod
    def of(cls, orders: list[OneOrder], coarser: int, noise: float | None = None) -> "Components":
        """Find those with knots that many times as far apart; measure their noise if not known."""
        variances, functions, turning_means = zip(
            *(order.components(coarser) for order in orders), strict=True
        )
        variance = np.concatenate(variances)
        ranks = np.concatenate([np.full(len(v), len(v)) for v in variances])
        aspect = ranks / orders[0].independent
        if noise is None:
            noise = float(np.median(variance / _typical(aspect)))
        margin = max(NOISE_MARGIN, 1 + SCATTER * orders[0].independent ** (-2 / 3))
        signal, kept_share = _without_noise(variance / max(noise, 1e-30), aspect, margin)
        return cls(
            np.concatenate([np.full(len(v), o.m) for v, o in zip(variances, orders, strict=True)]),
            variance,
            signal * noise,
            noise,
            np.concatenate(functions, axis=1),
            np.sum(turning_means, axis=0),
            kept_share,
        )

    def captured(self) -> float:
        """Energy of the signal that the components hold, in units of the noise."""
        parts = np.where(self.order > 0, 2, 1)
        return float((parts * self.signal * self.kept_share).sum() / max(self.noise, 1e-30))


def _typical(aspect: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of the eigenvalues of noise of unit variance (Marchenko & Pastur, 1967)."""
    medians = {}
    for ratio in np.unique(aspect):
        low, high = (1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2
        value = np.linspace(low, high, EIGENVALUES)[1:-1]
        share = np.cumsum(np.sqrt((high - value) * (value - low)) / value)
        vanish = max(0.0, 1 - 1 / ratio)  # of them, where there are more functions than patterns
        at = (0.5 - vanish) / (1 - vanish)
        medians[ratio] = np.interp(at, share / share[-1], value) if at > 0 else low
    return np.array([medians[ratio] for ratio in aspect])


def _without_noise(
    variance: NDArray[np.float64], aspect: NDArray[np.float64], margin: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variance of the signal behind each eigenvalue, and the share of it in its eigenvector.

    Eigenvalues are in units of the noise, `aspect` is the number of splines over that of patterns;
    both results are 0 below `margin` times the edge of the noise (Baik & Silverstein, J. Multivar.
    Anal. 97, 1382 (2006), doi:10.1016/j.jmva.2005.08.003; Paul, Stat. Sin. 17, 1617 (2007)).
    """
    above = variance > (1 + np.sqrt(aspect)) ** 2 * margin
    rest = np.where(above, variance - 1 - aspect, 2 * np.sqrt(aspect))
    signal = (rest + np.sqrt(np.clip(rest**2 - 4 * aspect, 0, None))) / 2
    share = (1 - aspect / signal**2) / (1 + aspect / signal)
    return np.where(above, signal, 0.0), np.where(above, np.clip(share, 0, 1), 0.0)


def _coarser_splines(fine: int, coarser: int) -> NDArray[np.float64]:
    """Matrix that combines cubic splines into ones with knots a power of two further apart."""
    combine = np.eye(fine)
    while coarser > 1:
        count = combine.shape[1]
        centers = np.arange(count % 2, count + 2, 2)
        step = np.zeros((count, len(centers)))
        for column, center in enumerate(centers):
            for offset, weight in zip(range(-2, 3), (1, 4, 6, 4, 1), strict=True):
                if 0 <= center + offset < count:
                    step[center + offset, column] = weight / 8
        combine, coarser = combine @ step, coarser // 2
    return combine


def _is_fixed(white: Tensor, mean: Tensor, independent: float) -> bool:
    """True if the mean of an order is more than random angles leave: a part that does not turn."""
    covariance = white @ white.mH / white.shape[1]
    noise = len(white) * float(torch.linalg.eigvalsh(covariance).median())
    signal = max(0.0, float(covariance.diagonal().real.sum()) - noise)
    by_chance = FIXED_SIGNIFICANCE * signal + (1 + CHANCE / len(white) ** 0.5) * noise
    return independent * float(mean.abs().square().sum()) > by_chance
