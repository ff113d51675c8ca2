"""Vector maps of a scan as calibrated signals."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import hyperspy.api as hs
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays import fields
from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.color_wheel import vector_image
from stemwidgets.signals.maps.scan_signals import map_signal

Map = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class VectorMaps:
    """A vector at every scan position, in the detector frame.

    Each map is a HyperSpy ``Signal2D`` with the axes of the scan; its data are ``[iy, ix]``.

    Parameters
    ----------
    x, y : Signal2D
        Components along +kx and +ky (down).
    magnitude : Signal2D
        Length of (x, y).
    angle : Signal2D
        Direction [rad, in (-π, π]]; positive turns +kx towards +ky, clockwise on the screen.
    axes : Axes
        Calibration of the scan.
    units : str
        Units of `x`, `y` and `magnitude`.
    name : str
        Name of the vector in the titles of its maps: ``"COM"``.
    title : str
        Title of the scan.
    """

    x: Any
    y: Any
    magnitude: Any
    angle: Any
    axes: Axes
    units: str
    name: str
    title: str

    def __repr__(self) -> str:
        """Name the maps, their size and units."""
        rows, columns = self.x.data.shape
        return (
            f"<{type(self).__name__}, scan {rows}×{columns}: x, y, magnitude [{self.units}], "
            "angle [rad]>"
        )

    @cached_property
    def divergence(self) -> Any:
        """Divergence ∂x/∂x + ∂y/∂y as a signal, per unit of the scan axes.

        Central differences, one-sided at the edges of the scan and beside positions that are NaN;
        see `stemwidgets.arrays.fields.divergence`. That of the COM is negative at atoms.

        Raises
        ------
        InputError
            If the scan is a line.
        """
        values = fields.divergence(self.y.data, self.x.data, self._steps)
        return self._map(values, f"{self.name} divergence", self._per_length)

    @cached_property
    def curl(self) -> Any:
        """Curl ∂y/∂x − ∂x/∂y as a signal; positive where the vectors turn from +x to +y.

        A diagnostic: electric fields in a thin specimen have none. Edges as for `divergence`.

        Raises
        ------
        InputError
            If the scan is a line.
        """
        values = fields.curl(self.y.data, self.x.data, self._steps)
        return self._map(values, f"{self.name} curl", self._per_length)

    def color_image(self, limit: float | None = None) -> Any:
        """Picture with a colour for the direction, paler for shorter vectors.

        Parameters
        ----------
        limit : float, optional
            Length from which the colours are full, in `units`; the 95th percentile of all lengths
            if not given.

        Returns
        -------
        Signal2D of RGB
            With the axes of the scan; grey where the vector is not known.

        Raises
        ------
        InputError
            If `limit` is not positive.
        """
        picture = vector_image(self.y.data, self.x.data, limit)
        signal = hs.signals.Signal1D(picture)
        signal.change_dtype("rgb8")
        return self._map(signal.data, f"{self.name} direction", "")

    @property
    def _steps(self) -> tuple[float, float]:
        return self.axes.scan_y.scale, self.axes.scan_x.scale

    @property
    def _per_length(self) -> str:
        return fields.per_length(self.units, self.axes.scan_x.units)

    def _map(self, values: Any, quantity: str, units: str) -> Any:
        prefix = f"{self.title}: " if self.title else ""
        return map_signal(values, self.axes, prefix + quantity, quantity, units)


def component_signals(
    y: Map, x: Map, axes: Axes, title: str, name: str, units: str
) -> dict[str, Any]:
    """The fields of :class:`VectorMaps` that follow from two components."""
    prefix = f"{title}: " if title else ""
    maps = {
        "x": (x, units),
        "y": (y, units),
        "magnitude": (np.hypot(x, y), units),
        "angle": (np.arctan2(y + 0.0, x + 0.0), "rad"),  # the angle of -0.0 would be -π
    }
    signals = {
        key: map_signal(values, axes, f"{prefix}{name} {key}", f"{name} {key}", unit)
        for key, (values, unit) in maps.items()
    }
    return {**signals, "axes": axes, "units": units, "name": name, "title": title}
