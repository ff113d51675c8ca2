"""Centre of mass of a scan, as calibrated signals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.center_of_mass import calibrated
from stemwidgets.arrays.overview import overview
from stemwidgets.signals.axes import map_signal, to_arrays


@dataclass(frozen=True, eq=False)
class CenterOfMass:
    """Centre of mass at every scan position, in the detector frame.

    Each map is a HyperSpy ``Signal2D`` with the axes of the scan; its data are ``[iy, ix]``.

    Parameters
    ----------
    x, y : Signal2D
        Components along +kx and +ky (down), in the units of the detector axes (1/Å where
        calibrated). They point towards nuclei.
    magnitude : Signal2D
        Length of (x, y).
    angle : Signal2D
        Direction [rad, in (-π, π]]; positive turns +kx towards +ky, clockwise on the screen.
    """

    x: Any
    y: Any
    magnitude: Any
    angle: Any

    def __repr__(self) -> str:
        """Name the maps, their size and units."""
        rows, columns = self.x.data.shape
        return (
            f"<CenterOfMass, scan {rows}×{columns}: x, y, magnitude [{self._units}], angle [rad]>"
        )

    @property
    def _units(self) -> str:
        return str(self.x.metadata.Signal.quantity.partition("(")[2].rstrip(")"))


def center_of_mass(source: Any, mask: NDArray[Any] | None = None) -> CenterOfMass:
    """Centre of mass ⟨k⟩ of every pattern, about that of the mean pattern.

    Parameters
    ----------
    source : signal, path or array
        A HyperSpy or pyxem signal, a file, or a numpy or dask array ``[iy, ix, ky, kx]``; lazy data
        are streamed.
    mask : ndarray, shape [ky, kx], optional
        Weight of each detector pixel; 0 leaves a pixel out, whatever it holds.

    Returns
    -------
    CenterOfMass
        ``.x .y .magnitude .angle``; NaN where a pattern has no counts. pyxem's beam shift is minus
        this, in pixels.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If `source` is no scan of diffraction patterns, a pixel is not finite or the mask has
        another shape.

    Notes
    -----
    Müller et al., Nat. Commun. 5, 5653 (2014), doi:10.1038/ncomms6653.
    """
    data, axes, title = to_arrays(source)
    seen = overview(data, mask)
    deflection = calibrated(seen.com, axes, seen.reference)
    prefix = f"{title}: " if title else ""

    def as_signal(values: NDArray[np.float64], quantity: str, units: str) -> Any:
        return map_signal(values, axes, prefix + quantity, quantity, units)

    return CenterOfMass(
        as_signal(deflection.x, "COM x", deflection.units),
        as_signal(deflection.y, "COM y", deflection.units),
        as_signal(deflection.magnitude, "COM magnitude", deflection.units),
        as_signal(deflection.angle, "COM angle", "rad"),
    )
