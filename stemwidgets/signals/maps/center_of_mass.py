"""Centre of mass of a scan, as calibrated signals."""

from dataclasses import dataclass
from functools import partial
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyxem.signals import BeamShift

from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.band_limit.maps import limited_centroids
from stemwidgets.arrays.calibration.electrons import wavelength
from stemwidgets.arrays.center_of_mass import calibrated, centroids, moments
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import FIND, clean_scan
from stemwidgets.arrays.faults.left_out import LeftOut
from stemwidgets.arrays.fields import electric_field, interaction_constant
from stemwidgets.arrays.masks import refuse_inverted, require_mask
from stemwidgets.arrays.overview import sample_pattern
from stemwidgets.arrays.potential import potential
from stemwidgets.signals.band_limit import LimitChoice
from stemwidgets.signals.calibration.descan import (
    given_descan,
    known_descan,
    record_descan,
    taken_off,
)
from stemwidgets.signals.conversion import to_arrays
from stemwidgets.signals.io.load import load
from stemwidgets.signals.maps.beam_shift import beam_shift
from stemwidgets.signals.maps.com_error import NoisyVectorMaps, noise_of
from stemwidgets.signals.maps.com_reference import origin_of
from stemwidgets.signals.maps.vector_maps import VectorMaps, component_signals
from stemwidgets.signals.metadata.left_out import record_left_out
from stemwidgets.signals.metadata.title_and_beam import beam_energy
from stemwidgets.signals.metadata.units import in_units

