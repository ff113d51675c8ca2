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

from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae.basis.components import Components, OneOrder

HIGHEST_ORDER = 24  # of the angle: finer detail along a circle is left to noise
KNOT_DISTANCE = 1.5  # pixels: finer splines would follow single pixels
RING = 0.5  # pixels: width of the rings over which radial profiles are averaged
# times the distance of the knots: powers of two, as `_coarser_splines` makes them
COARSER = (1, 2, 4, 8)
MOST_COMPONENTS = 96  # of which weaker ones hold little but cost time and memory for each pattern
LEAST_SHARE = 1e-5  # of the variance of all components, of the signal: a weaker one changes no map
# of the strongest component: in data without noise, where its posterior would be a point
PRECISION = 1e-4
ROUNDING = 1e-9  # of the counts in a pixel: variance that rounding leaves
COM_MARGIN = 2.0  # the noise of dark pixels far out, where the COM looks, is known about so well
LEAST_REST = 1e-3  # of the COM
LIT, DARK, DARKEST = 0.1, 0.03, 1e-3  # shares of the brightest ring

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


def fit_basis(prepared: Float, y: NDArray[np.float64], x: NDArray[np.float64]) -> HarmonicBasis:
    """Learn the basis from a sample of patterns; its components are sorted by variance.

    `prepared` are counts ``[n, pixels]``, none of them empty, `y` and `x` the coordinates about the
    optic axis, in pixels. The knots of the radial splines lie as far apart as lets the components
    hold most of the signal. An InputError if no component stands out of the noise: all patterns are
    alike.
    """
    radius, phi = np.hypot(y, x), np.arctan2(y, x)
    splines, knots = _radial_splines(radius)
    total = prepared.sum(axis=1, keepdims=True)
    dose = float(total.mean())
    scaled = prepared * (dose / total)
    relative_dose = total / dose  # what a pattern counts for: its noise is that much weaker
    mean_pattern = prepared.mean(axis=0)
    smooth = np.linalg.solve(splines.T @ splines, splines.T)
    radial = splines @ (smooth @ mean_pattern)
    variance = (relative_dose * (scaled - mean_pattern) ** 2).mean(axis=0)
    weight = 1 / np.sqrt(_noise_profile(radial, _ring_average(variance, radius)))
    root_dose = np.sqrt(relative_dose)
    whitened = torch.from_numpy(((scaled - radial) * weight * root_dose).astype(np.float32))
    rooted = torch.from_numpy(root_dose[:, 0].astype(np.float64))

    orders = [
        OneOrder.project(m, whitened, rooted, torch.from_numpy(splines[:, knots >= 0.4 * m]), phi)
        for m in range(HIGHEST_ORDER + 1)
        if (knots >= 0.4 * m).any()
    ]
    found = max((Components.find(orders, coarser) for coarser in COARSER), key=Components.captured)
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
    order, variance, signal = found.order[kept], found.variance[kept], found.signal[kept]
    harmonics = found.functions[:, kept]
    noise = max(found.noise, PRECISION * float(variance[0]))
    background = mean_pattern - found.turning_mean / weight

    rest = _rest_of_com(harmonics[:, order == 1], y, x, weight)
    parts = np.stack([rest.real, rest.imag], axis=1)
    moments = (whitened @ torch.from_numpy(parts.astype(np.float32))).numpy()
    moments = moments - root_dose * (((background - radial) * weight) @ parts)
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
        weight=weight.astype(np.float32),
        dose=dose,
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


def _noise_profile(mean: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance of the shot noise, in counts, from radial profiles of the mean and the variance.

    It is the mean where there is light. In the dark, next to an edge that is sharper than the
    splines, it is what the variance says.
    """
    lit = mean > LIT * mean.max()
    unit = np.percentile(variance[lit] / mean[lit], 10)
    dark = np.where(mean < DARK * mean.max(), variance / unit if unit > 0 else 0.0, 0.0)
    return np.maximum(np.maximum(mean, dark), DARKEST * mean.max())


def _ring_average(values: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the values at about the same radius; unlike splines it never swings below zero."""
    ring = (radius / RING).astype(int)
    return (np.bincount(ring, values) / np.maximum(np.bincount(ring), 1))[ring]


def _radial_splines(
    radius: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cubic B-splines of the radius, and the radii of their knots."""
    knots = np.arange(np.ceil(radius.max() / KNOT_DISTANCE) + 1)
    distance = np.abs(radius[:, None] / KNOT_DISTANCE - knots)
    inner = (4 - 6 * distance**2 + 3 * distance**3) / 6
    outer = (2 - distance) ** 3 / 6
    splines = np.where(distance < 1, inner, np.where(distance < 2, outer, 0.0))
    used = (splines**2).sum(axis=0) > 1e-3
    return splines[:, used], knots[used] * KNOT_DISTANCE
