"""The units found in files, brought to a microscopist's: Å for the scan, 1/Å for the detector."""

import math
import re
from dataclasses import dataclass
from typing import Any

from stemwidgets.arrays.axes import Axis
from stemwidgets.arrays.calibration.electrons import wavelength
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.metadata.metadata_text import LONGEST_UNITS, one_line
from stemwidgets.signals.metadata.spelling import UNDEFINED, singular, spelled

_SYMBOLS = {"Å": 1.0, "A": 1.0, "AA": 1.0, "pm": 1e-2, "nm": 1e1, "µm": 1e4, "um": 1e4}  # in Å
_SYMBOLS |= {"fm": 1e-5, "mm": 1e7, "cm": 1e8, "m": 1e10}
_LENGTH_WORDS = {"ang": 1.0, "angs": 1.0, "angstrom": 1.0, "ångström": 1.0, "ångstrom": 1.0}  # in Å
_LENGTH_WORDS |= {"angström": 1.0, "micron": 1e4, "meter": 1e10, "metre": 1e10}
_PREFIXES = {"pico": 1e-12, "nano": 1e-9, "micro": 1e-6, "milli": 1e-3, "centi": 1e-2}  # as factors
_LENGTH_WORDS |= {
    f"{prefix}{metre}": 1e10 * size
    for prefix, size in _PREFIXES.items()
    for metre in ("meter", "metre")
}
_DEGREE = 1e3 * math.pi / 180  # mrad
# in mrad
_ANGLES = {"mrad": 1.0, "rad": 1e3, "µrad": 1e-3, "urad": 1e-3, "deg": _DEGREE, "°": _DEGREE}
_ANGLES |= {"radian": 1e3, "milliradian": 1.0, "microradian": 1e-3, "degree": _DEGREE}
_ANGLES |= {"arcmin": _DEGREE / 60, "arcsec": _DEGREE / 3600}
_ANGLES |= {"angle": 1e3}  # TopSpin's word for radians
_PIXELS = {"px", "pix", "pxl", "pixel"}
_NO_LENGTHS = {"au", "a.u.", "pc", "ly"}  # pint takes them for astronomers'
_SCATTERING = re.compile(r"2[-_ ]?(?:θ|th|theta|tth)[-_ ](.+)", re.IGNORECASE)  # of pyFAI, pyxem
_WAVE_NUMBER = re.compile(r"([kq])_(.+)", re.IGNORECASE)  # of pyFAI, pyxem: q = 2πk
_TURN = re.compile(r"(?:2\*?(?:π|pi)|rad)/(.+)", re.IGNORECASE)
_LARGEST_ANGLE = 2e3 * math.pi  # mrad: a full circle
_SCAN_STEPS = (1e-4, 1e9)  # Å: from 0.01 pm to 10 cm
# smallest and largest size of a pixel: from 1 nrad or 1/cm on
_DETECTOR_PIXELS = {"mrad": (1e-6, _LARGEST_ANGLE), "1/Å": (1e-8, 100.0)}
_FARTHEST = 1e6  # px: no origin lies farther away
_WIDEST = {"mrad": _LARGEST_ANGLE, "1/Å": 500.0}  # of the whole detector


@dataclass(frozen=True)
class Unit:
    """Quantity and size of a unit, in Å, 1/Å or mrad; the kind is "none" where there are none."""

    kind: str
    factor: float = 1.0


def read_unit(units: object) -> Unit:
    """Understand units in any spelling, such as ``$A^{-1}$``, ``1 / nm``, ``k_A^-1``, ``2th_deg``.

    ``A`` is the ångström; ``q_A^-1`` and ``2π/Å`` hold 2π.
    """
    text = spelled(units)
    word = singular(text)
    if word in UNDEFINED:
        return Unit("none")
    if word in _PIXELS or word == "channel":
        return Unit("pixel")
    scattering = _SCATTERING.fullmatch(text)
    angle = singular(scattering[1] if scattering else text)
    if angle in _ANGLES:
        return Unit("angle", _ANGLES[angle])
    if scattering:
        return Unit("unknown")
    turns, text = _without_turns(text)
    if text.startswith("1/"):
        length = _length(text[2:])
        return Unit("unknown") if length is None else Unit("reciprocal", 1 / (length * turns))
    length = _length(text) if turns == 1 else None
    return Unit("unknown") if length is None else Unit("length", length)


def scan_axis(axis: Axis) -> Axis:
    """A scan axis in Å, or in pixels where its units are no length."""
    unit = read_unit(axis.units)
    if scan_doubt(axis):
        return in_pixels(axis)
    if not _usable(axis) or unit.kind != "length":
        return _counted(axis, unit)
    return _scaled(axis, unit.factor, "Å")


def detector_axis(axis: Axis, beam_energy: float | None = None) -> Axis:
    """A detector axis in 1/Å where that can be known, else in mrad, else in pixels.

    With the energy of the beam [keV] angles become spatial frequencies, angle / wavelength.
    """
    unit = read_unit(axis.units)
    if detector_doubt(axis):
        return in_pixels(axis)
    if not _usable(axis) or unit.kind not in ("angle", "reciprocal"):
        return _counted(axis, unit)
    if unit.kind == "reciprocal":
        return _scaled(axis, unit.factor, "1/Å")
    axis = _scaled(axis, unit.factor, "mrad")
    return _scaled(axis, 1e-3 / wavelength(beam_energy), "1/Å") if beam_energy else axis


