"""A sample of patterns in units of their shot noise, to learn a basis from."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.rrvae.basis.components import OneOrder

KNOT_DISTANCE = 1.5  # pixels: finer splines would follow single pixels
RING = 0.5  # pixels: width of the rings over which radial profiles are averaged
NYQUIST = 0.4  # pixels of radius for each order: nearer to the axis the order is finer than pixels
HIGHEST_ORDER = 24  # of the angle: finer detail along a circle is left to noise
BY_CHANCE = 3.5  # standard deviations of the noise in a harmonic: one in 10⁵ is larger
LIT, DARK, DARKEST = 0.1, 0.03, 1e-3  # shares of the brightest ring

Float = NDArray[np.float32]
Exact = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Whitened:
    """Patterns less their radial mean, over the standard deviation of the shot noise.

    Parameters
    ----------
    patterns : Tensor of float32, shape [n, pixels]
        Whitened patterns, each times its `root_dose`.
    root_dose : ndarray, shape [n, 1]
        Square root of what a pattern counts for, over the mean: so weighed, all have the same
        noise.
    radius, phi : ndarray, shape [pixels]
        Polar coordinates about the optic axis [pixels, rad].
    mean, radial : ndarray, shape [pixels]
        Mean pattern and its rotational mean, in counts.
    weight : ndarray, shape [pixels]
        Inverse of the standard deviation of the shot noise of a single pattern.
    dose : float
        Counts of the mean pattern.
    gain : float
        Factor by which neighbours make the noise weaker, on average.
    share : float
        Share of the patterns that are independent of each other.
    """

    patterns: Tensor
    root_dose: Exact
    radius: Exact
    phi: Exact
    mean: Exact
    radial: Exact
    weight: Exact
    dose: float
    gain: float
    share: float

    @property
    def independent(self) -> float:
        """Number of patterns that are independent of each other."""
        return self.share * len(self.patterns)

    @classmethod
    def of(
        cls,
        prepared: Float,
        y: Exact,
        x: Exact,
        gain: Float | None = None,
        independent: float = 1.0,
    ) -> Self:
        """Whiten counts; the parameters are those of `fit_basis`."""
        radius, phi = np.hypot(y, x), np.arctan2(y, x)
        splines, _ = radial_splines(radius)
        total = prepared.sum(axis=1, keepdims=True)
        dose = float(total.mean())
        counts_for = total / dose if gain is None else total / dose * gain[:, None]
        mean_gain = 1.0 if gain is None else float(counts_for.mean())
        relative_dose = counts_for / np.float32(mean_gain)
        scaled = prepared * (dose / total)
        mean = prepared.mean(axis=0)
        smooth = np.linalg.solve(splines.T @ splines, splines.T)
        radial = splines @ (smooth @ mean)
        variance = (relative_dose * (scaled - mean) ** 2).mean(axis=0)
        weight = 1 / np.sqrt(_noise_profile(radial, ring_average(variance, radius)))
        root_dose = np.sqrt(relative_dose)
        patterns = ((scaled - radial) * weight * root_dose).astype(np.float32)
        return cls(
            torch.from_numpy(patterns),
            root_dose,
            radius,
            phi,
            mean,
            radial,
            weight,
            dose,
            mean_gain,
            independent,
        )

    def orders(self, highest: int) -> list[OneOrder]:
        """Project the patterns on splines of each angular order up to the highest."""
        splines, knots = radial_splines(self.radius)
        root_dose = torch.from_numpy(self.root_dose[:, 0].astype(np.float64))
        used = [(m, knots >= NYQUIST * m) for m in range(highest + 1)]
        return [
            OneOrder.project(
                m,
                self.patterns,
                root_dose,
                torch.from_numpy(splines[:, fits]),
                self.phi,
                self.independent,
            )
            for m, fits in used
            if fits.any()
        ]

    def background(self, turning_mean: Exact, noise: float) -> Exact:
        """Part of the mean pattern that does not turn, without the shot noise of the mean.

        Its rotational mean, smooth harmonics that stand out of the noise, and of what is left as
        much as stands out, ring by ring (James & Stein, Proc. 4th Berkeley Symp. 1, 361 (1961)).

        Parameters
        ----------
        turning_mean : ndarray, shape [pixels]
            Mean of the harmonics that turn, whitened.
        noise : float
            Variance of the noise of a whitened pixel.
        """
        of_mean = noise * max(1.0, self.gain * self.share) / self.independent
        rest = (self.mean - self.radial) * self.weight - turning_mean
        left = rest - ring_average(rest, self.radius)  # finer than the splines, at sharp edges
        splines, knots = radial_splines(self.radius)
        for m in range(1, HIGHEST_ORDER + 1):
            radial = splines[:, knots >= NYQUIST * m]
            if radial.size:
                apart = np.linalg.inv(np.linalg.cholesky(radial.T @ radial)).T
                harmonics = (radial @ apart) * np.exp(-1j * m * self.phi)[:, None]
                found = left @ harmonics
                found[np.abs(found) ** 2 < BY_CHANCE**2 * of_mean] = 0
                left -= 2 * (harmonics.conj() @ found).real
        ring = (self.radius / KNOT_DISTANCE).astype(int)
        pixels, energy = np.bincount(ring), np.bincount(ring, left**2)
        by_chance = np.clip(pixels - 2, 0, None) * of_mean
        stands_out = np.clip(1 - by_chance / np.maximum(energy, 1e-30), 0, 1)
        return self.radial + (rest - left + stands_out[ring] * left) / self.weight


def _noise_profile(mean: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance of the shot noise, in counts, from radial profiles of the mean and the variance.

    It is the mean where there is light. In the dark, next to an edge that is sharper than the
    splines, it is what the variance says.
    """
    lit = mean > LIT * mean.max()
    unit = np.percentile(variance[lit] / mean[lit], 10)
    dark = np.where(mean < DARK * mean.max(), variance / unit if unit > 0 else 0.0, 0.0)
    return np.maximum(np.maximum(mean, dark), DARKEST * mean.max())


def ring_average(values: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the values at about the same radius; unlike splines it never swings below zero."""
    ring = (radius / RING).astype(int)
    return (np.bincount(ring, values) / np.maximum(np.bincount(ring), 1))[ring]


def radial_splines(
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
