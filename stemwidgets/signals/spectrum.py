"""Spectrum of a scan over scan frequency, beside its shot noise and the limit of the probe."""

from dataclasses import replace
from typing import Any

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.band_limit.spectrum import ScanSpectrum
from stemwidgets.arrays.calibration.electrons import semi_angle_in_mrad, wavelength
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.scan_report.checking import Checking
from stemwidgets.arrays.scan_report.spectrum_of import spectrum_of
from stemwidgets.signals.check import read, with_beam


def scan_spectrum(
    source: Any,
    semi_angle: float | None = None,
    beam_energy: float | None = None,
    scan_step: float | tuple[float, float] | None = None,
    limit: float | None = None,
    progress: bool = True,
    **load_options: Any,
) -> ScanSpectrum:
    """Power of a scan over scan frequency, and whether it keeps to the limit of the probe.

    The intensity in every pixel of the detector, over the position of the probe, holds no scan
    frequency beyond 2α/λ (semi-angle over wavelength), however thick the specimen (Rodenburg &
    Bates, Phil. Trans. R. Soc. A 339, 521 (1992), doi:10.1098/rsta.1992.0050). Shot noise is alike
    at all frequencies. So the power of the COM, of bright and of dark field should be flat at the
    shot noise beyond the limit; if it is not, the scan jitters, or its step or the semi-angle is
    wrong.

    Parameters
    ----------
    source : signal, path or array
        A HyperSpy or pyxem signal, a file, or a numpy or dask array ``[iy, ix, ky, kx]``; lazy data
        are streamed, once.
    semi_angle : float, optional
        Convergence semi-angle [mrad]. If not given, the limit is that of the radius of the direct
        beam, else that of the semi-angle in the metadata.
    beam_energy : float, optional
        Energy of the beam [keV], or as text, "200 kV"; that of the metadata if not given.
    scan_step : float or (float, float), optional
        Distance of the positions along y and x [Å]; that of the scan axes if not given.
    limit : float, optional
        Highest scan frequency [1/Å], in place of 2α/λ.
    progress : bool
        True to show a progress bar while a large scan is read.
    **load_options
        Options of `stemwidgets.load` for a file: ``lazy``, ``scan_shape``, ``flyback`` …

    Returns
    -------
    ScanSpectrum
        Shows as a plot in a notebook. ``.words`` is the result in a sentence, ``.passes`` the
        verdict, ``.frequency`` and ``.power`` the plot; ``.excess`` is the variance beyond the
        limit in excess of shot noise, over shot noise; ``.cutoff`` [1/Å] is the frequency up to
        which power is seen.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If `source` is no scan of diffraction patterns, a pixel is not finite in some patterns, a
        step or limit is not positive, or a semi-angle is given while the energy is not known.

    Examples
    --------
    >>> spectrum = sw.scan_spectrum(signal)
    >>> print(spectrum.words)
    """
    data, axes, title, known = with_beam(source, None, beam_energy, **load_options)
    if scan_step is not None:
        axes = _with_step(axes, scan_step)
    if limit is None and semi_angle is not None:
        limit = _limit(semi_angle, known["beam_energy"])
    if limit is not None and not limit > 0:
        raise InputError(f"Expected a limit of more than 0 1/Å, got {limit!r}.")
    checking = Checking(data, axes, title, **known)
    read(checking, "scan spectrum", progress)
    return spectrum_of(checking.seen(), limit)


def _limit(semi_angle: float, energy: float | None) -> float:
    """2α/λ [1/Å]."""
    if energy is None:
        raise InputError("Expected the beam energy beside a semi-angle: pass beam_energy=….")
    return 2e-3 * semi_angle_in_mrad(semi_angle) / wavelength(energy)


def _with_step(axes: Axes, scan_step: float | tuple[float, float]) -> Axes:
    """Axes with another distance of the positions [Å]."""
    try:
        y, x = (float(step) for step in scan_step)  # type: ignore[union-attr]
    except TypeError:
        y = x = float(scan_step)  # type: ignore[arg-type]
    except ValueError as error:
        raise InputError(f"Expected one scan step or two (y, x) [Å], got {scan_step!r}.") from error
    if not min(y, x) > 0:
        raise InputError(f"Expected scan steps of more than 0 Å, got {scan_step!r}.")
    scan_y, scan_x = (
        replace(axis, scale=step, units="Å", offset=0.0)
        for axis, step in zip(axes[:2], (y, x), strict=True)
    )
    return axes._replace(scan_y=scan_y, scan_x=scan_x)
