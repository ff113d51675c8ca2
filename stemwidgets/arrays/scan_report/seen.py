"""Everything read of a scan, and the quantities derived from it, for the findings."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.band_limit.limit import highest_frequency
from stemwidgets.arrays.calibration.descan import Descan, fit_descan
from stemwidgets.arrays.calibration.scan_rotation import SMALLEST_SCAN
from stemwidgets.arrays.disc.find import Disc, find_disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.left_out import LeftOut
from stemwidgets.arrays.masks import filled_in
from stemwidgets.arrays.overview import Overview
from stemwidgets.arrays.scan_report.counting import Counting

FEWEST = 16  # patterns: those of one place have the specimen's contrast in the disc

Map = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Seen:
    """A scan that was read once.

    Parameters
    ----------
    axes : Axes
        Calibration of the scan.
    overview : Overview
        Overview of the scan.
    left_out : LeftOut
        Faults of the detector.
    counting : Counting
        Calibration of the detector's counts.
    runs : ndarray, shape [runs, n, ky, kx]
        Patterns of neighbouring positions, as they were recorded.
    counts_faulty : bool
        True if faulty pixels count like the rest.
    leaves_descan : bool
        True if descan is left in.
    beam_energy, semi_angle : float or None
        [keV] and [mrad], where they are known.
    notes : tuple of str
        Metadata that were not used, in sentences.
    """

    axes: Axes
    overview: Overview
    left_out: LeftOut
    counting: Counting
    runs: NDArray[Any]
    counts_faulty: bool = False
    leaves_descan: bool = False
    beam_energy: float | None = None
    semi_angle: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def small(self) -> bool:
        """True if there are too few positions to distinguish descan or measure a rotation."""
        return min(self.overview.sum_image.shape) < SMALLEST_SCAN

    @property
    def few(self) -> bool:
        """True if there are too few patterns for their mean to show the disc as it is."""
        return self.overview.sum_image.size < FEWEST

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """Pixels that are faulty, ``[ky, kx]``."""
        return self.left_out.mask

    @cached_property
    def mean_pattern(self) -> Map:
        """Mean pattern, with the count of the nearest other pixel in those that are faulty."""
        mean = self.overview.mean_pattern
        broken = ~np.isfinite(mean)
        return filled_in(np.where(broken, 0.0, mean), self.hidden | broken)

    @cached_property
    def around(self) -> Map:
        """Median of the 25 pixels about each of the mean pattern."""
        return np.asarray(ndimage.median_filter(self.mean_pattern, 5, mode="nearest"))

    @cached_property
    def disc(self) -> Disc | None:
        """The direct beam; found in the mean of all patterns where a sample did not show it."""
        disc = self.overview.disc
        if disc is not None and disc.sure:
            return disc
        try:
            return find_disc(self.overview.mean_pattern, self.axes.pixel_size, self.hidden)
        except InputError:
            return disc

    @cached_property
    def depth(self) -> Map:
        """Distance of each pixel from the edge of the direct beam, inwards [px along kx]."""
        if self.disc is None:
            return np.full(self.hidden.shape, -np.inf)
        y, x = np.indices(self.hidden.shape)
        center = self.disc.center
        return self.disc.radius - np.hypot((y - center[0]) * self.aspect, x - center[1])

    @cached_property
    def descan(self) -> Descan | None:
        """Wandering of the beam; None from too few patterns."""
        try:
            return fit_descan(self.overview.com, None)
        except InputError:
            return None

    @cached_property
    def com(self) -> Map:
        """Centre of mass ``(y, x)`` less descan, in pixels along kx, ``[iy, ix, 2]``."""
        com = self.overview.com
        defined = np.isfinite(com).all(axis=-1)
        if self.descan is not None:
            com = com - self.descan.positions
        elif defined.any():
            com = com - com[defined].mean(axis=0)
        return np.asarray(com * (self.aspect, 1.0))

    @property
    def aspect(self) -> float:
        """Height over width of a pixel."""
        return self.axes.pixel_size[0] / self.axes.pixel_size[1]

    @property
    def made_whole(self) -> float:
        """Factor that makes up for the pixels that are left out of the counts."""
        whole, seen = self.mean_pattern.sum(), self.mean_pattern[~self.hidden].sum()
        return float(whole / seen) if seen > 0 and not self.counts_faulty else 1.0

    @cached_property
    def electrons(self) -> Map:
        """Electrons of each pattern; NaN where the unit of the counts is not known."""
        return np.asarray(self.overview.sum_image / self.counting.unit)

    @cached_property
    def limit(self) -> tuple[float, float] | None:
        """Highest frequency that the scan can hold, in cycles per step; None if not known."""
        highest = highest_frequency(self.axes, self.disc, self.beam_energy, self.semi_angle)
        if highest is None or not self.axes.scan_x.units == self.axes.scan_y.units == "Å":
            return None
        return abs(self.axes.scan_y.scale) * highest, abs(self.axes.scan_x.scale) * highest

    @property
    def oversampled(self) -> bool:
        """True if there are scan frequencies that only noise can have."""
        return self.limit is not None and math.hypot(*self.limit) < math.sqrt(0.5)

    @cached_property
    def variance(self) -> float:
        """⟨k²⟩/2 of the mean pattern about its centre of mass, in pixels along kx squared."""
        pattern = np.clip(self.mean_pattern, 0.0, None)
        total = pattern.sum()
        if not total > 0:
            return float("nan")
        y, x = np.indices(pattern.shape)
        moments = []
        for place, size in ((y, self.aspect), (x, 1.0)):
            middle = (pattern * place).sum() / total
            moments.append(size**2 * (pattern * (place - middle) ** 2).sum() / total)
        return float(np.mean(moments))
