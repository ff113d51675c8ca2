"""Deflections and scans, calibrated and back; nothing is resampled."""

import json
from dataclasses import replace
from typing import Any

import hyperspy.api as hs
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.calibration import Measured, Scale, to_detector_frame, to_scan_frame
from stemwidgets.arrays.disc import Disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.axes import detector_axes, signal_to_arrays
from stemwidgets.signals.center_of_mass import CenterOfMass
from stemwidgets.signals.units import in_units
from stemwidgets.signals.vector_maps import component_signals

RECORD, BEFORE, FRAME = "Calibration.record", "Calibration.before", "Calibration.frame"

Map = NDArray[np.float64]


def calibrated_deflections(com: CenterOfMass, measured: Measured) -> CenterOfMass:
    """Deflections less descan, in the frame of the scan.

    Raises
    ------
    InputError
        If the rotation is unresolved, the scan is another, or they are calibrated already.
    """
    rotation = measured.scan_rotation
    if not rotation.resolved:
        raise InputError(
            f"The rotation is unresolved: {np.degrees(rotation.angle):.1f}° is right with a "
            f"probability of {rotation.confidence:.2f} only. Pass the rotation to calibrate where "
            "it is known, or rotation=0 to leave the deflections in the frame of the detector."
        )
    if com.x.metadata.has_item(FRAME):
        raise InputError("These deflections are calibrated already. Undo that first.")
    _require_scan(com, measured)
    turned = to_scan_frame(com.y.data, com.x.data, _pixel(com), com.units, measured)
    result = _replaced(com, *turned)
    for name in ("x", "y", "magnitude", "angle"):
        getattr(result, name).metadata.set_item(FRAME, "scan")
    return result


def former_deflections(com: CenterOfMass, measured: Measured) -> CenterOfMass:
    """Deflections as they were, in the frame of the detector, with the descan.

    Raises
    ------
    InputError
        If they are not calibrated, or the scan is another.
    """
    if not com.x.metadata.has_item(FRAME):
        raise InputError("These deflections are not calibrated: there is nothing to undo.")
    _require_scan(com, measured)
    return _replaced(
        com, *to_detector_frame(com.y.data, com.x.data, _pixel(com), com.units, measured)
    )


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


def _require_scan(com: CenterOfMass, measured: Measured) -> None:
    shape = measured.descan.shape
    if com.x.data.shape != shape:
        raise InputError(
            f"This calibration is that of a scan {shape}, got deflections of the shape "
            f"{com.x.data.shape}."
        )


def _pixel(com: CenterOfMass) -> tuple[float, float]:
    """Height and width of a detector pixel in the units of the deflections."""
    y, x = (in_units(axis, com.units, com.beam_energy).scale for axis in com.axes[2:])
    return y, x


def _replaced(com: CenterOfMass, y: Map, x: Map) -> CenterOfMass:
    return replace(com, **component_signals(y, x, com.axes, com.title, com.name, com.units))
