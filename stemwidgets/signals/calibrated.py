"""Deflections and scans, calibrated and back; nothing is resampled."""

import json
from dataclasses import replace
from typing import Any

import hyperspy.api as hs
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.calibration import Scale
from stemwidgets.arrays.descan import Descan
from stemwidgets.arrays.disc import Disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.scan_rotation import ScanRotation
from stemwidgets.signals.axes import detector_axes, signal_to_arrays
from stemwidgets.signals.center_of_mass import CenterOfMass
from stemwidgets.signals.units import wavelength

RECORD, BEFORE, FRAME = "Calibration.record", "Calibration.before", "Calibration.frame"

Map = NDArray[np.float64]


def calibrated_deflections(
    com: CenterOfMass,
    rotation: ScanRotation,
    descan: Descan,
    scales: tuple[Scale, Scale],
    energy: float | None,
) -> CenterOfMass:
    """Deflections less descan, in the frame of the scan.

    Raises
    ------
    InputError
        If the rotation is unresolved, or they are no such deflections.
    """
    if not rotation.resolved:
        raise InputError(
            f"The rotation is unresolved: {np.degrees(rotation.angle):.1f}° is right with a "
            f"probability of {rotation.confidence:.2f} only. Pass the rotation to calibrate where "
            "it is known, or rotation=0 to leave the deflections in the frame of the detector."
        )
    if com.x.metadata.get_item(FRAME) is not None:
        raise InputError("These deflections are calibrated already. Undo that first.")
    y, x = _departure(com, descan, scales, energy)
    height = _height(com, scales)
    turned_y, turned_x = rotation.to_scan((com.y.data - y) * height, com.x.data - x)
    return _replaced(com, turned_y, turned_x, "scan")


def former_deflections(
    com: CenterOfMass,
    rotation: ScanRotation,
    descan: Descan,
    scales: tuple[Scale, Scale],
    energy: float | None,
) -> CenterOfMass:
    """Deflections as they were, in the frame of the detector, with the descan.

    Raises
    ------
    InputError
        If they are not calibrated.
    """
    if com.x.metadata.get_item(FRAME) is None:
        raise InputError("These deflections are not calibrated: there is nothing to undo.")
    y, x = _departure(com, descan, scales, energy)
    turned_y, turned_x = rotation.to_detector(com.y.data, com.x.data)
    return _replaced(com, turned_y / _height(com, scales) + y, turned_x + x, None)


def calibrated_signal(
    signal: Any, shape: tuple[int, ...], scale: Scale, disc: Disc, record: str
) -> Any:
    """The same counts with calibrated detector axes and the record in the metadata.

    Raises
    ------
    InputError
        If it is no scan of that shape, or calibrated already.
    """
    data, _ = signal_to_arrays(signal)
    if tuple(data.shape) != shape:
        raise InputError(f"This calibration is that of a scan {shape}, got {tuple(data.shape)}.")
    if signal.metadata.has_item(RECORD):
        raise InputError("This scan is calibrated already. Undo that first.")
    result = signal.inav[:, :]
    axes = detector_axes(result)
    before = [(axis.scale, axis.offset, str(axis.units)) for axis in axes]
    for axis, pixel, middle in zip(axes, (scale.y, scale.x), disc.center, strict=True):
        axis.scale, axis.units = pixel, scale.units
        if disc.has_edge:
            axis.offset = -pixel * middle
    result.metadata.set_item(RECORD, record)
    result.metadata.set_item(BEFORE, json.dumps(before))
    return result


def former_signal(signal: Any) -> Any:
    """The same counts with the detector axes that they had.

    Raises
    ------
    InputError
        If it is no calibrated scan.
    """
    if not isinstance(signal, hs.signals.BaseSignal) or not signal.metadata.has_item(BEFORE):
        raise InputError("This is no calibrated scan: there is nothing to undo.")
    result = signal.inav[:, :]
    before = json.loads(result.metadata.get_item(BEFORE))
    for axis, (scale, offset, units) in zip(detector_axes(result), before, strict=True):
        axis.scale, axis.offset, axis.units = scale, offset, units
    del result.metadata.Calibration
    return result


def _departure(
    com: CenterOfMass, descan: Descan, scales: tuple[Scale, Scale], energy: float | None
) -> tuple[Map, Map]:
    """The descan about its mean, in the units of the deflections."""
    if com.x.data.shape != descan.shape:
        raise InputError(
            f"This calibration is that of a scan {descan.shape}, got deflections of the shape "
            f"{com.x.data.shape}."
        )
    y, x = _pixel(com, scales, energy)
    departure = descan.departure
    return departure[..., 0] * y, departure[..., 1] * x


def _pixel(
    com: CenterOfMass, scales: tuple[Scale, Scale], energy: float | None
) -> tuple[float, float]:
    """Size (ky, kx) of a detector pixel in the units of the deflections."""
    units = _units(com)
    if units == "px":
        return 1.0, 1.0
    for scale in scales:
        if scale.units == units:
            return scale.y, scale.x
        if energy and {scale.units, units} == {"1/Å", "mrad"}:
            radian = 1e3 * wavelength(energy)
            factor = radian if units == "mrad" else 1 / radian
            return scale.y * factor, scale.x * factor
    raise InputError(
        f"Expected deflections in {' or '.join(sorted({scale.units for scale in scales}))}, got "
        f"{units}. Make them from the scan that was calibrated, or from what apply made of it."
    )


def _height(com: CenterOfMass, scales: tuple[Scale, Scale]) -> float:
    """What brings deflections along ky to the unit of those along kx: pixels may not be square."""
    return abs(scales[1].y / scales[1].x) if _units(com) == "px" else 1.0


def _units(com: CenterOfMass) -> str:
    return str(com.x.metadata.Signal.quantity).partition("(")[2].rstrip(")")


def _replaced(com: CenterOfMass, y: Map, x: Map, frame: str | None) -> CenterOfMass:
    values = {"x": x, "y": y, "magnitude": np.hypot(x, y), "angle": np.arctan2(y, x)}
    maps = {}
    for name, data in values.items():
        maps[name] = getattr(com, name).deepcopy()
        maps[name].data = data
        if frame is None:
            del maps[name].metadata.Calibration
        else:
            maps[name].metadata.set_item(FRAME, frame)
    return replace(com, **maps)
