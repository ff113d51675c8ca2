"""Highest frequency that a scan can hold, and maps without the frequencies beyond.

At each detector pixel the intensity over the position of the probe holds no scan frequency beyond
2α/λ, as the wave is linear in the probe: what lies beyond is noise, or a fault of the scan.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.calibration.electrons import wavelength
from stemwidgets.arrays.disc.find import Disc
from stemwidgets.arrays.words import number

NOTHING_TO_GAIN = math.pi / 4  # share of the frequencies: steps of λ/4α, that of a scan on the edge

Map = NDArray[np.float64]


@dataclass(frozen=True)
class BandLimit:
    """Highest frequency of a scan, in its steps.

    Parameters
    ----------
    frequency : float
        Highest scan frequency [1/Å], 2α/λ.
    per_step : (float, float)
        The same along y and x [waves per scan step].
    periodic : bool
        True if the scan goes on at its other edge.
    excess : float
        Variance of other noise that is alike at all frequencies, as of jitter, over that of the
        shot noise.
    """

    frequency: float
    per_step: tuple[float, float]
    periodic: bool = False
    excess: float = 0.0

    @property
    def words(self) -> str:
        """The limit in words."""
        return f"With neighbours, up to the scan frequency {number(self.frequency, 3)} 1/Å"

    def error(self, variance: Map) -> Map:
        """Variance of a map with its neighbours, over that of its shot noise alone, ``[iy, ix]``.

        `variance` is the share of white noise that is left. Jitter of the positions adds its excess
        times the rest: so it is, to 10 %, on scans that jitter by 5 and 10 % of the probe.
        """
        return variance + max(self.excess, 0.0) * (1 - variance)

    @property
    def share(self) -> float:
        """Share of the frequencies of the scan that are within the limit, 0 to 1."""
        down, along = (np.linspace(-0.5, 0.5, 401) / limit for limit in self.per_step)
        return float((np.hypot(down[:, None], along) <= 1).mean())


def highest_frequency(
    axes: Axes, disc: Disc | None, energy: float | None, semi_angle: float | None
) -> float | None:
    """Twice the radius of the direct beam, 2α/λ [1/Å]; None where it is not known.

    Parameters
    ----------
    axes : Axes
        Axes of the scan.
    disc : Disc or None
        The direct beam.
    energy : float or None
        Energy of the beam [keV].
    semi_angle : float or None
        Semi-angle of convergence [mrad], if the metadata hold one.
    """
    if disc is not None and disc.sure and axes.kx.units == "1/Å":
        return 2 * disc.radius * abs(axes.kx.scale)
    if energy is None:
        return None
    if disc is not None and disc.sure and axes.kx.units == "mrad":
        return 2e-3 * disc.radius * abs(axes.kx.scale) / wavelength(energy)
    return None if semi_angle is None else 2e-3 * semi_angle / wavelength(energy)


def low_passed(maps: Map, limit: tuple[float, float]) -> tuple[Map, float]:
    """Maps ``[iy, ix, n]`` below a frequency, and the share of white noise that is left in them.

    The scan is mirrored at its edges.
    """
    down, along = (np.arange(size) / (2 * size) for size in maps.shape[:2])
    keep = np.hypot(down[:, None] / limit[0], along / limit[1]) <= 1
    waves = fft.dctn(maps, axes=(0, 1), norm="ortho") * keep[..., None]
    return fft.idctn(waves, axes=(0, 1), norm="ortho"), float(keep.mean())


def middle(size: int, most: int) -> slice:
    """So many of the positions along an axis of the scan at most, in its middle."""
    start = max((size - most) // 2, 0)
    return slice(start, start + most)
