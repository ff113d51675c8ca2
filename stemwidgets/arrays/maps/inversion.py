"""Deviation of the maps of a crystal from inversion symmetry."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.errors import InputError


@dataclass(frozen=True, eq=False)
class Inversion:
    """The best centre of inversion of maps, and the evidence against it.

    Parameters
    ----------
    center : (float, float)
        Scan position (iy, ix), whole or half numbers. In a lattice there are others, half a period
        away.
    breaking : float
        1 - the correlation of the maps with themselves, inverted about the centre: 0 where they
        have a centre of inversion, 1 where inverted maps have nothing in common with them.
    map : ndarray of float64, shape [iy, ix]
        Breaking of inversion: distance of the maps from the inverted ones, in units of their
        spread.
    """

    center: tuple[float, float]
    breaking: float
    map: NDArray[np.float64]


def measure_inversion(maps: ArrayLike, odd: bool = False) -> Inversion:
    """Find the centre of inversion of maps ``[iy, ix]`` or ``[iy, ix, d]`` of whole cells.

    Seen along the beam, inversion is a half turn. If a thin crystal has such a centre, the patterns
    at r and at the inverted position are turned by 180° against each other, and otherwise the same.
    Quantities that do not turn with a pattern (latent variables, dark field, length of the COM) are
    then even about the centre; those that turn with it like a vector (the COM; cosine and sine of
    an angle) are odd. Errors are those of `stemwidgets.measure_inversion`.

    Notes
    -----
    The correlations about all centres are one self-convolution, done by Fourier transforms.
    """
    values = np.asarray(maps, dtype=float)
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or min(values.shape) < 1:
        raise InputError(f"Expected maps [iy, ix] or [iy, ix, d], got the shape {values.shape}.")
    if not np.isfinite(values).all():
        raise InputError("Expected maps without NaN, of a scan without gaps.")
    if not odd:
        values = values - values.mean(axis=(0, 1))
    power = (values**2).sum()
    if not power > 0:
        raise InputError("Expected maps whose values differ from place to place.")
    waves = np.fft.fft2(values, axes=(0, 1))
    correlation = np.fft.ifft2(waves**2, axes=(0, 1)).real.sum(axis=-1) / power
    sign = -1 if odd else 1
    rows, columns = correlation.shape
    iy, ix = np.unravel_index((sign * correlation).argmax(), correlation.shape)
    inverted = values[(iy - np.arange(rows))[:, None] % rows, (ix - np.arange(columns)) % columns]
    apart = np.sqrt(((values - sign * inverted) ** 2).sum(axis=-1) * rows * columns / power)
    breaking = 1 - sign * float(correlation[iy, ix])
    return Inversion((int(iy) / 2, int(ix) / 2), breaking, apart)
