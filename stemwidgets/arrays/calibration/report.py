"""A calibration in a microscopist's words."""

import math

from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.calibration.measure import Measured, PixelScale
from stemwidgets.arrays.calibration.scan_rotation import ScanRotation
from stemwidgets.arrays.disc.find import Disc
from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.arrays.words import percent


def findings(
    measured: Measured, semi_angle: float | None = None, wavelength: float | None = None
) -> dict[str, str]:
    """Results, with their sizes and certainties, by the name of each finding.

    The radius of the disc is also given in mrad where the wavelength [Å] is known, beside the
    convergence semi-angle [mrad] of the metadata.
    """
    rotation, disc, scale = measured.scan_rotation, measured.disc, measured.scale
    lines = {
        "rotation": _rotation(rotation),
        "handedness": _handedness(rotation),
        "sign": _sign(rotation),
        "descan": _descan(measured.descan),
        "disc centre": _center(disc),
        "disc radius": _radius(disc, scale, semi_angle, wavelength),
        "detector": _detector(scale, semi_angle),
    }
    return {name: text for name, text in lines.items() if text}


def _rotation(rotation: ScanRotation) -> str:
    degrees = math.degrees(rotation.angle)
    if rotation.witness == "given":
        return f"{degrees:.2f}° (given)"
    value = f"{degrees:.2f}° ± {_error(math.degrees(rotation.std))}°"
    way = "clockwise" if degrees > 0 else "anticlockwise"
    if rotation.resolved:
        return f"{value}: patterns are turned {way} against the scan"
    other = math.degrees(float(wrap(rotation.angle + math.pi)))
    return (
        f"unresolved: {value} at {percent(rotation.confidence)}, its opposite is {other:.2f}°; "
        "say which where it is known"
    )


def _handedness(rotation: ScanRotation) -> str:
    words = "-1, the detector is mirrored" if rotation.handedness < 0 else "+1, not mirrored"
    if rotation.witness == "given":
        return f"{words} (given)"
    return f"{words} ({percent(rotation.handedness_confidence)})"


def _sign(rotation: ScanRotation) -> str:
    if rotation.witness == "given":
        return ""
    what = {
        "dark field": "deflections point to where it is bright",
        "bright field": "deflections point to where counts are lost",
        "divergence": "-div peaks more sharply than it dips",
    }[rotation.witness]
    return f"by the {rotation.witness}: {what} ({percent(rotation.sign_confidence)})"


def _descan(descan: Descan) -> str:
    if descan.order == 0 and not descan.steps:
        return f"none that stands out from deflections (± {descan.error:.2f} px rms)"
    kind = {0: "steps", 1: "plane"}.get(descan.order, f"polynomial of order {descan.order}")
    if descan.steps and descan.order:
        kind += f" and {len(descan.steps)} step{'s' * (len(descan.steps) > 1)} between lines"
    y, x = descan.extent
    return (
        f"{kind}: the beam wanders {y:.2f} px along ky, {x:.2f} px along kx "
        f"({descan.size:.2f} ± {descan.error:.2f} px rms)"
    )


def _center(disc: Disc) -> str:
    if not disc.has_edge:
        return "no edge seen all round"
    words = f"ky {disc.center[0]:.2f} px, kx {disc.center[1]:.2f} px"
    if disc.given:
        return f"{words} (given)"
    if disc.doubt:
        return f"{words}, not sure: {disc.doubt}"
    return f"{words}, cut by the detector's edge" if disc.cut else words


def _radius(
    disc: Disc, scale: PixelScale, semi_angle: float | None, wavelength: float | None
) -> str:
    if not disc.has_edge:
        return ""
    parts = [f"{disc.radius:.2f} px along kx"]
    radius = disc.radius * abs(scale.x)
    if scale.units != "px":
        parts.append(f"{radius:.4g} {scale.units}")
    if scale.units == "1/Å" and wavelength:
        parts.append(f"{1e3 * radius * wavelength:.4g} mrad")
    if semi_angle and scale.source == "axes" and scale.units != "px":
        parts.append(f"semi-angle {semi_angle:.4g} mrad by the metadata")
    if disc.ellipse.ratio != 1:
        direction = math.degrees(disc.ellipse.angle)
        parts.append(f"ellipse {disc.ellipse.ratio:.3f}:1, long axis at {direction:.0f}°")
    return ", ".join(parts)


def _detector(scale: PixelScale, semi_angle: float | None) -> str:
    if scale.units == "px":
        shape = "" if scale.source == "axes" else f"pixels of {scale.y:.4g}:1 (ky:kx), "
        return f"{shape}not calibrated: with the semi-angle the scale follows from the disc"
    source = f"disc of {semi_angle:.4g} mrad" if scale.source == "disc" else "axes of the scan"
    return f"{scale.y:.5g} × {scale.x:.5g} {scale.units} a pixel (ky × kx), by the {source}"


def _error(degrees: float) -> str:
    return f"{degrees:.1g}" if degrees < 0.1 else f"{degrees:.1f}"
