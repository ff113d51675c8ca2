"""Metadata of a signal beside its counts: its title, the beam."""

import re
from pathlib import PurePath
from typing import Any

from stemwidgets.arrays.calibration.electrons import energy_in_kev, semi_angle_in_mrad
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.metadata.metadata_text import LONGEST_TITLE, one_line

_MICROSCOPES = ("TEM", "SEM")
_NUMBERED = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{16,}|[\W\d_]*")
_NO_WORDS = {  # names that programs give to any data, in small letters and without numbers
    "",
    "array",
    "cbed_array",
    "cbed_array_depth",
    "data",
    "datacube",
    "datacube_root",
    "dataset",
    "diffraction",
    "frames",
    "image",
    "images",
    "py4dstem",
    "scan",
    "signal",
    "stack",
    "undefined",
    "unnamed",
    "untitled",
}


class CalibrationNote(UserWarning):
    """Report of a calibration in the metadata that cannot be right, and is not used."""


def title_of(signal: Any) -> str:
    """Title of a signal, else the name of its file, else empty.

    A number, a UUID or a program's word for any data ("datacube") is no title.
    """
    title = one_line(signal.metadata.get_item("General.title", ""), LONGEST_TITLE)
    if not is_numbered(title):
        return title
    return one_line(signal.tmp_parameters.get_item("filename", ""), LONGEST_TITLE) or title


def is_numbered(title: str) -> bool:
    """True if a title has no word that distinguishes one scan from another."""
    plain = title.strip().lower()
    return bool(_NUMBERED.fullmatch(plain)) or plain.strip("_<>0123456789 ") in _NO_WORDS


def named_after(path: str | PurePath, signal: Any) -> None:
    """Give a signal the name of its file, where it has no words of its own."""
    if is_numbered(one_line(signal.metadata.get_item("General.title", ""), LONGEST_TITLE)):
        signal.metadata.General.title = PurePath(path).stem


def beam_energy(signal: Any) -> float | None:
    """Beam energy [keV] in a signal's metadata, or None where it is missing or impossible."""
    return _of_the_beam(signal, "beam_energy", energy_in_kev)[0]


def semi_angle(signal: Any) -> float | None:
    """Convergence semi-angle [mrad] in the metadata, or None where it is missing or impossible."""
    return _of_the_beam(signal, "convergence_angle", semi_angle_in_mrad)[0]


def doubts(signal: Any) -> list[str]:
    """Values of the beam in the metadata that no microscope can have, each in a sentence."""
    found = {
        "beam energy": _of_the_beam(signal, "beam_energy", energy_in_kev)[1],
        "convergence semi-angle": _of_the_beam(signal, "convergence_angle", semi_angle_in_mrad)[1],
    }
    return [
        f"The {name} in the metadata, {value!r}, cannot be right and is not used."
        for name, value in found.items()
        if value is not None
    ]


def _of_the_beam(signal: Any, name: str, read: Any) -> tuple[float | None, Any]:
    """A value if it can be understood, else None with the text in the metadata; 0 is nothing."""
    for place in _MICROSCOPES:
        stored = signal.metadata.get_item(f"Acquisition_instrument.{place}.{name}")
        if stored is None or (isinstance(stored, str) and not stored.strip()) or stored == 0:
            continue
        try:
            return read(stored), None
        except InputError:
            return None, one_line(stored, 60)
    return None, None
