"""Fields derived from a deflection: divergence, curl and the electric field.

In a thin specimen the centre of mass ⟨k⟩ is σ/2π times the gradient of the projected potential V,
averaged over the probe: ⟨k⟩ = (σ/2π) |ψ|² ⋆ ∇V (Lazić, Bosch & Lazar, Ultramicroscopy 160, 265
(2016), doi:10.1016/j.ultramic.2015.10.011). It points to where V is high, towards nuclei.

Components are maps ``[iy, ix]`` along +y (down) and +x; steps are ``(step_y, step_x)``, distances
between scan positions. NaN is "not known".
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.constants import c, elementary_charge, h, m_e

from stemwidgets.arrays.calibration.electrons import possible_energy
from stemwidgets.arrays.errors import InputError

Map = NDArray[np.float64]

ANGSTROM = 1e-10  # m


def divergence(y: ArrayLike, x: ArrayLike, steps: tuple[float, float] = (1.0, 1.0)) -> Map:
    """Divergence ∂x/∂x + ∂y/∂y of a vector map.

    Derivatives are central differences. At the edges of the scan, and beside a position that is not
    known, they are one-sided; where a component or both its neighbours are NaN, the result is.

    Parameters
    ----------
    y, x : array, shape [iy, ix]
        Components.
    steps : (float, float)
        ``(step_y, step_x)``.

    Returns
    -------
    ndarray, shape [iy, ix]
        In units of the components per unit of the steps. At atoms that of the COM is negative:
        -(2π/σ) times it is the projected charge density over ε₀ (Müller et al., Nat. Commun. 5,
        5653 (2014), doi:10.1038/ncomms6653).

    Raises
    ------
    InputError
        If the components are no maps of at least 2×2 positions, or a step is no distance.
    """
    y, x = _components(y, x, steps)
    return _slope(y, steps[0], 0) + _slope(x, steps[1], 1)


def curl(y: ArrayLike, x: ArrayLike, steps: tuple[float, float] = (1.0, 1.0)) -> Map:
    """Curl ∂y/∂x − ∂x/∂y of a vector map; positive where it turns from +x to +y.

    An electric field in a thin specimen has none: curl shows noise, a detector turned
    against the scan, or of a thick or a magnetic specimen.

    Parameters
    ----------
    y, x : array, shape [iy, ix]
        Components.
    steps : (float, float)
        ``(step_y, step_x)``.

    Returns
    -------
    ndarray, shape [iy, ix]
        With the units and the edges of :func:`divergence`.

    Raises
    ------
    InputError
        As :func:`divergence`.
    """
    y, x = _components(y, x, steps)
    return _slope(y, steps[1], 1) - _slope(x, steps[0], 0)


def per_length(units: str, length: str) -> str:
    """Units of a derivative: ``1/Å²`` for those of 1/Å along Å."""
    top, slash, bottom = units.partition("/")
    return f"{top}/{length}²" if slash and bottom == length else f"{units}/{length}"


def electron_speed(beam_energy: float) -> float:
    """Relativistic speed v [m/s] of the electrons of a beam of so many keV."""
    gamma = 1 + possible_energy(beam_energy) * 1e3 * elementary_charge / (m_e * c**2)
    return float(c * np.sqrt(1 - gamma**-2))


def interaction_constant(beam_energy: float) -> float:
    """Phase per projected potential [rad/(V·Å)], σ = 2π m e λ / h² = 2π e / (h v).

    m is the relativistic mass, λ the wavelength and v the speed of the electrons of a beam of so
    many keV.
    """
    return 2 * np.pi * elementary_charge / (h * electron_speed(beam_energy)) * ANGSTROM


def electric_field(
    y: ArrayLike, x: ArrayLike, beam_energy: float, thickness: float | None = None
) -> tuple[Map, Map]:
    """Electric field from the centre of mass in a thin specimen.

    E = −(2π/σ) ⟨k⟩ / t = −(h v / e) ⟨k⟩ / t with Planck's constant h, the speed v of the beam
    electrons and the elementary charge e (CODATA values of scipy.constants): the momentum h⟨k⟩ that
    an electron gains is the force −eE for the time t / v. E points away from nuclei. It is the mean
    over the thickness and over the probe's intensity; the specimen must be so thin that the probe
    keeps its shape.

    Parameters
    ----------
    y, x : array
        Components of the COM [1/Å].
    beam_energy : float
        Energy of the beam [keV].
    thickness : float, optional
        Thickness t of the specimen [Å].

    Returns
    -------
    y, x : ndarray
        Components of E [V/Å]; without a thickness those of the projected field ∫E dz [V].

    Raises
    ------
    InputError
        If beam energy or thickness are not positive.

    Notes
    -----
    Müller et al., Nat. Commun. 5, 5653 (2014), doi:10.1038/ncomms6653, from Ehrenfest's theorem.
    """
    if thickness is not None and not (np.isfinite(thickness) and thickness > 0):
        raise InputError(f"Expected a thickness in Å, got {thickness!r}.")
    factor = -2 * np.pi / interaction_constant(beam_energy) / (thickness or 1.0)
    return factor * np.asarray(y, dtype=float), factor * np.asarray(x, dtype=float)


def _components(y: ArrayLike, x: ArrayLike, steps: tuple[float, float]) -> tuple[Map, Map]:
    y, x = np.asarray(y, dtype=float), np.asarray(x, dtype=float)
    if y.shape != x.shape or y.ndim != 2 or min(y.shape) < 2:
        raise InputError(
            "Expected two components [iy, ix] of at least 2×2 positions, got the shapes "
            f"{y.shape} and {x.shape}. A line scan has no divergence and no curl."
        )
    require_steps(steps)
    return y, x


def require_steps(steps: tuple[float, float]) -> None:
    """Check that steps are distances; they may be negative where an axis runs backwards.

    An InputError if one is zero or not finite.
    """
    if len(steps) != 2 or not np.isfinite(steps).all() or 0 in steps:
        raise InputError(f"Expected steps (step_y, step_x) between positions, got {steps!r}.")


def _slope(values: Map, step: float, axis: int) -> Map:
    difference = np.diff(values, axis=axis) / step
    edge = np.full_like(np.take(values, [0], axis=axis), np.nan)
    ahead = np.concatenate([difference, edge], axis=axis)
    behind = np.concatenate([edge, difference], axis=axis)
    central = (ahead + behind) / 2
    one_sided = np.where(np.isfinite(ahead), ahead, behind)
    return np.where(np.isfinite(central), central, one_sided)
