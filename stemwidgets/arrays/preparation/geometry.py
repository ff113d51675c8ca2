"""Steps that choose pixels: centre, crop, bin."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axis
from stemwidgets.arrays.checks import SMALLEST_PATTERN
from stemwidgets.arrays.disc.find import find_disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.preparation.step import (
    PreparationStep,
    PreparedScan,
    each,
    mean_pattern,
    require_integer,
    require_position,
    require_positive,
    store,
)

MARGIN = 1.1  # radii of the disc: its blurred edge is kept, and a tenth around it
DECIMALS = 3  # of a pixel: what is measured is printed


@dataclass(frozen=True)
class Center(PreparationStep):
    """Put the zero of the detector axes on the optic axis; no pattern is changed.

    Parameters
    ----------
    position : (float, float), optional
        Optic axis ``(ky, kx)`` in pixels; the centre of the bright-field disc if not given.
    """

    name: ClassVar[str] = "center"
    position: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        store(self, position=require_position(self.position))

    def measured(self, scan: PreparedScan) -> Self:
        """The same step with the centre of the disc."""
        return self if self.position is not None else replace(self, position=_disc(scan)[0])

    def apply(self, scan: PreparedScan) -> PreparedScan:
        """Move the zero of the axes."""
        assert self.position is not None
        for at, axis, name in zip(self.position, scan.axes[2:], ("ky", "kx"), strict=True):
            if not -0.5 <= at <= axis.size - 0.5:
                raise InputError(
                    f"Expected an optic axis on the detector, {name} from 0 to {axis.size - 1}, "
                    f"got {at:g}."
                )
        ky, kx = (
            replace(axis, offset=-at * axis.scale)
            for at, axis in zip(self.position, scan.axes[2:], strict=True)
        )
        return scan._replace(axes=scan.axes._replace(ky=ky, kx=kx), center=self.position)


@dataclass(frozen=True)
class Crop(PreparationStep):
    """Keep an odd number of rows and columns about the optic axis, all of them on the detector.

    Parameters
    ----------
    radius : float or (float, float), optional
        Half of what is kept, in pixels: along ky and kx; or along kx, and along ky as much in units
        of the axes.
    margin : float, optional
        Instead of `radius`: the same over the radius of the bright-field disc; 1.1 if neither is
        given.
    center : (float, float), optional
        Optic axis ``(ky, kx)`` in pixels; that of an earlier step, else the disc's, if not given.
    """

    name: ClassVar[str] = "crop"
    radius: float | tuple[float, float] | None = None
    margin: float | None = None
    center: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.radius is not None and self.margin is not None:
            raise InputError("Expected a radius or a margin to crop to, got both. Give one.")
        store(
            self,
            radius=_require_radius(self.radius),
            margin=require_positive("margin", self.margin),
            center=require_position(self.center),
        )

    def measured(self, scan: PreparedScan) -> Self:
        """The same step with centre and radius of the disc."""
        center, radius = self.center, self.radius
        if radius is None or (center or scan.center) is None:
            found, of_disc = _disc(scan)
            if (center or scan.center) is None:
                center = found
            radius = radius or round(of_disc * (self.margin or MARGIN), DECIMALS)
        if isinstance(radius, float):
            height, width = scan.axes.pixel_size
            radius = (radius if height == width else radius * width / height, radius)
        return replace(self, radius=radius, margin=None, center=center)

    def apply(self, scan: PreparedScan) -> PreparedScan:
        """Cut the window out."""
        assert isinstance(self.radius, tuple)
        center = self.center or scan.center
        assert center is not None
        window = [
            _window(at, half, axis, name)
            for at, half, axis, name in zip(
                center, self.radius, scan.axes[2:], ("ky", "kx"), strict=True
            )
        ]
        ky, kx = (
            replace(axis, size=part.stop - part.start, offset=axis.coordinate(part.start))
            for axis, part in zip(scan.axes[2:], window, strict=True)
        )
        mask = None if scan.mask is None else scan.mask[window[0], window[1]]
        center = (center[0] - window[0].start, center[1] - window[1].start)
        data = scan.data[..., window[0], window[1]]
        return PreparedScan(data, scan.axes._replace(ky=ky, kx=kx), center, mask)


@dataclass(frozen=True)
class Bin(PreparationStep):
    """Add up squares of pixels; rows and columns at the end that fill no square are left out.

    Parameters
    ----------
    factor : int
        Side of the squares.
    """

    name: ClassVar[str] = "bin"
    factor: int

    def __post_init__(self) -> None:
        store(self, factor=require_integer("the factor of binning", self.factor))

    def apply(self, scan: PreparedScan) -> PreparedScan:
        """Add up."""
        n = self.factor
        sizes = [axis.size // n for axis in scan.axes[2:]]
        if min(sizes) < SMALLEST_PATTERN:
            raise InputError(
                f"Expected binning that leaves at least {SMALLEST_PATTERN}×{SMALLEST_PATTERN} "
                f"pixels, got {n} for patterns of {scan.axes.ky.size}×{scan.axes.kx.size}."
            )
        kind = _sum_type(scan.data.dtype)

        def add(patterns: NDArray[Any]) -> NDArray[Any]:
            sums = np.zeros((*patterns.shape[:2], *sizes), dtype=kind)
            for i in range(n):
                for j in range(n):
                    with np.errstate(over="ignore"):  # infinite, which is refused where it is read
                        sums += patterns[..., i : n * sizes[0] : n, j : n * sizes[1] : n]
            return sums

        ky, kx = (
            Axis(size, n * axis.scale, axis.coordinate((n - 1) / 2), axis.units)
            for size, axis in zip(sizes, scan.axes[2:], strict=True)
        )
        mask = scan.mask
        if mask is not None:
            mask = add(mask[None, None].astype(np.uint8))[0, 0] > 0
        center = scan.center
        if center is not None:
            center = ((center[0] - (n - 1) / 2) / n, (center[1] - (n - 1) / 2) / n)
        data = each(scan.data, add, kind, (sizes[0], sizes[1]))
        return PreparedScan(data, scan.axes._replace(ky=ky, kx=kx), center, mask)


def _sum_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type that the sum of a square of pixels fits."""
    if dtype.kind == "f":
        return np.result_type(dtype, np.float32)
    small = dtype.kind in "bu" and dtype.itemsize <= 2
    return np.result_type(dtype, np.uint32 if small else np.uint64 if dtype.kind == "u" else int)


