"""Deflections and scans, calibrated and back; counts are never interpolated."""

import json
import math
import warnings
from dataclasses import replace
from typing import Any

import hyperspy.api as hs
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.calibration.measure import Measured, to_detector_frame, to_scan_frame
from stemwidgets.arrays.centring.find import FEWEST_POSITIONS, LEAST, centred_scan, left_in
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.calibration.descan import record_descan, taken_off
from stemwidgets.signals.conversion import detector_axes, signal_to_arrays, with_patterns
from stemwidgets.signals.io.mapped import in_chunks
from stemwidgets.signals.maps.center_of_mass import CenterOfMass
from stemwidgets.signals.maps.vector_maps import component_signals
from stemwidgets.signals.metadata.title_and_beam import CalibrationNote
from stemwidgets.signals.metadata.units import in_units

RECORD, BEFORE, FRAME = "Calibration.record", "Calibration.before", "Calibration.frame"

Map = NDArray[np.float64]


def calibrated_deflections(com: CenterOfMass, measured: Measured) -> CenterOfMass:
    """Deflections less descan, in the frame of the scan.

    Descan that this calibration took off their patterns is not taken off again. An InputError if
    the rotation is unresolved, the scan is another, or they are calibrated already.
    """
    rotation = measured.scan_rotation
    if not rotation.resolved:
        raise InputError(
            f"The rotation is unresolved: {np.degrees(rotation.angle):.1f}° is right with a "
            f"probability of {rotation.confidence:.2f} only. Pass the rotation to calibrate where "
            "it is known, or rotation=0 to leave the deflections in the frame of the detector. The "
            "descan does not need it: center_of_mass(signal, descan=calibration) takes it off."
        )
    if com.x.metadata.has_item(FRAME):
        raise InputError("These deflections are calibrated already. Undo that first.")
    if taken_off(com.x) not in (None, measured.descan):
        raise InputError(
            "Another descan was taken off these deflections already, and a calibration takes its "
            "own off again. Pass those of center_of_mass(signal) without descan=."
        )
    _require_scan(com, measured)
    left = _left_in(com, measured)
    turned = to_scan_frame(com.y.data, com.x.data, _pixel(com), com.units, left)
    result = _replaced(com, *turned)
    for name in ("x", "y", "magnitude", "angle"):
        getattr(result, name).metadata.set_item(FRAME, "scan")
    return result


def former_deflections(com: CenterOfMass, measured: Measured) -> CenterOfMass:
    """Deflections as they were, in the frame of the detector, with the descan.

    An InputError if they are not calibrated, or the scan is another.
    """
    if not com.x.metadata.has_item(FRAME):
        raise InputError("These deflections are not calibrated: there is nothing to undo.")
    _require_scan(com, measured)
    left = _left_in(com, measured)
    return _replaced(com, *to_detector_frame(com.y.data, com.x.data, _pixel(com), com.units, left))


def calibrated_signal(
    signal: Any, shape: tuple[int, ...], measured: Measured, record: str, descan: bool
) -> Any:
    """A scan with calibrated detector axes, about the beam, and the record in the metadata.

    An InputError if it is no scan of that shape, or calibrated already; a CalibrationNote if it is
    too small to take the descan off.
    """
    data, _ = signal_to_arrays(signal)
    if tuple(data.shape) != shape:
        raise InputError(f"This calibration is that of a scan {shape}, got {tuple(data.shape)}.")
    if signal.metadata.has_item(RECORD):
        raise InputError("This scan is calibrated already. Undo that first.")
    result = _about_beam(signal, data, measured.descan) if descan else signal.inav[:, :]
    axes, scale, disc = detector_axes(result), measured.scale, measured.disc
    before = [(axis.scale, axis.offset, str(axis.units)) for axis in axes]
    for axis, pixel, middle in zip(axes, (scale.y, scale.x), disc.center, strict=True):
        axis.scale, axis.units = pixel, scale.units
        if disc.has_edge:
            axis.offset = -pixel * middle
    result.metadata.set_item(RECORD, record)
    result.metadata.set_item(BEFORE, json.dumps(before))
    return result


def former_signal(signal: Any) -> Any:
    """The same counts with the detector axes that they had; an InputError if not calibrated."""
    if not isinstance(signal, hs.signals.BaseSignal) or not signal.metadata.has_item(BEFORE):
        raise InputError("This is no calibrated scan: there is nothing to undo.")
    if taken_off(signal) is not None:
        raise InputError(
            "The descan was taken off these patterns, which cannot be undone. Go on with the scan "
            "as it was recorded, or apply the calibration with descan=False."
        )
    result = signal.inav[:, :]
    before = json.loads(result.metadata.get_item(BEFORE))
    for axis, (scale, offset, units) in zip(detector_axes(result), before, strict=True):
        axis.scale, axis.offset, axis.units = scale, offset, units
    del result.metadata.Calibration
    return result


def _about_beam(signal: Any, data: Any, descan: Descan) -> Any:
    """The scan with every pattern about its own centre; as it is where the beam rests."""
    if descan.size < LEAST:
        return signal.inav[:, :]
    if math.prod(descan.shape) < FEWEST_POSITIONS:
        warnings.warn(
            f"{left_in(descan)} The centre of mass is corrected.",
            CalibrationNote,
            stacklevel=4,
        )
        return signal.inav[:, :]
    patterns = centred_scan(data if hasattr(data, "dask") else in_chunks(data), descan).data
    result = with_patterns(signal, patterns)
    record_descan(descan, result)
    return result


def _left_in(com: CenterOfMass, measured: Measured) -> Measured:
    """The calibration without descan, where that was taken off the patterns."""
    if taken_off(com.x) is None:
        return measured
    return replace(measured, descan=Descan(measured.descan.shape, 0, (0.0,), (0.0,)))


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
    maps = component_signals(y, x, com.axes, com.title, com.name, com.units)
    for name in ("x", "y", "magnitude", "angle"):
        record_descan(taken_off(com.x), maps[name])
    return replace(com, **maps)