Map = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class CenterOfMass(NoisyVectorMaps):
    """Centre of mass at every scan position, in the detector frame.

    Each map is a HyperSpy ``Signal2D`` with the axes of the scan; its data are ``[iy, ix]``. The
    maps `divergence`, `curl`, `std` and `angle_std` are computed when they are asked for.

    Parameters
    ----------
    x, y, magnitude, angle, axes, units, name, title, noise
        As for `NoisyVectorMaps`; x and y are about the reference, in ``"1/Å"``, ``"mrad"`` or
        ``"px"``, and point towards nuclei.
    positions : ndarray, shape [iy, ix, 2]
        Centres of mass ``(y, x)`` in pixels about the centre of pixel (0, 0), as they were read:
        without reference or calibration.
    beam_energy : float or None
        Energy of the beam [keV], if known.
    left_out : LeftOut or None
        Faults of the detector that are left out; its `words` describe them.
    band_limit : BandLimit or None
        Limit of the scan frequencies, where the COM was read with that of its neighbours.
    """

    positions: Map
    beam_energy: float | None = None
    left_out: LeftOut | None = None
    band_limit: BandLimit | None = None

    def __repr__(self) -> str:
        """Name the maps, their size and units, their limit, and what is left out."""
        words = [] if self.band_limit is None else [self.band_limit.words]
        words += [] if self.left_out is None else [self.left_out.words]
        return ". ".join([super().__repr__()[:-1], *filter(None, words)]) + ">"

    def to_beam_shift(self) -> BeamShift:
        """The same as pyxem's ``get_direct_beam_position(method="center_of_mass")``.

        Returns
        -------
        pyxem.signals.BeamShift
            Shift of each pattern to the middle: *minus* the centre of mass, in the order (x, y),
            in pixels about half the size of the pattern; whatever reference was chosen. NaN where a
            pattern has no counts: pass ``get_linear_plane`` a mask there.
        """
        return beam_shift(self.positions, self.axes, self.title, self.beam_energy)

    def potential(self, high_pass: float | None = None) -> Any:
        """Integrated centre of mass, iCOM: the projected potential, as the probe blurs it.

        It is least-squares exact with free edges (cosine transforms), for any scan; see
        `stemwidgets.arrays.potential`. Nuclei are bright, its mean is zero.

        Parameters
        ----------
        high_pass : float, optional
            Standard deviation, in units of the scan axes, of a Gaussian: the potential smoothed
            with it is subtracted.

        Returns
        -------
        Signal2D
            Where scan and detector are calibrated, φ/σ [V·Å] if the beam energy is known, with the
            phase φ = 2π ∫ COM·dr and σ = 2πe/(hv), else φ [rad]; elsewhere ∫ COM·dr in the units of
            both. NaN where the COM is.

        Raises
        ------
        InputError
            If `high_pass` is not positive, or the scan a single position.
        """
        values = potential(self.y.data, self.x.data, self._steps, high_pass)
        factor = self._to_reciprocal()
        if factor is None or self.axes.scan_x.units != "Å":
            return self._map(values, "integrated COM", f"{self.units}·{self.axes.scan_x.units}")
        phase = 2 * np.pi * factor * values
        if self.beam_energy is None:
            return self._map(phase, "phase", "rad")
        volts = phase / interaction_constant(self.beam_energy)
        return self._map(volts, "projected potential", "V·Å")

    def electric_field(self, thickness: float | None = None) -> VectorMaps:
        """Electric field E = −(h v / e) COM / t, in a thin specimen, as the probe blurs it.

        Planck's constant h, speed v of the beam electrons, elementary charge e: see
        `stemwidgets.arrays.fields.electric_field`. It points away from nuclei.

        Parameters
        ----------
        thickness : float, optional
            Thickness t of the specimen [Å].

        Returns
        -------
        VectorMaps
            ``.x .y .magnitude .angle .divergence .curl .color_image()``, in V/Å; without a
            thickness the field projected along the beam, ∫E dz in V.

        Raises
        ------
        InputError
            If the beam energy is not known, the COM is not in 1/Å or mrad, or the thickness is not
            positive.
        """
        factor = self._to_reciprocal()
        if self.beam_energy is None:
            raise InputError(
                "An electric field needs the beam energy. Set it in the metadata, for example "
                "signal.set_experimental_parameters(beam_energy=80)."
            )
        if factor is None:
            raise InputError(
                f"An electric field needs the COM in 1/Å or mrad, got {self.units}. Calibrate the "
                'detector axes, and leave units="auto".'
            )
        y, x = electric_field(
            factor * self.y.data, factor * self.x.data, self.beam_energy, thickness
        )
        name, units = ("projected field", "V") if thickness is None else ("electric field", "V/Å")
        return VectorMaps(**component_signals(y, x, self.axes, self.title, name, units))

    def _to_reciprocal(self) -> float | None:
        """Factor that brings the components to 1/Å, if there is one."""
        if self.units == "1/Å":
            return 1.0
        if self.units == "mrad" and self.beam_energy:
            return 1e-3 / wavelength(self.beam_energy)
        return None


