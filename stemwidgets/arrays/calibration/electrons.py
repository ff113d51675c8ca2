"""The electrons of the beam."""

import math
import re
from typing import Any

from scipy.constants import c, elementary_charge, h, m_e

from stemwidgets.arrays.errors import InputError

LOWEST_ENERGY = 0.5  # keV: below it nothing is transmitted; 0.2 is rather 0.2 MV
HIGHEST_ENERGY = 3000.0  # keV: the largest microscopes have 3 MV; 80000 is rather in volts
_SMALLEST_SEMI_ANGLE = 0.06  # mrad: no probe is so parallel; 0.03 is rather in rad
_LARGEST_SEMI_ANGLE = 300.0  # mrad: no lens takes more
_ENERGIES = {"ev": 1e-3, "v": 1e-3, "kev": 1.0, "kv": 1.0, "mev": 1e3, "mv": 1e3}  # in keV
_ANGLES = {  # in mrad
    "mrad": 1.0,
    "mrads": 1.0,
    "rad": 1e3,
    "rads": 1e3,
    "µrad": 1e-3,
    "urad": 1e-3,
    "deg": 1e3 * math.pi / 180,
    "°": 1e3 * math.pi / 180,
}
_QUANTITY = re.compile(r"([+-]?[\d.,]+(?:e[+-]?\d+)?)\s*(\D*)", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")


def wavelength(beam_energy: float) -> float:
    """Relativistic wavelength [Å] of an electron of so many keV.

    An InputError if no microscope has this energy, for example as it is in volts.
    """
    energy = possible_energy(beam_energy) * 1e3 * elementary_charge
    return float(1e10 * h * c / math.sqrt(energy * (energy + 2 * m_e * c**2)))


def possible_energy(beam_energy: float) -> float:
    """A beam energy [keV]; an InputError unless it is from 0.5 to 3000 keV."""
    if not LOWEST_ENERGY <= beam_energy <= HIGHEST_ENERGY:
        raise InputError(
            f"Expected a beam energy in keV, from {LOWEST_ENERGY:g} to {HIGHEST_ENERGY:g}, got "
            f"{beam_energy!r}. Pass 200 for 200 kV."
        )
    return float(beam_energy)


def energy_in_kev(value: Any) -> float:
    """Beam energy as people and files write it, in keV: 200, 200000, "200 kV", "0.2 MeV".

    A number from 0.5 to 3000 is in keV, a larger one in volts. An InputError if it is none, or
    could be several.
    """
    number, units = _quantity(value, "beam energy", "keV")
    if units:
        factor = _ENERGIES.get(units.lower())
        if factor is None:
            raise InputError(f"Expected a beam energy in keV, kV or V, got {value!r}.")
        return possible_energy(number * factor)
    volts = HIGHEST_ENERGY < number <= 1e3 * HIGHEST_ENERGY
    return possible_energy(number / 1e3 if volts else number)


def semi_angle_in_mrad(value: Any) -> float:
    """Convergence semi-angle as people write it, in mrad: 30, "30 mrad", "0.03 rad".

    An InputError if no probe has it, for example as it is in radians.
    """
    number, units = _quantity(value, "semi-angle", "mrad")
    factor = _ANGLES.get(units.lower()) if units else 1.0
    if factor is None:
        raise InputError(f"Expected a semi-angle in mrad, got {value!r}.")
    angle = number * factor
    if _SMALLEST_SEMI_ANGLE <= angle <= _LARGEST_SEMI_ANGLE:
        return angle
    meant = f" If this is in rad, pass {1e3 * number:g}." if 0 < angle < 0.06 else ""
    raise InputError(
        f"Expected a positive semi-angle [mrad] from {_SMALLEST_SEMI_ANGLE:g} to "
        f"{_LARGEST_SEMI_ANGLE:g}, got {value!r}.{meant}"
    )


def _quantity(value: Any, name: str, usual: str) -> tuple[float, str]:
    """A number and its units, which are empty where none are given."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    units = ""
    number: Any = value
    if isinstance(value, str):
        found = _QUANTITY.fullmatch(value.strip().replace("\N{GREEK SMALL LETTER MU}", "µ"))
        if found is None:
            raise InputError(f"Expected a positive {name} [{usual}], got {value!r}.")
        digits, units = found[1], found[2].strip()
        plain = _THOUSANDS.fullmatch(digits)
        number = digits.replace(",", "" if plain else ".")
    try:
        number = float(number)
    except (TypeError, ValueError) as error:
        raise InputError(f"Expected a positive {name} [{usual}], got {value!r}.") from error
    if not (math.isfinite(number) and number > 0):
        raise InputError(f"Expected a positive {name} [{usual}], got {value!r}.")
    return number, units
