"""Conversion between HyperSpy signals, which count axes (x, y), and arrays ``[iy, ix, ky, kx]``.

This is the only file that turns one order into the other.
"""

import warnings
from os import PathLike
from typing import Any

import hyperspy.api as hs
import numpy as np
from pyxem.signals import ElectronDiffraction2D, LazyElectronDiffraction2D

from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.blocks import known_array
from stemwidgets.arrays.checks import require_scan
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.io.load import load
from stemwidgets.signals.metadata.dimensions import require_dimensions, require_uniform
from stemwidgets.signals.metadata.title_and_beam import (
    CalibrationNote,
    beam_energy,
    doubts,
    title_of,
)
from stemwidgets.signals.metadata.units import (
    detector_axis,
    detector_doubt,
    in_pixels,
    is_length,
    is_scattering,
    scan_axis,
    scan_doubt,
)

_NAMES = ("y", "x", "ky", "kx")


def to_arrays(source: Any) -> tuple[Any, Axes, str]:
    """Patterns, axes and title of any source that users may pass.

    Parameters
    ----------
    source : path, signal or array
        A file that :func:`stemwidgets.load` reads, a HyperSpy or pyxem signal, or a numpy or dask
        array ``[iy, ix, ky, kx]``.

    Returns
    -------
    data : numpy or dask array, shape [iy, ix, ky, kx]
        Patterns, not copied where that can be avoided; lazy stays lazy.
    axes : Axes
        Scan in Å and detector in 1/Å where the source is calibrated.
    title : str
        Title of the signal, else the name of the file, else empty.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If this is no scan of diffraction patterns.
    """
    if isinstance(source, (str, PathLike)):
        source = load(source)
    if isinstance(source, hs.signals.BaseSignal):
        return *signal_to_arrays(source), title_of(source)
    require_scan(source)
    return known_array(source), Axes.uncalibrated(source.shape), ""


def signal_to_arrays(signal: Any) -> tuple[Any, Axes]:
    """Patterns and calibrated axes of a HyperSpy signal, both in the order ``[iy, ix, ky, kx]``.

    Axes are taken in HyperSpy's order, (x, y | kx, ky), unless their names end the other way round
    (``R_y, R_x | Q_y, Q_x``): then the names win. Units are brought to Å and 1/Å (angles with the
    help of ``metadata.Acquisition_instrument.TEM.beam_energy``, else mrad); an axis without units,
    or with units or a scale that it cannot have, is in pixels. The patterns are a view of the
    signal's data; y and ky point down.

    An InputError if the signal has other dimensions, swapped or unevenly sampled axes, or is
    complex; a CalibrationNote if something in its metadata cannot be right, and is not used.
    """
    data, axes, notes = with_notes(signal)
    for note in notes:
        warnings.warn(note, CalibrationNote, stacklevel=2)
    return data, axes


def with_notes(signal: Any) -> tuple[Any, Axes, list[str]]:
    """Patterns and axes as by :func:`signal_to_arrays`, and the metadata not used, in words."""
    if not isinstance(signal, hs.signals.BaseSignal):
        raise InputError(f"Expected a HyperSpy signal, got {type(signal).__name__}.")
    if signal.metadata.get_item("Signal.signal_type") == "polar_diffraction":
        raise InputError(
            "These patterns are in polar coordinates. Pass the scan before unwrapping."
        )
    require_dimensions(signal)
    x, y = _by_name(signal.axes_manager.navigation_axes)
    kx, ky = _by_name(signal.axes_manager.signal_axes)
    ordered = (y, x, ky, kx)
    for axis in ordered:
        require_uniform(axis)
    swapped = all(map(is_scattering, (y.units, x.units)))
    if swapped and is_length(ky.units) and is_length(kx.units):
        raise InputError(
            f"Scan and detector axes are swapped: the scan axes are in {y.units}, the detector "
            f"axes in {ky.units}. Pass signal.T."
        )
    data = signal.data.transpose([axis.index_in_array for axis in ordered])
    require_scan(data)
    axes, notes = _calibrated(ordered, beam_energy(signal))
    return data, axes, notes + doubts(signal)


def detector_axes(signal: Any) -> tuple[Any, Any]:
    """HyperSpy's axes ky and kx of a scan that :func:`signal_to_arrays` takes."""
    kx, ky = _by_name(signal.axes_manager.signal_axes)
    return ky, kx


