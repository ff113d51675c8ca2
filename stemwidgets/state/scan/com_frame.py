"""Frame and units in which a session shows its centre of mass."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.band_limit.maps import limited_centroids
from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.calibration.measure import Measured, to_scan_frame
from stemwidgets.arrays.center_of_mass import Deflection
from stemwidgets.arrays.overview import Overview

Map = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ComFrame:
    """Frame of the detector, less a descan, or the frame of the scan by a calibration.

    Parameters
    ----------
    axes : Axes
        Axes of the scan; those of the detector give the units.
    measured : Measured or None
        Calibration that turns the COM, and has a descan of its own.
    descan : Descan or None
        Descan that is taken off without one.
    """

    axes: Axes
    measured: Measured | None
    descan: Descan | None

    def deflection(self, overview: Overview) -> Deflection:
        """The centre of mass of a scan in this frame."""
        com, measured = overview.deflection(self.axes, self.descan), self.measured
        if measured is None:
            return com
        pixel = (self.axes.ky.scale, self.axes.kx.scale)
        y, x = to_scan_frame(com.y, com.x, pixel, com.units, measured)
        return Deflection(x, y, np.hypot(x, y), np.arctan2(y, x), com.units)

    def limited(self, overview: Overview, limit: BandLimit) -> tuple[Deflection, Map]:
        """The same without the noise beyond the limit, and the share of its variance left."""
        counts = overview.sum_image[..., None]
        about = np.asarray(overview.reference)
        if self.descan is not None:
            about = about + self.descan.departure
        sums = np.concatenate([counts, counts * overview.com], axis=-1)
        com, share = limited_centroids(sums, about, limit)
        return self.deflection(replace(overview, com=com)), limit.error(share)
