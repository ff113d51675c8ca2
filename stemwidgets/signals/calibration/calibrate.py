"""Calibrate a scan: descan, rotation of the detector, bright disc and scale."""

import math
from os import PathLike
from typing import Any

import hyperspy.api as hs
from numpy.typing import NDArray

from stemwidgets.arrays.calibration.electrons import energy_in_kev, semi_angle_in_mrad, wavelength
from stemwidgets.arrays.calibration.measure import PixelScale, measure, scale_from_disc
from stemwidgets.arrays.calibration.scan_rotation import ScanRotation
from stemwidgets.arrays.centring.find import require_descan
from stemwidgets.arrays.disc.find import Disc, given_disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import FIND, clean_scan
from stemwidgets.signals.calibration.descan import given_descan
from stemwidgets.signals.calibration.record import Calibration
from stemwidgets.signals.conversion import to_arrays
from stemwidgets.signals.io.load import load
from stemwidgets.signals.metadata.title_and_beam import beam_energy as energy_of
from stemwidgets.signals.metadata.title_and_beam import semi_angle as semi_angle_of


def calibrate(
    source: Any,
    semi_angle: float | None = None,
    beam_energy: float | None = None,
    rotation: float | None = None,
    handedness: int | None = None,
    descan_order: int | None = None,
    descan_where: NDArray[Any] | None = None,
    mask: NDArray[Any] | None = None,
    faulty: Any = FIND,
    disc: Any = None,
    descan: Any = None,
) -> Calibration:
    """Measure the calibration of deflections: descan, rotation and handedness, disc and scale.

    The rotation follows from the centre of mass alone, which has no curl in a thin specimen. Its
    sign follows from what atoms scatter out of the disc, to the dark field or off the detector: the
    centre of mass points there. Where neither is seen it follows from the peaks of -div at atoms. A
    sign from blunt peaks is trusted to 75 % only, and left unresolved: a honeycomb that is
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
        Energy of the beam [keV], or as text, "200 kV"; that of the metadata if not given. With it
        the scale of the disc is in 1/Å, else in mrad.
    rotation : float, optional
        Rotation [rad], where it is known: ``rotation=0`` in vacuum, where it cannot be measured.
    handedness : int, optional
        +1, or -1 for a mirrored detector, where it is known; +1 if only `rotation` is given.
    descan_order : int, optional
        Descan is a polynomial of the scan position: 0 is none, 1 a plane, up to 4. If not given it
        is a plane where that stands out from the deflections by the specimen: in a scan over one
        period or one object the two cannot be distinguished.
    descan_where : ndarray of bool, shape [iy, ix], optional
        True where the descan is fitted; everywhere if not given.
    mask, faulty
        As for :func:`stemwidgets.center_of_mass`.
    disc : ((float, float), float), optional
        Centre ``(ky, kx)`` and radius along kx of the direct beam, in pixels, where it is known:
        the table says where it is not certain.
    descan : Descan or Calibration, optional
        Given where it is known, for example from :func:`stemwidgets.measure_descan`; else fitted.

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
        semi-angle is given but no disc is seen, or axes in 1/Å but no beam energy; if the mask does
        not fit.

    Notes
    -----
    The least curl is also sought, step by step, by Lazić et al., Ultramicroscopy 160, 265 (2016),
    doi:10.1016/j.ultramic.2015.10.011, and in py4DSTEM (Savitzky et al., Microsc. Microanal. 27,
    712 (2021)); here it is found in closed form.

    Examples
    --------
    >>> calibration = sw.calibrate(signal, semi_angle=32)
    >>> com = calibration.apply(sw.center_of_mass(signal))
    """
    if isinstance(source, (str, PathLike)):
        source = load(source)
    data, axes, title = to_arrays(source)
    given_angle = None if semi_angle is None else semi_angle_in_mrad(semi_angle)
    energy = None if beam_energy is None else energy_in_kev(beam_energy)
    semi_angle = given_angle
    if isinstance(source, hs.signals.BaseSignal):
        semi_angle = given_angle or semi_angle_of(source)
        energy = energy or energy_of(source)
    known = given_descan(descan, source)
    require_descan(known, tuple(data.shape[:2]))
    clean = clean_scan(data, faulty, mask)
    measured = measure(
        clean.data,
        axes,
        _given(rotation, handedness),
        handedness,
        descan_order,
        descan_where,
        clean.mask,
        None if disc is None else given_disc(disc, (axes.ky.size, axes.kx.size)),
        None if isinstance(known, str) else known,
    )
    scale = measured.scale
    if given_angle or (semi_angle and scale.units == "px" and measured.disc.sure):
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
        left_out=clean.told.words,
    )


def _given(rotation: float | None, handedness: int | None) -> ScanRotation | None:
    if rotation is None:
        return None
    if not math.isfinite(rotation):
        raise InputError(f"Expected a rotation [rad], got {rotation!r}.")
    if handedness not in (None, 1, -1):
        raise InputError(f"Expected a handedness of +1 or -1, got {handedness!r}.")
    wrapped = math.pi - (math.pi - rotation) % (2 * math.pi)
    return ScanRotation(wrapped, handedness=-1 if handedness == -1 else 1)


def _scale(disc: Disc, shape: PixelScale, semi_angle: float, energy: float | None) -> PixelScale:
    if shape.units == "1/Å" and energy is None:
        raise InputError(
            "Expected the beam energy [keV] beside the semi-angle, as the detector axes are in "
            "1/Å: pass beam_energy=60, say, or set it in the signal's metadata."
        )
    return scale_from_disc(disc, shape, semi_angle, wavelength(energy) if energy else None)
