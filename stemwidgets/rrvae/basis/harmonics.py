"""Circular harmonics that fit the data: a rotation-invariant (steerable) principal component basis.

A pattern is projected on functions u(r)·exp(-imφ) about the optic axis. Turning the pattern by θ
multiplies the coefficient by exp(-imθ), exactly. The radial functions u are learned from the data.
What the COM of a pattern measures beyond them is one component more, if it is more than noise: an
angle that is that of the COM would miss what they leave out of sharp discs and far spots.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.band_limit.maps import MOST_NOISE
from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae.basis.components import Components
from stemwidgets.rrvae.basis.whitened import HIGHEST_ORDER, Whitened

MOST_COMPONENTS = 96  # of which weaker ones hold little but cost time and memory for each pattern
LEAST_SHARE = 1e-5  # of the variance of all components, of the signal: a weaker one changes no map
# of the strongest component: in data without noise, where its posterior would be a point
PRECISION = 1e-4
ROUNDING = 1e-9  # of the counts in a pixel: variance that rounding leaves
NOISE_FROM = 512  # patterns, of which the strongest signal stands out
STRONGEST_ORDER = 6  # of the angle: what is strongest in a pattern has no higher one
COM_MARGIN = 2.0  # the noise of dark pixels far out, where the COM looks, is known about so well
LEAST_REST = 1e-3  # of the COM

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
        Variance of the patterns themselves in each coefficient, without noise.
    noise : float
        Variance of noise alone; in data without noise, a small part of the strongest component, so
        that the latent variables stay smooth.
    functions : ndarray, shape [pixels, 2 * components]
        Real parts, then imaginary parts, of u(r)·exp(-imφ); the latter vanish for m = 0.
    analysis : ndarray, shape [pixels, 2 * components]
        Their duals: ``whitened @ analysis`` are the coefficients.
    background : ndarray, shape [pixels]
        Part that all patterns share and that does not turn, per unit dose.
    weight : ndarray, shape [pixels]
        Inverse of the standard deviation of the shot noise, a function of the radius only.
    dose : float
        Counts of the mean pattern.
    gain : float
        Factor by which neighbours made the noise of these patterns weaker, on average.
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
    gain: float = 1.0

    def project(self, prepared: Float) -> tuple[Float, Float]:
        """Coefficients of patterns ``[n, pixels]`` in counts, and the energy that they leave out.

        Each pattern is scaled to the mean dose; one without counts gives NaN. The coefficients are
        real parts, then imaginary parts, ``[n, 2 * components]``; the energy is the sum of squares
        of the whitened pattern outside the basis, ``[n]``.
        """
        whitened = np.empty(prepared.shape, dtype=np.float64)
        total = prepared.sum(axis=1)
        scale = (self.dose / np.where(total > 0, total, np.nan)).astype(np.float32)
        energy = _whiten(prepared, scale, self.background, self.weight, whitened)
        # in single precision the last bits would depend on the place of a pattern among the others,
        # and numpy's product would keep all cores busy for a while after it
        coefficients = torch.from_numpy(whitened) @ self._analysis
        inside = ((coefficients @ self._overlap) * coefficients).sum(dim=1)
        left_out = (torch.from_numpy(energy) - inside).clamp(min=0)
        return coefficients.float().numpy(), left_out.float().numpy()

    @cached_property
    def _analysis(self) -> Tensor:
        return torch.from_numpy(self.analysis).double()

    @cached_property
    def _overlap(self) -> Tensor:
        functions = torch.from_numpy(self.functions).double()
        return functions.T @ functions

    def restore(self, coefficients: Float) -> Float:
        """Patterns ``[n, pixels]`` in counts, from coefficients ``[n, 2 * components]``."""
        return self.background + coefficients @ self.functions.T / self.weight

    def with_fixed(self, coefficients: Float) -> "HarmonicBasis":
        """The same basis with one more part, ``[2 * components]``, in the background."""
        more = self.functions @ coefficients / self.weight
        return replace(self, background=(self.background + more).astype(np.float32))


@numba.njit(cache=True, nogil=True, fastmath={"reassoc"})
def _whiten(
    prepared: Float, scale: Float, background: Float, weight: Float, whitened: NDArray[np.float64]
) -> Float:  # pragma: no cover
    """Scale, subtract the background, weigh the rest; return its sum of squares, ``[n]``."""
    energy = np.zeros(len(prepared), dtype=np.float32)
    for i in range(len(prepared)):
        square = np.float32(0)
        for j in range(prepared.shape[1]):
            value = (prepared[i, j] * scale[i] - background[j]) * weight[j]
            whitened[i, j] = value
            square += value * value
        energy[i] = square
    return energy


def shot_noise(prepared: Float, y: NDArray[np.float64], x: NDArray[np.float64]) -> float:
    """Variance of the shot noise of a pattern over that of the strongest signal, at most 10.

    `prepared`, `y` and `x` are as for `fit_basis`; a part of the sample and the lowest orders are
    enough.
    """
    some = prepared[:: max(1, len(prepared) // NOISE_FROM)]
    orders = Whitened.of(some, y, x).orders(STRONGEST_ORDER)
    found = Components.find(orders)
    strongest = float(found.signal.max())
    return min(MOST_NOISE, found.noise / strongest) if strongest > 0 else MOST_NOISE


def fit_basis(
    prepared: Float,
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    gain: Float | None = None,
    independent: float = 1.0,
) -> HarmonicBasis:
    """Learn the basis from a sample of patterns; its components are sorted by variance.

    The knots of the radial splines lie as far apart as lets the components hold most of the signal.

    Parameters
    ----------
    prepared : ndarray, shape [n, pixels]
        Counts of patterns, none of them empty.
    y, x : ndarray, shape [pixels]
        Coordinates about the optic axis [pixels].
    gain : ndarray, shape [n], optional
        Factor by which the neighbours of each pattern make its noise weaker.
    independent : float
        Share of the patterns that are independent of each other.

    Raises
    ------
    InputError
        If no component stands out of the noise: all patterns are alike.
    """
    white = Whitened.of(prepared, y, x, gain, independent)
    orders = white.orders(HIGHEST_ORDER)
    found = Components.find(orders)
    least = max(
        LEAST_SHARE * np.clip(found.variance - found.noise, 0, None).sum(),
        ROUNDING * float(white.radial.mean()),
    )
    strongest = np.argsort(-found.variance)
    kept = [i for i in strongest if found.signal[i] > 0 and found.variance[i] > least]
    kept = kept[:MOST_COMPONENTS]
    if not kept:
        raise InputError(
            f"Expected patterns that differ from each other by more than noise, got "
            f"{len(prepared)} that are alike. Check that the scan moved, or pass more counts."
        )
    order, variance, signal = found.order[kept], found.variance[kept], found.signal[kept]
    harmonics = found.functions[:, kept]
    noise = max(found.noise, PRECISION * float(variance[0]))
    background = white.background(found.turning_mean, found.noise)

    rest = _rest_of_com(harmonics[:, order == 1], y, x, white.weight)
    parts = np.stack([rest.real, rest.imag], axis=1)
    moments = (white.patterns @ torch.from_numpy(parts.astype(np.float32))).numpy()
    moments = moments - white.root_dose * (((background - white.radial) * white.weight) @ parts)
    power = (moments**2).mean()
    if power > max(least, COM_MARGIN * found.noise):
        harmonics = np.column_stack([harmonics, rest])
        order, variance = np.append(order, 1), np.append(variance, power)
        signal = np.append(signal, power - found.noise)
    functions = np.concatenate([harmonics.real, harmonics.imag], axis=1)
    overlap = np.linalg.pinv(functions.T @ functions, hermitian=True)
    return HarmonicBasis(
        order=order,
        variance=variance.astype(np.float32),
        signal=signal.astype(np.float32),
        noise=noise,
        functions=np.ascontiguousarray(functions, dtype=np.float32),
        analysis=np.ascontiguousarray(functions @ overlap, dtype=np.float32),
        background=background.astype(np.float32),
        weight=white.weight.astype(np.float32),
        dose=white.dose,
        gain=white.gain,
    )


def _rest_of_com(
    harmonics: NDArray[np.complex128],
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> NDArray[np.complex128]:
    """COM of a whitened pattern beyond harmonics of first order, as weights ``[pixels]``.

    Zero where next to nothing is left; else as large as the harmonics are.
    """
    com = (x - 1j * y) / weight
    rest = com - harmonics @ np.linalg.lstsq(harmonics, com, rcond=None)[0]
    size = np.linalg.norm(rest)
    known = size < LEAST_REST * np.linalg.norm(com)
    return np.zeros_like(rest) if known else rest * (np.sqrt(2) / size)
