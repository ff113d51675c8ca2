"""Fourier transform of a map over the scan, for its spacings."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.axes import Axis
from stemwidgets.arrays.errors import InputError

DECADES = 6.0  # below the strongest frequency, that are distinguished
ROUNDING = 1e-12  # of the largest value


class Spectrum(NamedTuple):
    """Magnitude of a map's Fourier transform.

    Parameters
    ----------
    magnitude : ndarray of float64, shape [iy, ix]
        In the units of the map: a wave ``A exp(2πi q·r)`` has ``A``, a cosine of amplitude ``A``
        half of it at each of ``±q``. Frequency 0 lies at ``[ny // 2, nx // 2]``.
    qy, qx : Axis
        Frequencies, in 1/Å where the scan is in Å; qy points down.
    """

    magnitude: NDArray[np.float64]
    qy: Axis
    qx: Axis

    @property
    def decades(self) -> NDArray[np.float64]:
        """log₁₀ of the magnitude over that of the strongest frequency; NaN where all are 0."""
        highest = self.magnitude.max()
        if not highest > 0:
            return np.full_like(self.magnitude, np.nan)
        return np.log10(np.maximum(self.magnitude / highest, 10**-DECADES))


def spectrum(values: ArrayLike, y: Axis, x: Axis) -> Spectrum:
    """Fourier transform of a real or complex map ``[iy, ix]``, less its mean, under a Hann window.

    Values that are not finite count as the mean. An InputError if it is no map with these axes.
    """
    array = np.asarray(values)
    if array.ndim != 2 or array.shape != (y.size, x.size) or not array.size:
        raise InputError(
            f"Expected a map of the shape {(y.size, x.size)} of its axes, got {array.shape}."
        )
    array = array.astype(np.result_type(array.dtype, np.float64))
    window = np.outer(_hann(y.size), _hann(x.size))
    weight = np.where(np.isfinite(array), window, 0.0)
    total = weight.sum()
    if total == 0:
        return Spectrum(np.zeros(array.shape), _frequencies(y), _frequencies(x))
    known = np.where(np.isfinite(array), array, 0.0)
    mean = (weight * known).sum() / total
    magnitude = np.abs(np.fft.fftshift(np.fft.fft2(weight * (known - mean)))) / total
    magnitude[magnitude < ROUNDING * np.abs(known).max()] = 0.0
    return Spectrum(magnitude, _frequencies(y), _frequencies(x))


def direction_spectrum(
    angle: ArrayLike, y: Axis, x: Axis, weight: ArrayLike | None = None, fold: int = 1
) -> Spectrum:
    """Fourier transform of ``weight · exp(i fold angle)``: directions have no jump at ±π.

    Parameters
    ----------
    angle : array, shape [iy, ix]
        [rad], defined modulo 2π / fold.
    y, x : Axis
        Axes of the map.
    weight : array, shape [iy, ix], optional
        Certainty of each angle; 1 if not given. One that is not finite counts as 0.
    fold : int
        Symmetry order of the angle.

    Returns
    -------
    Spectrum

    Raises
    ------
    InputError
        If `angle` is no map with these axes.
    """
    wave = np.exp(1j * fold * np.asarray(angle, dtype=float))
    if weight is not None:
        wave = np.nan_to_num(np.asarray(weight, dtype=float)) * wave
    return spectrum(wave, y, x)


def reciprocal(units: str) -> str:
    """Units of a frequency: ``1/Å`` of ``Å``, and ``Å`` of ``1/Å``."""
    return units[2:] if units.startswith("1/") else f"1/{units}"


def _hann(size: int) -> NDArray[np.float64]:
    """A window that is nowhere 0, so that scans of a few positions keep all of them."""
    return np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2


def _frequencies(axis: Axis) -> Axis:
    step = 1 / (axis.size * abs(axis.scale))
    return Axis(axis.size, step, -(axis.size // 2) * step, reciprocal(axis.units))
