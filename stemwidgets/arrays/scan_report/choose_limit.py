"""Band limit of a scan, as users ask for it: found, given or none."""

from dataclasses import replace
from numbers import Real
from typing import Any

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.scan_report.checking import Checking
from stemwidgets.arrays.scan_report.limit_of import ALONE, ChosenLimit, given_limit, limit_of
from stemwidgets.arrays.scan_report.spectrum_of import spectrum_of

AUTO = "auto"
USING = "harmonic"  # kind of model that reads patterns with their neighbours
MOST = 128  # positions along each axis, in the middle of the scan, on which the limit is checked

Asked = str | float | None


def require_band_limit(band_limit: Any) -> Asked:
    """Refuse anything but "auto", None and a positive number [1/Å]."""
    if band_limit is None or band_limit == AUTO:
        return AUTO if band_limit == AUTO else None
    if isinstance(band_limit, Real) and float(band_limit) > 0:
        return float(band_limit)
    raise InputError(
        'Expected band_limit="auto", None or the highest scan frequency in 1/Å, got '
        f"{band_limit!r}."
    )


def choose_limit(
    data: Any,
    axes: Axes,
    band_limit: Asked,
    periodic: bool = False,
    beam_energy: float | None = None,
    semi_angle: float | None = None,
) -> ChosenLimit:
    """Limit of the frequencies of a scan.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        numpy or dask; for "auto" the middle of it is read.
    axes : Axes
        Calibration of the scan.
    band_limit : "auto", None or float
        2α/λ of the direct beam or the semi-angle where the scan keeps to it; none; this one [1/Å].
    periodic : bool
        True if the scan goes on at its other edge.
    beam_energy, semi_angle : float or None
        [keV] and [mrad], where they are known.

    Raises
    ------
    InputError
        If a limit is given and the scan axes are not calibrated.
    """
    if band_limit is None:
        return ChosenLimit(None, "")
    if not isinstance(band_limit, str):
        return given_limit(band_limit, axes, periodic)
    if not axes.scan_y.units == axes.scan_x.units == "Å":
        return ChosenLimit(None, f"The scan axes are not calibrated: {ALONE}.")
    rows, columns = (_middle(size) for size in data.shape[:2])
    scan_y, scan_x = (
        replace(axis, size=part.stop - part.start)
        for axis, part in zip(axes[:2], (rows, columns), strict=True)
    )
    part = axes._replace(scan_y=scan_y, scan_x=scan_x)
    checking = Checking(data[rows, columns], part, beam_energy=beam_energy, semi_angle=semi_angle)
    for _ in checking.steps():
        pass
    return limit_of(spectrum_of(checking.seen()), axes, periodic)


def _middle(size: int) -> slice:
    start = max((size - MOST) // 2, 0)
    return slice(start, min(start + MOST, size))
