"""Beam position on the detector, rotation of the detector against the scan, and pixel scale."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.calibration.descan import Descan, fit_descan
from stemwidgets.arrays.calibration.descan_corrected import align
from stemwidgets.arrays.calibration.scan_rotation import ScanRotation, find_rotation
from stemwidgets.arrays.checks import require_scan
from stemwidgets.arrays.disc.find import Disc, find_disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.masks import refuse_inverted
from stemwidgets.arrays.overview import overview

OUTSIDE = 1.1  # radii of the disc, beyond which all is dark field: clear of a blurred edge
LEAST_DARK_PIXELS = 16  # pixels outside the disc: with fewer the dark field is mostly noise
LEAST_DEFLECTION = 1e-6  # px
ALIGNED = 0.1  # sine of twice the angle between an ellipse and the axes

Map = NDArray[np.float64]


@dataclass(frozen=True)
class PixelScale:
    """Size of a detector pixel.

    Parameters
    ----------
    y, x : float
        Along ky and kx, in `units`.
    units : str
        ``"1/Å"``, ``"mrad"`` or ``"px"``.
    source : str
        ``"axes"``, or ``"disc"`` where it follows from the disc. In px it is the shape of a pixel.
    """

    y: float
    x: float
    units: str
    source: str = "axes"

    @property
    def aspect(self) -> tuple[float, float]:
        """Height and width of a pixel, with their signs, over its width."""
        return self.y / abs(self.x), self.x / abs(self.x)


@dataclass(frozen=True)
class Measured:
    """Calibration that one scan gives of its microscope.

    Parameters
    ----------
    scan_rotation : ScanRotation
        Rotation and handedness of the detector against the scan.
    descan : Descan
        Position of the beam on the detector [px].
    disc : Disc
        The bright disc at the mean position of the beam [px].
    scale : PixelScale
        Size of a detector pixel.
    """

    scan_rotation: ScanRotation
    descan: Descan
    disc: Disc
    scale: PixelScale


def measure(
    data: Any,
    axes: Axes,
    rotation: ScanRotation | None = None,
    handedness: int | None = None,
    descan_order: int | None = None,
    descan_where: NDArray[Any] | None = None,
    mask: NDArray[np.bool_] | None = None,
    disc: Disc | None = None,
    descan: Descan | None = None,
) -> Measured:
    """Calibrate a scan from its patterns; they are read twice.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        Counts; numpy or dask (read one chunk at a time).
    axes : Axes
        Calibration so far; it gives the shape of scan and detector pixels.
    rotation : ScanRotation, optional
        Given where it is known; measured otherwise.
    handedness : int, optional
        +1 or -1, given where only that is known.
    descan_order, descan_where
        As for :func:`stemwidgets.arrays.calibration.descan.fit_descan`.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out, whatever it holds.
    disc : Disc, optional
        The direct beam, where it is known; it is sought in the mean pattern if not given.
    descan : Descan, optional
        Given where it is known; fitted otherwise.

    Raises
    ------
    InputError
        If there is nothing to measure: see `fit_descan`, `find_disc` and `find_rotation`; or the
        mask does not fit.
    """
    require_scan(data)
    seen = overview(data, mask)
    if mask is not None:
        refuse_inverted(mask, seen.mean_pattern)
    if descan is None:
        descan = fit_descan(seen.com, descan_order, descan_where)
    aspect = axes.pixel_size[0] / axes.pixel_size[1]
    rough = disc or find_disc(seen.mean_pattern, axes.pixel_size, mask)
    inner = OUTSIDE * rough.radius + 1
    aligned = align(data, descan.departure, rough.center, inner, aspect, mask)
    if disc is None:
        disc, scale = _disc_and_scale(aligned.mean_pattern, aligned.hidden, axes)
    else:
        scale = PixelScale(axes.ky.scale, axes.kx.scale, axes.kx.units)
    if rotation is None:
        deflections = (seen.com - descan.positions) * (scale.y, scale.x)
        few = _pixels_outside(data.shape[2:], rough, inner, aspect) < LEAST_DARK_PIXELS
        dark = None if few or not rough.has_edge else aligned.dark_field
        pixel = (scale.y, scale.x)
        rotation = rotation_of(deflections, dark, seen.sum_image, axes, pixel, handedness)
    return Measured(rotation, descan, disc, scale)


def to_scan_frame(
    y: Map, x: Map, pixel: tuple[float, float], units: str, measured: Measured
) -> tuple[Map, Map]:
    """Deflections less the departure of the descan, in the frame of the scan.

    Parameters
    ----------
    y, x : ndarray, shape [iy, ix]
        In the frame of the detector.
    pixel : (float, float)
        Height and width of a detector pixel in their units.
    units : str
        Units of `y` and `x`; deflections in ``"px"`` come out in the width of a pixel along kx.
    measured : Measured
        The calibration.
    """
    departure = measured.descan.departure
    height, width = measured.scale.aspect if units == "px" else (1.0, 1.0)
    return measured.scan_rotation.to_scan(
        (y - departure[..., 0] * pixel[0]) * height, (x - departure[..., 1] * pixel[1]) * width
    )


def to_detector_frame(
    y: Map, x: Map, pixel: tuple[float, float], units: str, measured: Measured
) -> tuple[Map, Map]:
    """Inverse of `to_scan_frame`."""
    departure = measured.descan.departure
    height, width = measured.scale.aspect if units == "px" else (1.0, 1.0)
    turned_y, turned_x = measured.scan_rotation.to_detector(y, x)
    return (
        turned_y / height + departure[..., 0] * pixel[0],
        turned_x / width + departure[..., 1] * pixel[1],
    )


def scale_from_disc(
    disc: Disc, shape: PixelScale, semi_angle: float, wavelength: float | None = None
) -> PixelScale:
    """Size of a detector pixel from the disc, whose radius is the semi-angle of the beam.

    Parameters
    ----------
    disc : Disc
        The bright disc [px].
    shape : PixelScale
        In any units; the shape of a pixel and the signs of the axes are kept.
    semi_angle : float
        Convergence semi-angle α [mrad].
    wavelength : float, optional
        λ [Å]; with it the scale is in 1/Å (the radius is α/λ), else in mrad.

    Raises
    ------
    InputError
        If the disc has no visible edge, or may not be the direct beam.
    """
    if not disc.has_edge:
        raise InputError(
            "Expected a bright disc with an edge all round, to compare with the semi-angle, got a "
            "mean pattern without one. Leave semi_angle out, set the scale of the detector axes, "
            "or say where the direct beam is: disc=((ky, kx), radius) in pixels."
        )
    if disc.doubt:
        raise InputError(
            "Expected a direct beam that is surely found, to compare with the semi-angle, got a "
            f"disc of which {disc.doubt}. Say where it is: disc=((ky, kx), radius) in pixels."
        )
    radius = semi_angle if wavelength is None else semi_angle * 1e-3 / wavelength
    along = radius / disc.radius / abs(shape.x)
    units = "mrad" if wavelength is None else "1/Å"
    return PixelScale(shape.y * along, shape.x * along, units, "disc")


def _disc_and_scale(
    mean_pattern: Map, hidden: NDArray[np.bool_], axes: Axes
) -> tuple[Disc, PixelScale]:
    """The disc, and the axes' scale; where they have none, a round disc gives a pixel its shape."""
    disc = find_disc(mean_pattern, axes.pixel_size, hidden)
    scale = PixelScale(axes.ky.scale, axes.kx.scale, axes.kx.units)
    ellipse = disc.ellipse
    if scale.units != "px" or abs(np.sin(2 * ellipse.angle)) > ALIGNED or ellipse.ratio == 1:
        return disc, scale
    height = ellipse.ratio if abs(ellipse.angle) < np.pi / 4 else 1 / ellipse.ratio
    disc = find_disc(mean_pattern, (height, 1.0), hidden)
    return disc, PixelScale(float(height), 1.0, "px", "disc")


