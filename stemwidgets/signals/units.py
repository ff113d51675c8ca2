"""The units found in files, brought to a microscopist's: Å for the scan, 1/Å for the detector."""

import math
import re
from dataclasses import replace

from stemwidgets.arrays.axes import Axis
from stemwidgets.arrays.electrons import wavelength
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.words import LONGEST_UNITS, one_line

_LENGTHS = {  # in Å
    "Å": 1.0,
    "A": 1.0,
    "Ang": 1.0,
    "ang": 1.0,
    "Angstrom": 1.0,
    "angstrom": 1.0,
    "pm": 1e-2,
    "nm": 1e1,
    "µm": 1e4,
    "um": 1e4,
    "mm": 1e7,
    "cm": 1e8,
    "m": 1e10,
}
_ANGLES = {"mrad": 1.0, "rad": 1e3, "µrad": 1e-3, "urad": 1e-3, "deg": 1e3 * math.pi / 180}
_PIXELS = {"px", "pixel", "pixels"}
_UNDEFINED = {"", "<undefined>", "undefined", "none", "None"}


def scan_axis(axis: Axis) -> Axis:
    """A scan axis in Å, or in pixels where the units are unknown; other units stay.

    Parameters
    ----------
    axis : Axis
        As read from a file, in any spelling of its units.
    """
    axis = _spelled(axis)
    return _scaled(axis, _LENGTHS[axis.units], "Å") if axis.units in _LENGTHS else axis


def detector_axis(axis: Axis, beam_energy: float | None = None) -> Axis:
    """A detector axis in 1/Å where that can be known, else in mrad, else in pixels.

    Parameters
    ----------
    axis : Axis
        As read from a file, in any spelling of its units.
    beam_energy : float, optional
        Energy of the beam [keV]; with it, angles become spatial frequencies angle / wavelength.
    """
    axis = _spelled(axis)
    if axis.units in _ANGLES:
        axis = _scaled(axis, _ANGLES[axis.units], "mrad")
        return _scaled(axis, 1e-3 / wavelength(beam_energy), "1/Å") if beam_energy else axis
    if is_reciprocal(axis.units):
        return _scaled(axis, 1 / _LENGTHS[_spelling(axis.units)[2:]], "1/Å")
    return axis


def in_units(axis: Axis, units: str, beam_energy: float | None = None) -> Axis:
    """A detector axis in the units that are asked for.

    Parameters
    ----------
    axis : Axis
        As :func:`detector_axis` gives it.
    units : {"auto", "1/Å", "mrad", "px"}
        ``"auto"`` leaves it as it is; pixels count from the centre of pixel 0.
    beam_energy : float, optional
        Energy of the beam [keV], between 1/Å and mrad: angle = wavelength · spatial frequency.

    Raises
    ------
    InputError
        If there is no such unit, the axis is not calibrated or the beam energy is not known.
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
    """Whether these units measure a length."""
    return _spelling(units) in _LENGTHS


def is_reciprocal(units: object) -> bool:
    """Whether these units measure a spatial frequency."""
    spelling = _spelling(units)
    return spelling.startswith("1/") and spelling[2:] in _LENGTHS


def is_angle(units: object) -> bool:
    """Whether these units measure a scattering angle."""
    return _spelling(units) in _ANGLES


def _spelling(units: object) -> str:
    """One spelling for ``$A^{-1}$``, ``1 / nm``, ``Å^-1``, ``nm-1`` …; "" where undefined."""
    text = one_line(units, LONGEST_UNITS).strip()
    if text in _UNDEFINED:
        return ""
    text = re.sub(r"\\(?:AA|angstrom)\b", "Å", text)
    text = re.sub(r"\\(?:mathrm|text|rm)\b|[\s${}()]", "", text)
    text = text.replace("\N{ANGSTROM SIGN}", "Å").replace("\N{GREEK SMALL LETTER MU}", "µ")
    text = text.replace("⁻¹", "-1").replace("\N{MINUS SIGN}", "-").replace("**", "^")
    inverse = re.fullmatch(r"(.+?)\^?-1", text)
    return f"1/{inverse[1]}" if inverse else text


def _spelled(axis: Axis) -> Axis:
    """The axis with one spelling for its units, and in pixels where it is not calibrated."""
    units = _spelling(axis.units)
    usable = math.isfinite(axis.scale) and axis.scale != 0 and math.isfinite(axis.offset)
    if not usable:
        return Axis(axis.size)
    if not units:
        return Axis(axis.size, offset=axis.offset / axis.scale)
    return replace(axis, units="px" if units in _PIXELS else units)


def _scaled(axis: Axis, factor: float, units: str) -> Axis:
    return Axis(axis.size, axis.scale * factor, axis.offset * factor, units)
