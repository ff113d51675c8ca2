"""Virtual detectors: pixels of a pattern that are added up, and their weights."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.disc.find import Disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.polygon import surrounded

Preset = Literal["BF", "ABF", "ADF"]
Position = tuple[float, float]
Shape = tuple[int, int]

PRESETS: dict[str, tuple[float, float]] = {  # radii in radii of the bright-field disc
    "BF": (0.0, 1.0),
    "ABF": (0.5, 1.0),
    "ADF": (1.05, 2.0),
}


class Detector(ABC):
    """A sum over some pixels of a pattern.

    Positions are ``(ky, kx)`` in pixels about the centre of pixel (0, 0); radii are in kx-pixels; a
    pixel counts if its centre lies on the detector. `aspect`, where there is one, is the height of
    a pixel over its width.
    """

    @abstractmethod
    def pixels(self, shape: Shape) -> NDArray[Any]:
        """Pixels of a pattern of this shape ``[ky, kx]`` that count: bool, or a weight for each."""


@dataclass(frozen=True)
class AnnularDetector(Detector):
    """A ring, or a disc where `inner` is 0.

    Parameters
    ----------
    center : (float, float)
        ``(ky, kx)`` in pixels about the centre of pixel (0, 0).
    inner, outer : float
        Radii in kx-pixels; a pixel whose centre lies at ``inner <= r < outer`` counts.
    aspect : float
        Height of a pixel over its width.

    Raises
    ------
    InputError
        If the centre is no position, a radius is negative, `outer` does not exceed `inner`, or
        `aspect` is not positive.

    Examples
    --------
    >>> image = sw.virtual_image(signal, sw.AnnularDetector((38.5, 38.5), 20, 35))
    """

    center: Position
    inner: float
    outer: float
    aspect: float = 1.0

    def __post_init__(self) -> None:
        _require_center(self.center, self.aspect)
        if not 0 <= self.inner < self.outer:
            raise InputError(
                f"Expected radii with 0 <= inner < outer, got inner={self.inner}, "
                f"outer={self.outer} pixels."
            )

    def pixels(self, shape: Shape) -> NDArray[np.bool_]:
        """Pixels of a pattern of this shape ``[ky, kx]`` that the detector adds up."""
        y, x = _about(self.center, self.aspect, shape)
        squared = y**2 + x**2
        return (squared >= self.inner**2) & (squared < self.outer**2)


@dataclass(frozen=True)
class DiscDetector(Detector):
    """A disc.

    Parameters
    ----------
    center, aspect
        As for `AnnularDetector`.
    radius : float
        Radius in kx-pixels; a pixel whose centre lies at ``r < radius`` counts.

    Raises
    ------
    InputError
        If the centre is no position, or radius or aspect are not positive.

    Examples
    --------
    >>> image = sw.virtual_image(signal, sw.DiscDetector((38.5, 38.5), radius=15))
    """

    center: Position
    radius: float
    aspect: float = 1.0

    def __post_init__(self) -> None:
        _require_center(self.center, self.aspect)
        if not self.radius > 0:
            raise InputError(f"Expected a radius above 0 pixels, got {self.radius!r}.")

    def pixels(self, shape: Shape) -> NDArray[np.bool_]:
        """Pixels of a pattern of this shape ``[ky, kx]`` that the detector adds up."""
        return AnnularDetector(self.center, 0.0, self.radius, self.aspect).pixels(shape)


@dataclass(frozen=True)
class SegmentDetector(Detector):
    """A ring in equal segments, as the quadrants of a DPC detector.

    Segment i lies about the direction ``rotation + 2π i / segments``: with four and no rotation,
    image 0 minus image 2 shows a deflection along +kx, image 1 minus image 3 along +ky.

    Parameters
    ----------
    center, inner, outer, aspect
        As for `AnnularDetector`; a pixel counts in one segment. The very centre, where it is a
        pixel, is in the segment about the direction 0.
    segments : int
        Number of segments, at least 2.
    rotation : float
        Direction of the middle of segment 0 [rad]; positive turns +kx towards +ky.

    Raises
    ------
    InputError
        If these make no ring, or fewer than two segments.

    Examples
    --------
    >>> images = sw.virtual_image(signal, sw.SegmentDetector((38.5, 38.5), 10, 30))
    """

    center: Position
    inner: float
    outer: float
    segments: int = 4
    rotation: float = 0.0
    aspect: float = 1.0

    def __post_init__(self) -> None:
        AnnularDetector(self.center, self.inner, self.outer, self.aspect)
        if not isinstance(self.segments, int | np.integer) or self.segments < 2:
            raise InputError(f"Expected two segments or more, got {self.segments!r}.")
        if not np.isfinite(self.rotation):
            raise InputError(f"Expected a rotation in radians, got {self.rotation!r}.")

    def pixels(self, shape: Shape) -> NDArray[np.bool_]:
        """Pixels of a pattern of this shape ``[ky, kx]`` in any of the segments."""
        return AnnularDetector(self.center, self.inner, self.outer, self.aspect).pixels(shape)

    def pixels_by_segment(self, shape: Shape) -> NDArray[np.bool_]:
        """Pixels of a pattern of this shape that each segment adds up, ``[segments, ky, kx]``."""
        turns = (np.arctan2(*_about(self.center, self.aspect, shape)) - self.rotation) / 2 / np.pi
        index = np.floor(turns * self.segments + 0.5).astype(int) % self.segments
        return (index == np.arange(self.segments)[:, None, None]) & self.pixels(shape)


@dataclass(frozen=True)
class PolygonDetector(Detector):
    """A polygon.

    Parameters
    ----------
    vertices : sequence of (float, float)
        Corners ``(ky, kx)`` in order, in pixels about the centre of pixel (0, 0); the last is
        joined to the first. Where the outline crosses itself, what it surrounds twice is outside.

    Raises
    ------
    InputError
        If these are not three positions or more.

    Examples
    --------
    >>> image = sw.virtual_image(signal, sw.PolygonDetector(((20, 20), (20, 50), (50, 35))))
    """

    vertices: tuple[Position, ...]

    def __post_init__(self) -> None:
        try:
            corners = np.asarray(self.vertices, dtype=float)
        except (TypeError, ValueError):
            corners = np.empty(0)
        if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
            raise InputError(
                f"Expected three corners (ky, kx) in pixels or more, got {self.vertices!r}."
            )
        if not np.isfinite(corners).all():
            raise InputError(f"Expected finite corners, got {self.vertices!r}.")
        object.__setattr__(self, "vertices", tuple((float(y), float(x)) for y, x in corners))

    def pixels(self, shape: Shape) -> NDArray[np.bool_]:
        """Pixels of a pattern of this shape ``[ky, kx]`` whose centres lie inside."""
        y, x = np.indices(shape)
        return surrounded(y, x, self.vertices)


@dataclass(frozen=True, eq=False)
class PixelDetector(Detector):
    """Any pixels, or a weight for each.

    Parameters
    ----------
    weights : array, shape [ky, kx]
        Bool, True where a pixel counts; or how much it counts, also negative. What a pixel holds
        that does not count matters nothing.

    Raises
    ------
    InputError
        If this is no image of finite real numbers.

    Examples
    --------
    >>> image = sw.virtual_image(signal, sw.PixelDetector(np.eye(78)))
    """

    weights: NDArray[Any]

    def __post_init__(self) -> None:
        weights = np.array(self.weights)
        if weights.ndim != 2 or weights.dtype.kind not in "buif" or not np.isfinite(weights).all():
            raise InputError(
                "Expected weights [ky, kx] of bool or of finite numbers, got an array of "
                f"{weights.dtype} with shape {weights.shape}."
            )
        weights.flags.writeable = False
        object.__setattr__(self, "weights", weights)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PixelDetector) and np.array_equal(self.weights, other.weights)

    def __hash__(self) -> int:
        return hash((self.weights.shape, self.weights.tobytes()))

    def pixels(self, shape: Shape) -> NDArray[Any]:
        """The weights; an `InputError` for patterns of another shape."""
        if self.weights.shape != tuple(shape):
            raise InputError(
                f"Expected weights of the pattern's shape {tuple(shape)}, got "
                f"{self.weights.shape}. Make them with one value for each detector pixel [ky, kx]."
            )
        return self.weights


def preset(
    name: Preset, disc: Disc, pixel_size: tuple[float, float] = (1.0, 1.0)
) -> AnnularDetector:
    """The usual detectors about the bright-field disc; an `InputError` for an unknown name.

    BF is the disc; ABF, annular bright field, begins at half its radius; ADF, annular dark field,
    goes from 1.05 to 2 radii. `pixel_size` is the height and width of a pixel, in one unit.
    """
    inner, outer = (factor * disc.radius for factor in PRESETS[require_preset(name)])
    return AnnularDetector(disc.center, inner, outer, pixel_size[0] / pixel_size[1])


def require_preset(name: str) -> Preset:
    """The name of a usual detector; an `InputError` for any other."""
    if name not in PRESETS:
        raise InputError(f"Expected a detector or one of {', '.join(PRESETS)}, got {name!r}.")
    return cast(Preset, name)


def _require_center(center: Any, aspect: float) -> None:
    if np.shape(center) != (2,) or not np.isfinite(center).all():
        raise InputError(f"Expected a centre (ky, kx) in pixels, got {center!r}.")
    if not 0 < aspect < np.inf:
        raise InputError(f"Expected the height of a pixel over its width, got {aspect!r}.")


def _about(
    center: Position, aspect: float, shape: Shape
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Coordinates y, x of the pixels about the centre, in kx-pixels."""
    y = (np.arange(shape[0])[:, None] - center[0]) * aspect
    x = np.arange(shape[1])[None, :] - center[1]
    return y, x
