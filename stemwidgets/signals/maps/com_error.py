"""Error bars of the centre of mass, as calibrated signals."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.center_of_mass import counting
from stemwidgets.arrays.com_error import com_std, direction_std
from stemwidgets.arrays.faults.clean import CleanScan
from stemwidgets.arrays.overview import sample_pattern
from stemwidgets.arrays.scan_report.counting import scan_counting
from stemwidgets.signals.maps.vector_maps import VectorMaps

Map = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class NoisyVectorMaps(VectorMaps):
    """A vector at every scan position, with the error that the noise of counting makes.

    Parameters
    ----------
    x, y, magnitude, angle, axes, units, name, title
        As for `VectorMaps`.
    noise : callable, optional
        Gives the standard deviation of a component ``[iy, ix]``, when it is asked for.
    """

    noise: Callable[[], Map] | None = field(default=None, kw_only=True)

    @cached_property
    def std(self) -> Any:
        """Standard deviation of a component as a signal, from the noise of counts.

        One map for x and y, the root of their mean variance: they differ where the pattern is far
        from round only. For N electrons it is √(⟨k²⟩/2N), with their mean square distance ⟨k²⟩ from
        the centre of mass; see `stemwidgets.arrays.com_error.com_std`. A few patterns are read for
        it, once: ⟨k²⟩ is that of their mean, and N the position's own. The counts of one electron
        and the noise of the readout are measured by the scatter between neighbouring positions.
        Pixels are taken to scatter apart; gain and descan are not in it. NaN where the vector is,
        and everywhere if the noise is not that of electrons, as in a noise-free simulation.
        """
        values = np.nan if self.noise is None else self.noise()
        defined = np.isfinite(self.magnitude.data)
        return self._map(np.where(defined, values, np.nan), f"{self.name} std", self.units)

    @cached_property
    def angle_std(self) -> Any:
        """Half the width of the 68 % interval of the direction as a signal [rad].

        It is std / magnitude where the vector is long, and at most 0.683 π, that of any direction.
        Short vectors are judged beside the others: see
        `stemwidgets.arrays.com_error.direction_std`. NaN where `std` is.
        """
        values = direction_std(self.magnitude.data, self.std.data)
        return self._map(values, f"{self.name} angle std", "rad")


def noise_of(
    data: Any,
    clean: CleanScan,
    counts: Map,
    pixel: tuple[float, float],
    threshold: float | None,
    background: ArrayLike | None,
    weights: Any,
    factors: ArrayLike = 1.0,
) -> Map:
    """Standard deviation of a component of the centre of mass ``[iy, ix]``; reads a few patterns.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        The scan as it was recorded.
    clean : CleanScan
        The scan without its faults.
    counts : ndarray, shape [iy, ix]
        Σ J of each pattern.
    pixel : (float, float)
        Height and width of a pixel, in the units of the result.
    threshold, background, weights
        As for :func:`stemwidgets.center_of_mass`.
    factors : array, shape [iy, ix]
        Share of the variance that is left at each position, where neighbours were used.
    """
    used = counting(clean.mask, weights, (int(data.shape[2]), int(data.shape[3])))
    scale = scan_counting(data, clean.left_out)
    unit, readout = scale.unit, scale.readout
    pattern = sample_pattern(clean.data)
    return com_std(pattern, counts, unit, pixel, used, threshold, background, factors, readout)
