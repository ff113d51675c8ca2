"""Maps and patterns that belong to a scan, as signals with its axes."""

from typing import Any

import hyperspy.api as hs
import numpy as np
from pyxem.signals import ElectronDiffraction2D

from stemwidgets.arrays.axes import Axes
from stemwidgets.signals.conversion import axis_dictionary


def map_signal(values: Any, axes: Axes, title: str, quantity: str, units: str) -> Any:
    """A map of the scan as a signal.

    Parameters
    ----------
    values : array, shape [iy, ix]
        One number per scan position.
    axes : Axes
        Axes of the scan that this map was made from.
    title, quantity, units : str
        Title and quantity; ``metadata.Signal.quantity`` becomes ``"quantity (units)"``.

    Returns
    -------
    hyperspy.api.signals.Signal2D
    """
    return hs.signals.Signal2D(
        np.asarray(values),
        axes=_scan_axes(axes),
        metadata=_labels(title, quantity, units),
    )


def map_stack_signal(values: Any, axes: Axes, title: str, quantity: str, units: str) -> Any:
    """Several maps of the scan as one signal, one map for each navigation index.

    Parameters
    ----------
    values : array, shape [iy, ix, d]
        `d` numbers per scan position.
    axes : Axes
        Axes of the scan that these maps were made from.
    title, quantity, units : str
        As for :func:`map_signal`; `quantity` also names the navigation axis.

    Returns
    -------
    hyperspy.api.signals.Signal2D
        Its data are ``[d, iy, ix]``.
    """
    stack = np.moveaxis(np.asarray(values), -1, 0)
    index = {"name": quantity, "size": len(stack), "navigate": True}
    return hs.signals.Signal2D(
        stack,
        axes=[index, *_scan_axes(axes)],
        metadata=_labels(title, quantity, units),
    )


def pattern_stack_signal(values: Any, axes: Axes, title: str, index: str) -> ElectronDiffraction2D:
    """Patterns that belong to no scan position, one for each navigation index.

    Parameters
    ----------
    values : array, shape [k, ky, kx]
        Patterns.
    axes : Axes
        Axes of the scan that these patterns were made from.
    title : str
        Title of the stack.
    index : str
        Name of the navigation axis.

    Returns
    -------
    pyxem.signals.ElectronDiffraction2D
    """
    patterns = np.asarray(values)
    described = [
        {"name": index, "size": len(patterns), "navigate": True},
        axis_dictionary(axes.ky, "ky", False),
        axis_dictionary(axes.kx, "kx", False),
    ]
    metadata = {"General": {"title": title}}
    return ElectronDiffraction2D(patterns, axes=described, metadata=metadata)


def _scan_axes(axes: Axes) -> list[dict[str, Any]]:
    return [axis_dictionary(axes.scan_y, "y", False), axis_dictionary(axes.scan_x, "x", False)]


def _labels(title: str, quantity: str, units: str) -> dict[str, Any]:
    return {
        "General": {"title": title},
        "Signal": {"quantity": f"{quantity} ({units})" if units else quantity},
    }
