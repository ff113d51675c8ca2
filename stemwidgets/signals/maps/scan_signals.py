"""Maps and patterns that belong to a scan, as signals with its axes."""

from typing import Any

import hyperspy.api as hs
import numpy as np
from pyxem.signals import ElectronDiffraction2D

from stemwidgets.arrays.axes import Axes
from stemwidgets.signals.conversion import axis_dictionary


def map_signal(values: Any, axes: Axes, title: str, quantity: str, units: str) -> Any:
    """A map ``[iy, ix]`` of the scan with these axes as a signal.

    ``metadata.Signal.quantity`` becomes ``"quantity (units)"``.
    """
    return hs.signals.Signal2D(
        np.asarray(values),
        axes=_scan_axes(axes),
        metadata=_labels(title, quantity, units),
    )


def map_stack_signal(values: Any, axes: Axes, title: str, quantity: str, units: str) -> Any:
    """Maps ``[iy, ix, d]`` of the scan as one signal, one map for each navigation index.

    `quantity` also names the navigation axis. The data of the signal are ``[d, iy, ix]``.
    """
    stack = np.moveaxis(np.asarray(values), -1, 0)
    index = {"name": quantity, "size": len(stack), "navigate": True}
    return hs.signals.Signal2D(
        stack,
        axes=[index, *_scan_axes(axes)],
        metadata=_labels(title, quantity, units),
    )


def pattern_stack_signal(values: Any, axes: Axes, title: str, index: str) -> ElectronDiffraction2D:
    """Patterns ``[k, ky, kx]`` that belong to no scan position, one for each navigation index.

    `index` names the navigation axis.
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