def center_of_mass(
    source: Any,
    mask: NDArray[np.bool_] | None = None,
    threshold: float | None = None,
    reference: Any = "mean",
    units: str = "auto",
    background: ArrayLike | None = None,
    weights: Any = None,
    faulty: Any = FIND,
    descan: Any = None,
    band_limit: str | float | None = None,
    periodic: bool = False,
) -> CenterOfMass:
    """Centre of mass ⟨k⟩ of every pattern, about that of the mean pattern.

    Parameters
    ----------
    source : signal, path or array
        A HyperSpy or pyxem signal, a file, or a numpy or dask array ``[iy, ix, ky, kx]``; lazy data
        are streamed. Negative counts, as the subtraction of a dark image leaves, count as they are.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out, whatever it holds.
    threshold : float, optional
        Counts. A pixel below (after the background) counts nothing; the others are not lowered.
    reference : "mean", (y, x), ndarray of shape [iy, ix, 2], CenterOfMass or None
        The centre of mass of no deflection: that of the mean pattern, a position in pixels about
        the centre of pixel (0, 0), one for each scan position, that of a scan in vacuum (its
        `positions`), or, with None, the zero of the detector axes.
    units : {"auto", "1/Å", "mrad", "px"}
        Units of the result: those of the detector axes (1/Å where they are calibrated), or the
        ones asked for. In pixels that are not square, the angle is that in the grid of pixels.
    background : float or ndarray of shape [ky, kx], optional
        Counts to subtract from every pixel, without clipping at 0. A background that is left in
        makes deflections too small.
    weights : detector or ndarray of shape [ky, kx], optional
        Weight of each pixel: a number that is not negative, 0 to leave it out; or a detector
        such as ``AnnularDetector``, whose pixels count.
    faulty : "find" or None
        Leave out hot, weak and dead pixels, rows and columns, and single events (one pixel of one
        pattern), as they are found in a sample of the patterns; or, with None, nothing.
    descan : None, "find", Descan or Calibration
        Subtract the departure of the beam from its mean position: not at all, where it matters (as
        for the rrVAE), or as it is known, for example from :func:`stemwidgets.measure_descan`.
        `positions` stay as they were read.
    band_limit : "auto", None or float
        Highest scan frequency [1/Å]: the COM is read with that of its neighbours, without the shot
        noise beyond; as for :class:`stemwidgets.RRVAE`. `positions` stay as they were read.
    periodic : bool
        True if the scan goes on at its other edge, as a simulation of whole unit cells does.

    Returns
    -------
    CenterOfMass
        ``.x .y .magnitude .angle .std .angle_std .divergence .curl``, ``.potential()``,
        ``.electric_field()``, ``.to_beam_shift()``. NaN where a pattern has no counts, and where
        negative counts leave it no positive sum or push its centre of mass out of the detector.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If `source` is no scan of diffraction patterns or a mean was subtracted from it; if a pixel
        that counts is not finite; if mask, threshold, reference, background or weights do not fit,
        or the mask looks as if True were meant to count; if units are asked for that
        the calibration of the detector (and, between 1/Å and mrad, the beam energy) does not give.

    Notes
    -----
    Müller et al., Nat. Commun. 5, 5653 (2014), doi:10.1038/ncomms6653.

    Examples
    --------
    >>> com = sw.center_of_mass(signal)
    >>> com.angle.plot(cmap=sw.angle_colors())
    >>> error = com.angle_std  # error bar of each angle [rad]
    """
    if isinstance(source, str | PathLike):
        source = load(source)
    data, axes, title = to_arrays(source)
    energy = beam_energy(source) if hasattr(source, "metadata") else None
    scaled = axes._replace(ky=in_units(axes.ky, units, energy), kx=in_units(axes.kx, units, energy))
    origin = None if isinstance(reference, str) else origin_of(reference, axes)
    if isinstance(reference, str) and reference != "mean":
        raise InputError(f"reference is 'mean', a position, an array or None; got {reference!r}.")
    descan = given_descan(descan, source)
    if mask is not None:
        refuse_inverted(require_mask(mask, axes.shape[2:]), sample_pattern(data))
    clean = clean_scan(data, faulty, mask)
    sums = moments(clean.data, clean.mask, threshold, background, weights)
    com = centroids(sums, axes.shape[2:])
    if origin is None:
        origin = centroids(sums.sum(axis=(0, 1)))
    known = known_descan(descan, com)
    about = origin if known is None else origin + known.departure
    limit = LimitChoice(band_limit, periodic).of(source, data, axes)
    shown, factors = com, np.ones(com.shape[:2])
    if limit is not None:
        shown, share = limited_centroids(sums, about, limit)
        factors = limit.error(share)
    found = calibrated(shown, scaled, about)
    maps = component_signals(found.y, found.x, axes, title, "COM", found.units)
    left_out = clean.told
    for name in ("x", "y", "magnitude", "angle"):
        record_left_out(left_out, maps[name])
        record_descan(known or taken_off(source), maps[name])
    pixel = scaled.ky.scale, scaled.kx.scale
    given = threshold, background, weights, factors
    noise = partial(noise_of, data, clean, sums[..., 0], pixel, *given)
    return CenterOfMass(
        **maps,
        positions=com,
        beam_energy=energy,
        left_out=left_out,
        band_limit=limit,
        noise=noise,
    )