def arrays_to_signal(data: Any, axes: Axes, title: str = "") -> ElectronDiffraction2D:
    """A scan ``[iy, ix, ky, kx]`` as a pyxem signal, lazy for a dask array.

    An InputError if it is no scan, or the axes are those of another shape.
    """
    require_scan(data)
    if tuple(data.shape) != axes.shape:
        raise InputError(f"The data have the shape {tuple(data.shape)}, the axes {axes.shape}.")
    kind = ElectronDiffraction2D if isinstance(data, np.ndarray) else LazyElectronDiffraction2D
    described = [
        axis_dictionary(axis, name, navigate=name in ("y", "x"))
        for name, axis in zip(_NAMES, axes, strict=True)
    ]
    return kind(data, axes=described, metadata={"General": {"title": title}})


def with_patterns(signal: Any, data: Any) -> Any:
    """The same scan of other patterns ``[iy, ix, ky, kx]``, which are computed as they are read."""
    x, y = _by_name(signal.axes_manager.navigation_axes)
    kx, ky = _by_name(signal.axes_manager.signal_axes)
    order = [axis.index_in_array for axis in (y, x, ky, kx)]
    result = signal.inav[:, :].as_lazy()
    result.data = data.transpose(np.argsort(order).tolist())
    return result


def navigated_shape(signal: Any) -> tuple[int, ...]:
    """Sizes ``[iy, ix]`` of a signal's navigation axes; of other than two, as they come."""
    axes = signal.axes_manager.navigation_axes
    return tuple(axis.size for axis in (reversed(_by_name(axes)) if len(axes) == 2 else axes))


def place_of(signal: Any) -> tuple[int, int]:
    """Scan position ``(iy, ix)`` of a signal's navigator."""
    x, y = _by_name(signal.axes_manager.navigation_axes)
    return int(y.index), int(x.index)


def set_place(signal: Any, position: tuple[int, int]) -> None:
    """Move a signal's navigator to a scan position ``(iy, ix)``; HyperSpy reports it once."""
    axes = signal.axes_manager.navigation_axes
    x, _ = _by_name(axes)
    iy, ix = position
    signal.axes_manager.indices = (ix, iy) if axes[0] is x else (iy, ix)


def _by_name(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    """An (x, y) pair of axes, the right way round if their names end in y and x."""
    first, second = pair
    names = [str(axis.name).lower() for axis in pair]
    swapped = names[0][-1:] == "y" and names[1][-1:] == "x" and names[0][:-1] == names[1][:-1]
    return (second, first) if swapped else (first, second)


def _calibrated(ordered: tuple[Any, ...], energy: float | None) -> tuple[Axes, list[str]]:
    """Axes in Å and 1/Å, and reasons why others count in pixels."""
    plain = [
        Axis(axis.size, float(axis.scale), float(axis.offset), str(axis.units)) for axis in ordered
    ]
    doubts = {
        "scan": next(filter(None, map(scan_doubt, plain[:2])), ""),
        "detector": next(filter(None, map(detector_doubt, plain[2:])), ""),
    }
    scan = [in_pixels(axis) if doubts["scan"] else scan_axis(axis) for axis in plain[:2]]
    detector = [
        in_pixels(axis) if doubts["detector"] else detector_axis(axis, energy) for axis in plain[2:]
    ]
    for word, (first, second) in (("scan", scan), ("detector", detector)):
        if first.units != second.units:
            raise InputError(
                f"The two {word} axes have different units, {first.units} and {second.units}. "
                "Set both in signal.axes_manager."
            )
    notes = [
        f"The {word} axes are counted in pixels: {doubt}."
        for word, doubt in doubts.items()
        if doubt
    ]
    return Axes(*scan, *detector), notes


def axis_dictionary(axis: Axis, name: str, navigate: bool) -> dict[str, Any]:
    """Description from which HyperSpy makes an axis."""
    return {
        "name": name,
        "size": axis.size,
        "scale": axis.scale,
        "offset": axis.offset,
        "units": axis.units,
        "navigate": navigate,
    }


def is_plain_array(data: Any) -> bool:
    """True for an array without axes: of numpy, dask or torch."""
    return hasattr(data, "dtype") and hasattr(data, "shape")
