"""The electrons of the beam."""

import math

from scipy.constants import c, elementary_charge, h, m_e


def wavelength(beam_energy: float) -> float:
    """Relativistic wavelength of an electron.

    Parameters
    ----------
    beam_energy : float
        Energy of the beam [keV].

    Returns
    -------
    float
        Wavelength [Å].
    """
    energy = beam_energy * 1e3 * elementary_charge
    return float(1e10 * h * c / math.sqrt(energy * (energy + 2 * m_e * c**2)))
