"""Descan measured in vacuum: in a region of a scan, or on a second scan."""

import warnings
from os import PathLike
from typing import Any

from numpy.typing import NDArray

from stemwidgets.arrays.calibration.descan import Descan, chosen_positions
from stemwidgets.arrays.calibration.vacuum import caution, fit_in_vacuum
from stemwidgets.arrays.center_of_mass import centroids, moments
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import FIND, clean_scan
from stemwidgets.arrays.masks import refuse_inverted, require_mask
from stemwidgets.arrays.overview import sample_pattern
from stemwidgets.signals.conversion import to_arrays
from stemwidgets.signals.io.load import load


class VacuumNotice(UserWarning):
    """Doubt whether a measurement in vacuum holds for the scan."""


def measure_descan(
    source: Any,
    where: NDArray[Any] | None = None,
    order: int | None = None,
    mask: NDArray[Any] | None = None,
    faulty: Any = FIND,
) -> Descan:
    """Measure in vacuum the wandering of the beam over the detector as it scans.

    A plane in the centre of mass of a specimen may be descan, a uniform field or a wedge; in vacuum
    it is descan. The result goes to ``descan=`` of :meth:`stemwidgets.RRVAE.fit`,
    :func:`stemwidgets.center_of_mass` and :func:`stemwidgets.calibrate`.

    Parameters
    ----------
    source : signal, path or array
        A scan with vacuum in it, or of vacuum alone, with as many positions as the scan that it is
        taken off, over the same field, at the same camera length. A HyperSpy or pyxem signal, a
        file, or a numpy or dask array ``[iy, ix, ky, kx]``; lazy data are streamed.
    where : ndarray of bool, shape [iy, ix], optional
        True at the positions in vacuum; all if not given.
    order : int, optional
        Highest total power of the scan position, 0 to 4. If not given it is a plane, a second or
        third order where that stands out from the noise and the vacuum covers half of the scan in
        both directions, and steps between lines where they stand out.
    mask, faulty
        As for :func:`stemwidgets.center_of_mass`.

    Returns
    -------
    Descan
        ``.words`` states how far the beam wanders [px]; ``.error`` is the standard error of its
        departure from the mean, over the whole scan [px root mean square along one axis].

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If `source` is no scan, `where` or the mask does not fit, or there are too few positions in
        vacuum to distinguish a plane from noise.

    Warns
    -----
    VacuumNotice
        If the vacuum covers less than half of the scan in one direction, beyond which the plane is
        extrapolated; if the centre of mass varies there beyond noise, as in no vacuum.

    Examples
    --------
    A region, and a second scan:

    >>> descan = sw.measure_descan(signal, where=vacuum)
    >>> descan = sw.measure_descan("vacuum.hspy")
    >>> sw.RRVAE().fit(signal, descan=descan)
    """
    found, words = _measured(source, where, order, mask, faulty)
    if words:
        warnings.warn(words, VacuumNotice, stacklevel=2)
    return found


def _measured(
    source: Any, where: Any, order: int | None, mask: Any, faulty: Any
) -> tuple[Descan, str]:
    """The descan, and reasons why it may not hold."""
    if isinstance(source, str | PathLike):
        source = load(source, lazy=True)
    data, axes, _ = to_arrays(source)
    if mask is not None:
        refuse_inverted(require_mask(mask, axes.shape[2:]), sample_pattern(data))
    chosen = chosen_positions(where, axes.shape[:2])
    clean = clean_scan(data, faulty, mask)
    com = centroids(moments(clean.data, clean.mask), axes.shape[2:])
    found = fit_in_vacuum(com, chosen, order)
    return found, caution(com, chosen, found)


def descan_of_file(
    path: str, shape: tuple[int, ...], faulty: Any, **load_options: Any
) -> tuple[Descan, str]:
    """Descan of a file with a scan of vacuum, and reasons why it may not hold, in words.

    An InputError if it is no scan of this shape ``[iy, ix, ky, kx]``, and as for `measure_descan`.
    """
    if not path.strip():
        raise InputError("Expected the file with the scan of vacuum. Write its path down first.")
    signal = load(path.strip(), lazy=True, **load_options)
    data, axes, _ = to_arrays(signal)
    if axes.shape != tuple(shape):
        (rows, columns, height, width), (iy, ix, ky, kx) = shape, axes.shape
        raise InputError(
            f"Expected a scan of vacuum like this one, {rows} × {columns} positions with patterns "
            f"of {height} × {width} pixels, got {iy} × {ix} positions with {ky} × {kx} pixels."
        )
    return _measured(data, None, None, None, faulty)
