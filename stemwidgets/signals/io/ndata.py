"""Nion Swift's ``.ndata1``: a zip of ``data.npy`` and ``metadata.json``.

The meaning of the keys follows Nion Swift's own import and export
(https://github.com/nion-software/nionswift, ``ImportExportManager``).
"""

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.io.mapped import in_chunks, map_npy, read_npy
from stemwidgets.signals.io.room import require_plausible, require_short
from stemwidgets.signals.metadata.units import is_length, is_scattering

_DATA, _METADATA = "data.npy", "metadata.json"
_LOCAL_HEADER = 30  # bytes before the name, in every zip member
_HIGH_TENSION = (  # V
    "instrument.high_tension",
    "hardware_source.autostem.high_tension_v",
    "instrument.ImageScanned.EHT",
)
_SEMI_ANGLE = (  # rad
    "instrument.convergence_angle",
    "hardware_source.convergence_angle_rad",
    "instrument.ImageScanned.probe_ha",
)
_EXPOSURE = ("hardware_source.exposure",)  # s


def read_ndata(path: Path, lazy: bool = False) -> dict[str, Any]:
    """Description of a Nion Swift file, for HyperSpy, with the scan axes first.

    Lazy patterns are mapped: Swift stores them uncompressed; a file that was compressed afterwards
    is read. An InputError if it is no such file, or scan and detector axes cannot be distinguished.
    """
    with zipfile.ZipFile(path) as archive:
        missing = {_DATA, _METADATA} - set(archive.namelist())
        if missing:
            raise InputError(
                f"{path.name} is no Nion Swift file: it lacks {' and '.join(sorted(missing))}."
            )
        require_short(path, _METADATA, archive.getinfo(_METADATA).file_size)
        element = json.loads(archive.read(_METADATA).decode("utf-8"))
        member = archive.getinfo(_DATA)
        if lazy and member.compress_type == zipfile.ZIP_STORED:
            data: Any = in_chunks(map_npy(path, _start(path, member)))
        else:
            require_plausible(path, member.file_size)
            array = read_npy(path, lambda: archive.open(member), member.file_size)
            data = in_chunks(array) if lazy else array
    if not isinstance(element, dict):
        raise InputError(f"The {_METADATA} of {path.name} does not describe data.")
    axes = _axes(element, data.shape)
    scan = _scan_axes(path, element, axes)
    order = [*scan, *(index for index in range(data.ndim) if index not in scan)]
    return {
        "data": data.transpose(order),
        "axes": _named([axes[index] for index in order], len(scan), element),
        "metadata": _metadata(path, element),
        "original_metadata": element,
    }


def _start(path: Path, member: zipfile.ZipInfo) -> int:
    """First byte of a member's content, from its own header: the directory does not hold it."""
    with path.open("rb") as file:
        file.seek(member.header_offset + _LOCAL_HEADER - 4)
        name, extra = struct.unpack("<HH", file.read(4))
    return int(member.header_offset + _LOCAL_HEADER + name + extra)


def _axes(element: dict[str, Any], shape: tuple[int, ...]) -> list[dict[str, Any]]:
    calibrations = (
        element.get("spatial_calibrations") or element.get("dimensional_calibrations") or []
    )
    if len(calibrations) != len(shape):
        calibrations = [{}] * len(shape)
    return [
        {
            "size": size,
            "scale": float(calibration.get("scale") or 1.0),
            "offset": float(calibration.get("offset") or 0.0),
            "units": str(calibration.get("units") or ""),
        }
        for size, calibration in zip(shape, calibrations, strict=True)
    ]


def _scan_axes(path: Path, element: dict[str, Any], axes: list[dict[str, Any]]) -> list[int]:
    """Indices of the scan axes (and of a sequence): as described, else by their units."""
    detector = element.get("datum_dimension_count")
    scan = element.get("collection_dimension_count")
    if detector is not None and scan is not None:
        before = int(scan) + bool(element.get("is_sequence"))
        if int(detector) == 2 and before + 2 == len(axes):
            return list(range(before))
        if int(detector) != 2:
            raise InputError(
                f"{path.name} holds data of {detector} dimensions per scan position, "
                "not diffraction patterns of 2."
            )
    lengths = [index for index, axis in enumerate(axes) if is_length(axis["units"])]
    angles = [index for index, axis in enumerate(axes) if is_scattering(axis["units"])]
    if len(angles) == 2 and len(lengths) == len(axes) - 2:
        return lengths
    found = ", ".join(f"{axis['size']} ({axis['units'] or 'no units'})" for axis in axes)
    raise InputError(
        f"{path.name} does not say which axes are the scan and which the detector: {found}. "
        "Pass its data.npy as an array [iy, ix, ky, kx]."
    )


def _named(
    axes: list[dict[str, Any]], scan_count: int, element: dict[str, Any]
) -> list[dict[str, Any]]:
    if scan_count == 1:
        names = ["sequence" if element.get("is_sequence") else "x"]
    else:
        names = ["sequence", "y", "x"][3 - scan_count :]
    return [
        {"name": name, **axis, "navigate": index < scan_count}
        for index, (name, axis) in enumerate(zip([*names, "ky", "kx"], axes, strict=True))
    ]


def _metadata(path: Path, element: dict[str, Any]) -> dict[str, Any]:
    taken = (element.get("datetime_original") or {}).get("local_datetime") or ""
    date, _, time = str(taken).partition("T")
    general = {
        "title": element.get("title") or path.stem,
        "date": date,
        "time": time,
        "original_filename": path.name,
    }
    microscope = {
        "beam_energy": _number(element, _HIGH_TENSION, 1e-3),
        "convergence_angle": _number(element, _SEMI_ANGLE, 1e3),
    }
    exposure = _number(element, _EXPOSURE, 1e3)
    tem: dict[str, Any] = {key: value for key, value in microscope.items() if value}
    if exposure:
        tem["Detector"] = {"Diffraction": {"exposure_time": exposure}}
    signal = _intensity(element.get("intensity_calibration") or {})
    return {
        "General": {key: value for key, value in general.items() if value},
        "Signal": {"signal_type": "electron_diffraction", **signal},
        "Acquisition_instrument": {"TEM": tem},
    }


def _intensity(calibration: dict[str, Any]) -> dict[str, Any]:
    """Conversion of stored values to the calibrated quantity, in HyperSpy's metadata."""
    scale, offset = calibration.get("scale") or 1.0, calibration.get("offset") or 0.0
    units = calibration.get("units") or "counts"
    if scale == 1 and offset == 0:
        return {"quantity": f"Intensity ({units})"}
    model = {"gain_factor": float(scale), "gain_offset": float(offset)}
    return {"Noise_properties": {"Variance_linear_model": model}}


def _number(element: dict[str, Any], places: tuple[str, ...], factor: float) -> float | None:
    """The first positive number found in any of these places, times a factor."""
    for place in places:
        value: Any = element.get("metadata")
        for key in place.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
            return float(value) * factor
    return None
