"""Findings about the crystal from the maps of a scan: defects, broken inversion, grains."""

from dataclasses import replace
from typing import Any

import hyperspy.api as hs
import numpy as np

from stemwidgets.arrays.maps import anomaly as anomalies
from stemwidgets.arrays.maps import inversion as inversions
from stemwidgets.arrays.maps import orientation
from stemwidgets.arrays.maps import winding as windings
from stemwidgets.arrays.maps.anomaly import Anomaly
from stemwidgets.arrays.maps.inversion import Inversion
from stemwidgets.arrays.maps.orientation import Split
from stemwidgets.signals.maps.decomposition import Decomposition
from stemwidgets.signals.maps.rrvae_maps import Maps


def find_anomalies(source: Any, smoothing: float | None = None) -> Anomaly:
    """Find unusual places of a scan, of whatever kind.

    See `stemwidgets.arrays.maps.anomaly`: maps are smoothed over the lattice, then their robust
    Mahalanobis distance from what is usual in the scan is measured.

    Parameters
    ----------
    source : Maps, Decomposition, signal or array
        The maps of a model, of which the latent variables are taken; principal components; a map or
        a stack of maps ``[d, iy, ix]`` as a signal; or an array ``[iy, ix]`` or ``[iy, ix, d]``.
    smoothing : float, optional
        Standard deviation of the Gaussian [scan positions]; 0.4 of the lattice's largest period if
        not given.

    Returns
    -------
    Anomaly
        ``.distance``, a signal where a signal was given, ``.places(count)`` and ``.smoothing``.

    Raises
    ------
    InputError
        If this is no map, all values are alike, or too little is left of the scan.

    Examples
    --------
    >>> unusual = sw.find_anomalies(model.encode(signal))
    >>> unusual.places(3)
    """
    values, frame = _values(source)
    found = anomalies.find_anomalies(values, smoothing)
    if frame is None:
        return found
    return replace(found, distance=_framed(found.distance, frame, "distance from the usual"))


def measure_inversion(source: Any, odd: bool = False) -> Inversion:
    """Measure how far the maps of whole cells of a crystal are from inversion symmetry.

    See `stemwidgets.arrays.maps.inversion`.

    Parameters
    ----------
    source : Maps, Decomposition, signal or array
        As for `find_anomalies`.
    odd : bool
        True if the maps change their sign in an inversion, as the components of the COM do.

    Returns
    -------
    Inversion
        ``.breaking``, ``.center`` and ``.map``, a signal where a signal was given.

    Raises
    ------
    InputError
        If this is no map, a value is NaN, or all are alike.

    Examples
    --------
    >>> signal = sw.samples.zincblende()
    >>> sw.measure_inversion(sw.RRVAE().fit(signal).encode(signal)).breaking
    """
    values, frame = _values(source)
    found = inversions.measure_inversion(values, odd)
    if frame is None:
        return found
    return replace(found, map=_framed(found.map, frame, "breaking of inversion"))


def find_grain_boundary(maps: Maps, symmetry: int = 6, axis: int = 1) -> Split:
    """Find the boundary of two grains, and their rotation, from a model's maps.

    See `stemwidgets.arrays.maps.orientation`.

    Parameters
    ----------
    maps : Maps
        Maps of a model that was trained on the scan.
    symmetry : int
        Order of the rotational symmetry of the lattice: 6 for graphene.
    axis : {0, 1}
        Axis along which the grains follow one another: 1 for a boundary that runs along y.

    Returns
    -------
    Split
        ``.boundary`` [scan positions], ``.rotation`` [rad] and ``.contrast``.

    Raises
    ------
    InputError
        If there are too few positions or `axis` is neither 0 nor 1.

    Examples
    --------
    >>> signal = sw.samples.graphene_grains()
    >>> sw.find_grain_boundary(sw.RRVAE().fit(signal).encode(signal)).rotation
    """
    return orientation.find_grain_boundary(maps.angle.data, _values(maps)[0], symmetry, axis)


def winding(angle: Any, periodic: bool = False) -> Any:
    """Count the turns of an angle on the ring of eight positions around each position.

    Where a field such as the centre of mass vanishes, its angle is not defined, but turns around
    that place: +1 at sources, sinks and whirls (atoms and the middles of hexagons in graphene), -1
    at saddles (bonds). It stays whatever global offset is added to the angle, and changes its sign
    with the handedness.

    Parameters
    ----------
    angle : signal or array, shape [iy, ix]
        [rad]; positive turns +x towards +y.
    periodic : bool
        True if the scan goes on at its edges as at the opposite ones.

    Returns
    -------
    signal or array
        Whole numbers; NaN where the ring leaves the scan or an angle on it is NaN.

    Raises
    ------
    InputError
        If this is no map of at least 3 × 3 positions.

    Notes
    -----
    Neighbouring angles are taken to differ by less than π, so that a winding is found only where
    the scan is fine enough and there is little noise. As the ring is wider than one step, up to
    nine positions around such a place show it.

    Examples
    --------
    >>> sw.winding(model.encode(signal).angle, periodic=True).plot()
    """
    values, frame = _values(angle)
    turns = windings.winding(values, periodic)
    return turns if frame is None else _framed(turns, frame, "winding")


def _values(source: Any) -> tuple[np.ndarray, Any]:
    """Maps ``[iy, ix]`` or ``[iy, ix, d]``, and a signal with the axes of their scan."""
    if isinstance(source, Maps):
        source = source.latent
    elif isinstance(source, Decomposition):
        source = source.maps
    if not isinstance(source, hs.signals.BaseSignal):
        return np.asarray(source), None
    if source.data.ndim == 3:
        return np.moveaxis(np.asarray(source.data), 0, -1), source.inav[0]
    return np.asarray(source.data), source


def _framed(values: np.ndarray, frame: Any, quantity: str) -> Any:
    signal = frame.deepcopy()
    signal.data = values
    signal.metadata.General.title = quantity
    signal.metadata.Signal.quantity = quantity
    return signal
