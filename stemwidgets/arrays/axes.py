"""Calibrated axes of a 4D-STEM scan, in array order."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Axis:
    """One evenly sampled axis.

    Parameters
    ----------
    size : int
        Number of samples.
    scale : float
        Distance between samples, in `units`.
    offset : float
        Coordinate of the centre of sample 0, in `units`.
    units : str
        ``"Å"``, ``"1/Å"``, ``"px"`` …
    """

    size: int
    scale: float = 1.0
    offset: float = 0.0
    units: str = "px"

    def coordinate(self, index: float) -> float:
        """Coordinate, in `units`, of a (fractional) sample index."""
        return self.offset + self.scale * index


class Axes(NamedTuple):
    """The four axes of a scan, in array order ``[iy, ix, ky, kx]``.

    Parameters
    ----------
    scan_y, scan_x : Axis
        Scan axes, in Å where calibrated; y points down.
    ky, kx : Axis
        Detector axes, in 1/Å where calibrated; ky points down.
    """

    scan_y: Axis
    scan_x: Axis
    ky: Axis
    kx: Axis

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the array that these axes describe."""
        return (self.scan_y.size, self.scan_x.size, self.ky.size, self.kx.size)

    @property
    def pixel_size(self) -> tuple[float, float]:
        """Height and width of a detector pixel, in the units of the detector axes."""
        return (abs(self.ky.scale), abs(self.kx.scale))

    @property
    def pixel_steps(self) -> tuple[float, float]:
        """Steps from pixel to pixel along ky and kx; negative where the axis falls."""
        return (self.ky.scale, self.kx.scale)

    @classmethod
    def uncalibrated(cls, shape: tuple[int, int, int, int]) -> "Axes":
        """Axes in pixels for an array of this shape."""
        return cls(*(Axis(size) for size in shape))
