"""Provenance that goes with every exported file."""

import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from stemwidgets.export.script import settings
from stemwidgets.export.snapshot import Snapshot
from stemwidgets.version import __version__

_LIBRARIES = ("numpy", "scipy", "numba", "torch", "dask", "hyperspy", "pyxem")


def record(snapshot: Snapshot) -> dict[str, Any]:
    """Scan, choices, training and versions, as JSON values; unknown ones are left out."""
    scan = {
        "title": snapshot.title,
        "file": str(snapshot.origin.file) if snapshot.origin.file else None,
        "shape": list(snapshot.data.shape),
        "axes": {
            name: {"scale": axis.scale, "offset": axis.offset, "units": axis.units}
            for name, axis in zip(("y", "x", "ky", "kx"), snapshot.axes, strict=True)
        },
        "beam energy (keV)": snapshot.beam_energy,
    }
    facts = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "scan": _known(scan),
        "left out": _left_out(snapshot),
        "descan": _descan(snapshot),
        "band limit": _band_limit(snapshot),
        "detector": repr(snapshot.detector) if snapshot.detector else None,
        "direct beam (px)": snapshot.disc and [*snapshot.disc.center, snapshot.disc.radius],
        "scan rotation (rad)": snapshot.scan_rotation and snapshot.scan_rotation.angle,
        "semi-angle (mrad)": snapshot.semi_angle or None,
        "model": settings(snapshot.model) if snapshot.model is not None else None,
        "trainings": list(snapshot.trainings) if snapshot.model is not None else None,
        "comparison": snapshot.comparison,
        "versions": versions(),
    }
    return _known(facts)


def versions() -> dict[str, str]:
    """Versions of all software behind the results, and the machine."""
    libraries = {name: version(name) for name in _LIBRARIES}
    return {
        "stemwidgets": __version__,
        "python": platform.python_version(),
        **libraries,
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _left_out(snapshot: Snapshot) -> dict[str, Any] | None:
    found = snapshot.left_out
    if found is None or not found.words:
        return None
    words = found.words if snapshot.leave_out else f"nothing. {found.saturation_words}".rstrip()
    faults = {name: value for name, value in found.to_record().items() if value}
    return {"words": words, "faulty": faults}


def _descan(snapshot: Snapshot) -> dict[str, Any] | None:
    if snapshot.descan is None:
        return None
    measured = snapshot.in_vacuum
    how = "found in the scan" if measured is None else f"measured {measured.place}"
    return {"taken off": snapshot.take_off, "how": how, **asdict(snapshot.descan)}


def _band_limit(snapshot: Snapshot) -> dict[str, Any]:
    chosen = snapshot.chosen_limit
    told = {"asked for": "none" if snapshot.band_limit is None else snapshot.band_limit}
    if chosen is None:
        return told
    limit = {} if chosen.limit is None else asdict(chosen.limit)
    return {**told, "words": chosen.words, **limit}


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None and value != ""}