def scan_doubt(axis: Axis) -> str:
    """Reason why the calibration of a scan axis is not used; empty where it is, or is missing."""
    unit = read_unit(axis.units)
    if unit.kind in ("none", "pixel") or not _usable(axis):
        return ""
    if unit.kind != "length":
        return f"{_quoted(axis.units)} is no length"
    step = abs(axis.scale) * unit.factor
    if not _SCAN_STEPS[0] <= step <= _SCAN_STEPS[1]:
        return f"no scan has steps of {axis.scale:.3g} {axis.units}"
    return ""


def detector_doubt(axis: Axis) -> str:
    """Reason why the calibration of a detector axis is not used; empty as for `scan_doubt`."""
    unit = read_unit(axis.units)
    if unit.kind in ("none", "pixel") or not _usable(axis):
        return ""
    if unit.kind == "length":
        return f"{_quoted(axis.units)} is a length on the camera, not an angle"
    if unit.kind == "unknown":
        return f"{_quoted(axis.units)} is neither an angle nor a spatial frequency"
    pixel = abs(axis.scale) * unit.factor
    units = "mrad" if unit.kind == "angle" else "1/Å"
    smallest, largest = _DETECTOR_PIXELS[units]
    if not smallest <= pixel <= largest or pixel * (axis.size - 1) > _WIDEST[units]:
        return f"no detector has pixels of {axis.scale:.3g} {axis.units}"
    return ""


def in_pixels(axis: Axis) -> Axis:
    """An axis whose scale is not used, with its origin where it is."""
    offset = axis.offset / axis.scale if _usable(axis) else 0.0
    return Axis(axis.size, offset=offset if abs(offset) < _FARTHEST else 0.0)


def in_units(axis: Axis, units: str, beam_energy: float | None = None) -> Axis:
    """A detector axis in 1/Å, mrad or px, from the centre of pixel 0, or with ``"auto"`` as it is.

    The energy of the beam [keV] turns 1/Å into mrad and back. An InputError if there is no such
    unit, the axis is not calibrated or the beam energy is not known.
    """
    if units not in ("auto", "1/Å", "mrad", "px"):
        raise InputError(f"units are 'auto', '1/Å', 'mrad' or 'px', got {units!r}.")
    if units in ("auto", axis.units):
        return axis
    if units == "px":
        return Axis(axis.size)
    if axis.units not in ("1/Å", "mrad"):
        raise InputError(
            f"Expected detector axes in 1/Å or mrad, to give {units}; got {axis.units}. Set scale "
            "and units in signal.axes_manager, or calibrate the scan."
        )
    if not beam_energy:
        raise InputError(
            f"Between {axis.units} and {units} lies the beam energy, which is not known. Set it in "
            "the metadata, for example signal.set_experimental_parameters(beam_energy=80)."
        )
    radian = 1e3 * wavelength(beam_energy)
    return _scaled(axis, radian if units == "mrad" else 1 / radian, units)


def is_length(units: object) -> bool:
    """True if these units measure a length."""
    return read_unit(units).kind == "length"


def is_scattering(units: object) -> bool:
    """True if these units measure a spatial frequency or a scattering angle."""
    return read_unit(units).kind in ("reciprocal", "angle")


def _without_turns(text: str) -> tuple[float, str]:
    """Factor of these units in one spatial frequency, 1 or 2π, and the units without it."""
    wave = _WAVE_NUMBER.fullmatch(text)
    if wave and wave[2].startswith("1/"):
        return (2 * math.pi if wave[1] in "qQ" else 1.0), wave[2]
    turn = _TURN.fullmatch(text)
    return (2 * math.pi, f"1/{turn[1]}") if turn else (1.0, text)


def _length(word: str) -> float | None:
    """A length in Å; None for what is none."""
    known = _SYMBOLS.get(word) or _LENGTH_WORDS.get(singular(word))
    if known or singular(word) in _NO_LENGTHS | _PIXELS or not word.isalpha():
        return known
    import pint

    try:
        registry: Any = pint.get_application_registry()  # type: ignore[no-untyped-call]
        return float(registry.Quantity(1, word).to("angstrom").magnitude)
    except Exception:  # of many kinds, for a word that it does not know
        return None


def _usable(axis: Axis) -> bool:
    return math.isfinite(axis.scale) and axis.scale != 0 and math.isfinite(axis.offset)


def _quoted(units: object) -> str:
    return repr(one_line(units, LONGEST_UNITS))


def _counted(axis: Axis, unit: Unit) -> Axis:
    """An axis in pixels: as it is where it says so, else with its origin in pixels."""
    if unit.kind == "pixel" and _usable(axis):
        return Axis(axis.size, axis.scale, axis.offset)
    return in_pixels(axis)


def _scaled(axis: Axis, factor: float, units: str) -> Axis:
    return Axis(axis.size, axis.scale * factor, axis.offset * factor, units)