def rotation_of(
    deflections: Map,
    dark: Map | None,
    counts: Map,
    axes: Axes,
    pixel: tuple[float, float],
    handedness: int | None = None,
) -> ScanRotation:
    """Find the rotation, its sign from the dark field, or where that is silent from lost counts.

    Parameters
    ----------
    deflections : ndarray, shape [iy, ix, 2]
        ``(y, x)`` less descan, in the units of `pixel`.
    dark, counts : ndarray, shape [iy, ix]
        Counts outside the disc, if there is room, and all counts.
    axes : Axes
        Axes of the scan.
    pixel : (float, float)
        Height and width of a detector pixel.
    handedness : int, optional
        +1 or -1 where it is known.

    Raises
    ------
    InputError
        As `find_rotation`.
    """
    step = (axes.scan_y.scale, axes.scan_x.scale)
    least = LEAST_DEFLECTION * min(abs(pixel[0]), abs(pixel[1]))
    found = find_rotation(deflections, step, dark, handedness, least)
    if found.witness == "dark field":
        return found
    by_loss = find_rotation(deflections, step, -counts, handedness, least)
    if by_loss.witness != "dark field":
        return found
    return replace(by_loss, witness="bright field")


def _pixels_outside(shape: tuple[int, int], disc: Disc, inner: float, aspect: float) -> int:
    y, x = np.indices(shape)
    distance = np.hypot((y - disc.center[0]) * aspect, x - disc.center[1])
    return int((distance > inner).sum())
