"""Calibrate a scan: descan, rotation of the detector, bright disc and scale."""

import math
from os import PathLike
from typing import Any

import hyperspy.api as hs
from numpy.typing import NDArray

from stemwidgets.arrays.calibration import Scale, measure, scale_from_disc
from stemwidgets.arrays.disc import Disc
from stemwidgets.arrays.electrons import wavelength
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.scan_rotation import ScanRotation
from stemwidgets.signals.axes import beam_energy as energy_of
from stemwidgets.signals.axes import to_arrays
from stemwidgets.signals.calibration import Calibration
from stemwidgets.signals.load import load


def calibrate(
    source: Any,
    semi_angle: float | None = None,
    beam_energy: float | None = None,
    rotation: float | None = None,
    handedness: int | None = None,
    descan_order: int | None = None,
    descan_where: NDArray[Any] | None = None,
    mask: Any = None,
) -> Calibration:
    """Find what makes deflections true: descan, rotation and handedness, disc and scale.

    The rotation follows from the centre of mass alone, which has no curl in a thin specimen. Its
    sign is told by what atoms scatter out of the disc, to the dark field or off the detector: the
    centre of mass points there. Where neither is seen it is told by the peaks of -div at atoms. A
    sign that blunt peaks tell is trusted to 75 % only, and left unresolved: a honeycomb that is
    not resolved has sharp holes instead.

    Parameters
    ----------
    source : signal, path or array
        A HyperSpy or pyxem signal, a file, or a numpy or dask array ``[iy, ix, ky, kx]``; lazy data
        are streamed, twice.
    semi_angle : float, optional
        Convergence semi-angle [mrad]; the radius of the disc is brought to it. Without it, that of
        ``metadata.Acquisition_instrument.TEM.convergence_angle`` is used if the detector axes are
        not calibrated.
    beam_energy : float, optional
        [keV]; that of the metadata if not given. With it the scale of the disc is in 1/Å, else in
        mrad.
    rotation : float, optional
        [rad], where it is known: ``rotation=0`` to calibrate in vacuum, where nothing tells it.
    handedness : int, optional
        +1, or -1 for a mirrored detector, where it is known; +1 if only `rotation` is given.
    descan_order : int, optional
        Descan is a polynomial of the scan position: 0 is none, 1 a plane, up to 4. If not given it
        is a plane where that stands out from what the specimen deflects: a scan over one period or
        one object cannot tell the two apart.
    descan_where : ndarray of bool, shape [iy, ix], optional
        True where the descan is fitted, in vacuum, say; everywhere if not given.
    mask : ndarray of shape [ky, kx], or detector, optional
        Weight of each detector pixel; 0 leaves a pixel out, whatever it holds.

    Returns
    -------
    Calibration
        Prints as a table; ``.apply``, ``.undo``, ``.save``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If `source` is no scan, is smaller than 8×8 positions, has no deflection or no counts; if a
        semi-angle is given but no disc is seen, or axes in 1/Å but no beam energy.

    Notes
    -----
    The least curl is also sought, step by step, by Lazić et al., Ultramicroscopy 160, 265 (2016),
    doi:10.1016/j.ultramic.2015.10.011, and in py4DSTEM (Savitzky et al., Microsc. Microanal. 27,
    712 (2021)); here it is found in closed form.
    """
    if isinstance(source, (str, PathLike)):
        source = load(source)
    data, axes, title = to_arrays(source)
    given_angle, given_energy = _known(semi_angle, "semi_angle", "mrad"), beam_energy
    if isinstance(source, hs.signals.BaseSignal):
        stored = source.metadata.get_item("Acquisition_instrument.TEM.convergence_angle")
        semi_angle = given_angle or (float(stored) if stored else None)
        beam_energy = given_energy or energy_of(source)
    energy = _known(beam_energy, "beam_energy", "keV")
    measured = measure(
        data,
        axes,
        _given(rotation, handedness),
        handedness,
        descan_order,
        descan_where,
        mask,
    )
    scale = measured.scale
    if given_angle or (semi_angle and scale.units == "px" and measured.disc.has_edge):
        scale = _scale(measured.disc, scale, float(semi_angle or 0), energy)
    return Calibration(
        scan_rotation=measured.scan_rotation,
        descan=measured.descan,
        disc=measured.disc,
        scale=scale,
        pattern_shape=(axes.ky.size, axes.kx.size),
        semi_angle=semi_angle,
        beam_energy=energy,
        title=title,
    )


def _known(value: float | None, name: str, units: str) -> float | None:
    if value is None:
        return None
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"Expected a positive {name} [{units}], got {value!r}.")
    return float(value)


def _given(rotation: float | None, handedness: int | None) -> ScanRotation | None:
    if rotation is None:
        return None
    if not math.isfinite(rotation):
        raise InputError(f"Expected a rotation [rad], got {rotation!r}.")
    if handedness not in (None, 1, -1):
        raise InputError(f"Expected a handedness of +1 or -1, got {handedness!r}.")
    wrapped = math.pi - (math.pi - rotation) % (2 * math.pi)
    return ScanRotation(wrapped, handedness=-1 if handedness == -1 else 1)


def _scale(disc: Disc, shape: Scale, semi_angle: float, energy: float | None) -> Scale:
    if shape.units == "1/Å" and energy is None:
        raise InputError(
            "Expected the beam energy [keV] beside the semi-angle, as the detector axes are in "
            "1/Å: pass beam_energy=60, say, or set it in the signal's metadata."
        )
    return scale_from_disc(disc, shape, semi_angle, wavelength(energy) if energy else None)
