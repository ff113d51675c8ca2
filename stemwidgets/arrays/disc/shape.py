"""Properties of a bright-field disc: position, size, shape and certainty."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Ellipse:
    """A small distortion that makes an ellipse of a circle.

    Parameters
    ----------
    ratio : float
        Long axis over short axis.
    angle : float
        Direction of the long axis [rad, in (-π/2, π/2]]; positive turns +kx towards +ky.
    """

    ratio: float = 1.0
    angle: float = 0.0

    def undo(self, y: Array, x: Array) -> tuple[Array, Array]:
        """Coordinates in which the ellipse is a circle of the same area; no direction is turned.

        `y` and `x` are about the centre, in one unit.
        """
        if self.ratio == 1.0:
            return y, x
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        stretch = np.sqrt(self.ratio)
        along, across = (cos * x + sin * y) / stretch, (cos * y - sin * x) * stretch
        return sin * along + cos * across, cos * along - sin * across


CIRCLE = Ellipse()


@dataclass(frozen=True)
class Disc:
    """The bright-field disc: the direct beam.

    Parameters
    ----------
    center : (float, float)
        ``(ky, kx)`` in pixels about the centre of pixel (0, 0).
    radius : float
        Radius along kx, in pixels; along ky it is ``radius * pixel_width / pixel_height``. That of
        the circle of the same area for an ellipse.
    ellipse : Ellipse
        Shape of the disc's edge; a circle unless the edge says otherwise beyond doubt.
    has_edge : bool
        False where no edge was seen all round: centre and radius are then of the brightest part.
    doubt : str
        Reason why this may not be the direct beam, in words; empty where it is certain.
    cut : bool
        True if the detector ends within the disc.
    given : bool
        True if a person gave the disc.
    """

    center: tuple[float, float]
    radius: float
    ellipse: Ellipse = CIRCLE
    has_edge: bool = True
    doubt: str = ""
    cut: bool = False
    given: bool = False

    @property
    def sure(self) -> bool:
        """True if the disc may be used without asking."""
        return self.has_edge and not self.doubt

    def outline(self, pixel_size: tuple[float, float] = (1.0, 1.0)) -> tuple[Array, Array]:
        """``(ky, kx)`` of points along the edge, in pixels, closed.

        `pixel_size` is the height and width of a pixel, in one unit.
        """
        turn = np.linspace(0, 2 * np.pi, 121)
        stretch = np.sqrt(self.ellipse.ratio)
        along, across = self.radius * np.cos(turn) * stretch, self.radius * np.sin(turn) / stretch
        cos, sin = np.cos(self.ellipse.angle), np.sin(self.ellipse.angle)
        y, x = sin * along + cos * across, cos * along - sin * across
        return self.center[0] + y * pixel_size[1] / pixel_size[0], self.center[1] + x