def _disc(scan: PreparedScan) -> tuple[tuple[float, float], float]:
    disc = find_disc(mean_pattern(scan.data), scan.axes.pixel_size, scan.mask)
    y, x = (round(float(at), DECIMALS) for at in disc.center)
    return (y, x), float(disc.radius)


def _window(at: float, half: float, axis: Axis, name: str) -> slice:
    middle = round(at)
    if not 0 <= middle < axis.size:
        raise InputError(
            f"Expected an optic axis on the detector, {name} from 0 to {axis.size - 1}, got {at:g}."
        )
    reach = min(int(np.ceil(half - 1e-9)), middle, axis.size - 1 - middle)
    if 2 * reach + 1 < SMALLEST_PATTERN:
        raise InputError(
            f"Expected a crop that leaves at least {SMALLEST_PATTERN} pixels along {name}, got "
            f"{2 * reach + 1}: a radius of {half:g} about {at:g} on {axis.size} pixels."
        )
    return slice(middle - reach, middle + reach + 1)


def _require_radius(radius: Any) -> float | tuple[float, float] | None:
    if not isinstance(radius, (tuple, list)):
        return require_positive("radius", radius)
    pair = require_position(radius)
    if pair is None or not min(pair) > 0:
        raise InputError(f"Expected radius to be positive, along ky and kx, got {radius!r}.")
    return pair
