"""Circular harmonics that fit the data: a rotation-invariant (steerable) principal component basis.

A pattern is projected on functions u(r)·exp(-imφ) about the optic axis. Turning the pattern by θ
multiplies the coefficient by exp(-imθ), exactly. The radial functions u are, for each order m, the
eigenvectors of the covariance of the patterns against that of their shot noise; only those above
the noise are kept (Zhao & Singer, J. Opt. Soc. Am. A 30, 871 (2013), doi:10.1364/JOSAA.30.000871;
the edge of the noise after Marchenko & Pastur, 1967).
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.errors import InputError

HIGHEST_ORDER = 24
KNOT_DISTANCE = 1.5
COARSER = (1, 2, 4, 8)
MOST_COMPONENTS = 96
NOISE_MARGIN = 1.1
LEAST_SHARE = 1e-5
PRECISION = 1e-4
FIXED_SIGNIFICANCE = 12.0
ROUNDING = 1e-9

Float = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class HarmonicBasis:
    """Functions that patterns are projected on; coefficients are in units of the shot noise.

    Parameters
    ----------
    order : ndarray of int, shape [components]
        Order m of each component.
    variance : ndarray, shape [components]
        Mean square of the real (and of the imaginary) part of each coefficient.
    signal : ndarray, shape [components]
        How much of that the patterns themselves vary, without noise.
    noise : float
        That of noise alone; in data without noise, a small part of the strongest component, so
        that the latent variables stay smooth.
    functions : ndarray, shape [pixels, 2 * components]
        Real parts, then imaginary parts, of u(r)·exp(-imφ); the latter vanish for m = 0.
    analysis : ndarray, shape [pixels, 2 * components]
        Their duals: ``whitened @ analysis`` are the coefficients.
    background : ndarray, shape [pixels]
        What every pattern has in common and does not turn, per unit dose.
    weight : ndarray, shape [pixels]
        Inverse of the standard deviation of the shot noise, a function of the radius only.
    dose : float
        Counts of the mean pattern.
    """

    order: NDArray[np.int64]
    variance: Float
    signal: Float
    noise: float
    functions: Float
    analysis: Float
    background: Float
    weight: Float
    dose: float

    def project(self, prepared: Float) -> tuple[Float, Float]:
        """Coefficients of patterns and the energy that they leave out.

        Parameters
        ----------
        prepared : ndarray, shape [n, pixels]
            Counts; each pattern is scaled to the mean dose. Rows without counts give NaN.

        Returns
        -------
        coefficients : ndarray, shape [n, 2 * components]
            Real parts, then imaginary parts.
        left_out : ndarray, shape [n]
            Sum of squares of the whitened pattern outside the basis.
        """
        whitened = self._whiten(prepared)
        coefficients = whitened @ self.analysis
        energy = np.einsum("np,np->n", whitened, whitened)
        inside = np.einsum("nc,nc->n", coefficients, whitened @ self.functions)
        return coefficients, np.clip(energy - inside, 0, None)

    def restore(self, coefficients: Float) -> Float:
        """Patterns ``[n, pixels]`` in counts, from coefficients ``[n, 2 * components]``."""
        return self.background + coefficients @ self.functions.T / self.weight

    def with_fixed(self, coefficients: Float) -> "HarmonicBasis":
        """The same basis with one more part, ``[2 * components]``, in the background."""
        more = self.functions @ coefficients / self.weight
        return replace(self, background=(self.background + more).astype(np.float32))

    def _whiten(self, prepared: Float) -> Float:
        total = prepared.sum(axis=1, keepdims=True)
        scale = self.dose / np.where(total > 0, total, np.nan)
        return ((prepared * scale - self.background) * self.weight).astype(np.float32)


def fit_basis(prepared: Float, y: NDArray[np.float64], x: NDArray[np.float64]) -> HarmonicBasis:
    """Learn the basis from a sample of patterns.

    The knots of the radial splines lie as far apart as lets the components hold most of the signal.

    Parameters
    ----------
    prepared : ndarray of float32, shape [n, pixels]
        Counts, none of them empty.
    y, x : ndarray, shape [pixels]
        Coordinates about the optic axis, in pixels.

    Returns
    -------
    HarmonicBasis
        Components sorted by variance.

    Raises
    ------
    InputError
        If no component stands out of the noise: all patterns are alike.
    """
    radius, phi = np.hypot(y, x), np.arctan2(y, x)
    splines, knots = _radial_splines(radius)
    total = prepared.sum(axis=1, keepdims=True)
    dose = float(total.mean())
    scaled = prepared * (dose / total)
    mean_pattern = scaled.mean(axis=0)
    radial = splines @ np.linalg.solve(splines.T @ splines, splines.T @ mean_pattern)
    weight = 1 / np.sqrt(np.maximum(radial, 1e-3 * radial.max()))
    whitened = torch.from_numpy(((scaled - radial) * weight).astype(np.float32))

    orders = [
        _Order.project(m, whitened, torch.from_numpy(splines[:, knots >= 0.4 * m]), phi)
        for m in range(HIGHEST_ORDER + 1)
        if (knots >= 0.4 * m).any()
    ]
    found = max(
        (_Components.find(orders, coarser) for coarser in COARSER), key=_Components.captured
    )
    least = max(
        LEAST_SHARE * np.clip(found.variance - found.noise, 0, None).sum(),
        ROUNDING * float(radial.mean()),
    )
    strongest = np.argsort(-found.variance)
    kept = [i for i in strongest if found.signal[i] > 0 and found.variance[i] > least]
    kept = kept[:MOST_COMPONENTS]
    if not kept:
        raise InputError(
            f"Expected patterns that differ from each other by more than noise, got "
            f"{len(prepared)} that are alike. Check that the scan moved, or pass more counts."
        )
    functions = np.concatenate([found.functions[:, kept].real, found.functions[:, kept].imag], 1)
    overlap = np.linalg.pinv(functions.T @ functions, hermitian=True)
    return HarmonicBasis(
        order=found.order[kept],
        variance=found.variance[kept].astype(np.float32),
        signal=found.signal[kept].astype(np.float32),
        noise=max(found.noise, PRECISION * float(found.variance[kept[0]])),
        functions=np.ascontiguousarray(functions, dtype=np.float32),
        analysis=np.ascontiguousarray(functions @ overlap, dtype=np.float32),
        background=(mean_pattern - found.turning_mean / weight).astype(np.float32),
        weight=weight.astype(np.float32),
        dose=dose,
    )


@dataclass(frozen=True, eq=False)
class _Order:
    """Patterns projected on the splines of one angular order.

    Parameters
    ----------
    m : int
        The order.
    harmonics : Tensor, shape [pixels, splines]
        Splines times exp(-imφ).
    moments : Tensor, shape [n, splines]
        Whitened patterns times harmonics.
    overlap : Tensor, shape [splines, splines]
        Of the splines: the covariance of the moments of noise.
    """

    m: int
    harmonics: Tensor
    moments: Tensor
    overlap: Tensor

    @classmethod
    def project(
        cls, m: int, whitened: Tensor, splines: Tensor, phi: NDArray[np.float64]
    ) -> "_Order":
        # torch, not numpy: it keeps to the one thread that small matrices need
        harmonics = splines * torch.from_numpy(np.exp(-1j * m * phi))[:, None]
        moments = torch.complex(
            whitened @ harmonics.real.float(), whitened @ harmonics.imag.float()
        ).to(harmonics.dtype)
        return cls(m, harmonics, moments, splines.T @ splines)

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
        mean = white.mean(dim=1, keepdim=True)
        turning_mean = torch.zeros(len(harmonics))
        if self.m == 0 or _is_fixed(white, mean):
            white = white - mean
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
class _Components:
    """Principal components of all orders, at one distance of the knots."""

    order: NDArray[np.int64]
    variance: NDArray[np.float64]
    signal: NDArray[np.float64]
    noise: float
    functions: NDArray[np.complex128]
    turning_mean: NDArray[np.float64]
    kept_share: NDArray[np.float64]

    @classmethod
    def find(cls, orders: list[_Order], coarser: int) -> "_Components":
        variances, functions, turning_means = zip(
            *(order.components(coarser) for order in orders), strict=True
        )
        variance = np.concatenate(variances)
        noise = float(np.median(variance))
        ranks = np.concatenate([np.full(len(v), len(v)) for v in variances])
        signal, kept_share = _without_noise(
            variance / max(noise, 1e-30), ranks / len(orders[0].moments)
        )
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


def _without_noise(
    variance: NDArray[np.float64], aspect: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variance of the signal behind each eigenvalue, and how much of it its eigenvector holds.

    Eigenvalues are in units of the noise, `aspect` is the number of splines over that of patterns;
    both results are 0 below the edge of the noise (Baik & Silverstein, J. Multivar. Anal. 97, 1382
    (2006), doi:10.1016/j.jmva.2005.08.003; Paul, Stat. Sin. 17, 1617 (2007)).
    """
    above = variance > (1 + np.sqrt(aspect)) ** 2 * NOISE_MARGIN
    rest = np.where(above, variance - 1 - aspect, 2 * np.sqrt(aspect))
    signal = (rest + np.sqrt(np.clip(rest**2 - 4 * aspect, 0, None))) / 2
    share = (1 - aspect / signal**2) / (1 + aspect / signal)
    return np.where(above, signal, 0.0), np.where(above, np.clip(share, 0, 1), 0.0)


def _coarser_splines(fine: int, coarser: int) -> NDArray[np.float64]:
    """What combines cubic splines into ones with knots a power of two further apart."""
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


def _is_fixed(white: Tensor, mean: Tensor) -> bool:
    """Whether the mean of an order is more than random angles leave: a part that does not turn."""
    power = white.abs().square().sum(dim=0).mean()
    return bool(white.shape[1] * mean.abs().square().sum() > FIXED_SIGNIFICANCE * power)


def _radial_splines(
    radius: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cubic B-splines of the radius, and where their knots lie."""
    knots = np.arange(np.ceil(radius.max() / KNOT_DISTANCE) + 1)
    distance = np.abs(radius[:, None] / KNOT_DISTANCE - knots)
    inner = (4 - 6 * distance**2 + 3 * distance**3) / 6
    outer = (2 - distance) ** 3 / 6
    splines = np.where(distance < 1, inner, np.where(distance < 2, outer, 0.0))
    used = (splines**2).sum(axis=0) > 1e-3
    return splines[:, used], knots[used] * KNOT_DISTANCE
