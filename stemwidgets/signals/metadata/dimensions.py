"""Axes that a scan has, and messages about a signal that has others."""

from typing import Any

from stemwidgets.arrays.errors import InputError


def require_dimensions(signal: Any) -> None:
    """Refuse a signal without two scan and two detector axes, with advice."""
    scan = signal.axes_manager.navigation_axes
    detector = signal.axes_manager.signal_axes
    found = (
        f"{len(scan)} scan and {len(detector)} detector axes "
        f"({', '.join(map(called, scan)) or '-'} | {', '.join(map(called, detector)) or '-'})"
    )
    if len(scan) > 2 and len(detector) == 2:
        extra = scan[2:]
        choice = ", ".join([":", ":", *("0" for _ in extra)])
        raise InputError(
            f"Expected two scan axes, got {len(scan)}: {', '.join(map(called, scan))}. Which "
            f"{' and '.join(called(axis) for axis in extra)} do you want? Choose one, for example "
            f"signal.inav[{choice}], or combine them, for example signal.sum(2)."
        )
    if len(scan) + len(detector) == 4 and len(detector) != 2:
        raise InputError(
            f"Expected two scan and two detector axes, got {found}. "
            "Pass signal.transpose(signal_axes=2)."
        )
    if len(scan) == 1 and len(detector) == 2:
        raise InputError(
            f"Expected two scan axes, got one: {called(scan[0])}. Pass an array: "
            "signal.data[None] for a single line, or "
            "signal.data.reshape(rows, columns, *signal.data.shape[1:]) for a whole scan. "
            "For a file, pass stemwidgets.load(path, scan_shape=(rows, columns))."
        )
    if len(scan) != 2 or len(detector) != 2:
        raise InputError(
            f"Expected a scan of diffraction patterns, two scan and two detector axes, got {found}."
        )


def require_uniform(axis: Any) -> None:
    """Refuse an axis that is not evenly sampled."""
    if not axis.is_uniform:
        raise InputError(
            f"The axis {called(axis)} is not evenly sampled. "
            "Interpolate it first, or pass signal.data to work in pixels."
        )


def called(axis: Any) -> str:
    """Name and size of an axis, for a message."""
    name = str(axis.name)
    return f"{'unnamed' if name == '<undefined>' else name!r} (size {axis.size})"
