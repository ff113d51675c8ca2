"""Arrangement of the one scan in a file into rows and columns."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.io.frames import (
    Folding,
    SeveralScansError,
    UnknownScanError,
    listed,
    possible,
    require_fit,
)
from stemwidgets.signals.io.readers import Found
from stemwidgets.signals.metadata.dimensions import called

_OFFERED = 30  # places that are offered on a page
_LISTED = 4  # places along a third axis that are named in a message


def the_scan(path: Path, found: Any, dataset: str | None = None) -> Any:
    """The one scan among the contents of a file, or that of the given title or number.

    An InputError if there is none, or more than one and none is chosen.
    """
    if not isinstance(found, list):
        return found
    if not found:
        raise InputError(f"{path.name} holds no data.")
    if dataset is not None:
        return _named(path, found, dataset)
    for dimensions in (4, 3, 5):
        scans = [
            signal
            for signal in found
            if signal.data.ndim == dimensions and len(signal.axes_manager.signal_axes) == 2
        ]
        if len(scans) == 1:
            return scans[0]
        if scans:
            break
    words = (
        f"{path.name} holds {len(found)} signals and {len(scans) or 'none'} of them "
        f"{'is' if not scans else 'are'} a scan of patterns: {_listed(found)}. "
    )
    if not scans:
        raise InputError(f"{words}Open anything else with hyperspy.api.load.")
    choices = {
        f"{signal.metadata.General.title or 'untitled'} {signal.data.shape}": {
            "dataset": str(number)
        }
        for number, signal in enumerate(found)
        if any(signal is scan for scan in scans)
    }
    raise SeveralScansError(f"{words}Pass the one you want.", choices)


def arranged(path: Path, signal: Any, wish: Folding | None, found: Found, index: int | None) -> Any:
    """The signal, with its sequence of patterns folded into rows and columns.

    Parameters
    ----------
    path : Path
        The file.
    signal : hyperspy.api.signals.BaseSignal
        Signal in the file.
    wish : Folding or None
        Shape of the scan as the user gives it.
    found : Found
        Shape of the scan as the file gives it.
    index : int, optional
        Place along a third scan axis.

    Raises
    ------
    InputError
        If it is no scan, or does not become one by what the user says.
    """
    scan = signal.axes_manager.navigation_axes
    if len(signal.axes_manager.signal_axes) != 2 or not scan:
        return _without_scan(path, signal, wish)
    count = math.prod(axis.size for axis in scan)
    if not count:
        raise InputError(f"{path.name} holds no complete pattern; it may be truncated.")
    if len(scan) > 2 and wish is None:
        return _at_index(path, signal, index)
    if index is not None:
        raise InputError(f"index chooses along a third scan axis, which {path.name} has not.")
    if wish is None and not found.promise and len(scan) > 1:
        return signal
    try:
        return _folded_as_told(path, signal, wish, found, count)
    except UnknownScanError as question:
        frames = signal.data.reshape(-1, *signal.data.shape[-2:])
        question.patterns = frames[: question.count]
        raise


def _folded_as_told(path: Path, signal: Any, wish: Folding | None, found: Found, count: int) -> Any:
    """Fold a signal into the rows that the user, or else the file, gives."""
    if found.promise and found.count:
        count = min(count, found.count)
    columns = found.columns
    if wish is None and columns and count % columns == 0 and not found.promise:
        wish = Folding(count // columns, columns)
    if wish is None:
        raise _question(path, count, found)
    require_fit(wish, count, path, found.promise)
    same = signal.data.shape[:-2] == (wish.rows, wish.columns) and not found.promise
    return signal if same else _folded(signal, wish)


def _question(path: Path, count: int, found: Found) -> UnknownScanError:
    proposals = possible(count, found.columns if found.promise else None)
    what = (
        f"{path.name} is not whole.{found.promise} Say what to make of the {count} patterns: pass"
        if found.promise
        else f"{path.name} holds a sequence of {count} patterns and does not say how they were "
        "scanned. Pass"
    )
    words = f"{what} scan_shape=(rows, columns), for example {listed(proposals)}."
    return UnknownScanError(words, path, count, proposals)


def _named(path: Path, found: list[Any], dataset: str) -> Any:
    titles = [str(signal.metadata.General.title) for signal in found]
    matching = [signal for signal, title in zip(found, titles, strict=True) if title == dataset]
    if not matching and str(dataset).isdigit() and int(dataset) < len(found):
        matching = [found[int(dataset)]]
    if len(matching) != 1:
        raise InputError(
            f"{path.name} has {len(matching) or 'no'} signals {dataset!r}. It has {_listed(found)}."
        )
    return matching[0]


def _listed(found: list[Any]) -> str:
    return "; ".join(
        f'dataset="{number}" {signal.metadata.General.title or "untitled"} {signal.data.shape}'
        for number, signal in enumerate(found)
    )


def _without_scan(path: Path, signal: Any, wish: Folding | None) -> Any:
    if wish is not None:
        raise InputError(f"{path.name} holds no sequence of patterns to fold into a scan.")
    if signal.data.ndim != 4:
        raise InputError(
            f"{path.name} holds an array of shape {signal.data.shape}; expected patterns "
            "[iy, ix, ky, kx]. Open anything else with hyperspy.api.load."
        )
    return signal


def _at_index(path: Path, signal: Any, index: int | None) -> Any:
    """One scan of several along a third axis."""
    *others, axis = signal.axes_manager.navigation_axes
    if index is not None and -axis.size <= index < axis.size:
        inner = signal.inav[(*(slice(None) for _ in others), index)]
        return inner if len(others) == 2 else _at_index(path, inner, None)
    units = "" if str(axis.units) == "<undefined>" else f" {axis.units}"
    told = [f"{axis.index2value(place):.4g}{units}" for place in range(axis.size)]
    named = [f"index={place} ({value})" for place, value in enumerate(told[:_LISTED])]
    choices = " or ".join(named) + (f" … index={axis.size - 1}" if axis.size > _LISTED else "")
    given = "" if index is None else f" There is no index {index}."
    raise SeveralScansError(
        f"{path.name} holds {signal.data.shape}, {axis.size} scans along {called(axis)}. Which one "
        f"do you want?{given} Pass {choices}.",
        {f"{place}: {value}": {"index": place} for place, value in enumerate(told[:_OFFERED])},
    )


def _folded(signal: Any, wish: Folding) -> Any:
    detector = [axis.get_axis_dictionary() for axis in reversed(signal.axes_manager.signal_axes)]
    scan = [
        {"name": name, "size": size, "navigate": True}
        for name, size in zip("yx", (wish.rows, wish.columns), strict=True)
    ]
    folded = type(signal)(
        _in_rows(signal.data, wish),
        axes=[*scan, *detector],
        metadata=signal.metadata.as_dictionary(),
        original_metadata=signal.original_metadata.as_dictionary(),
    )
    folded.tmp_parameters = signal.tmp_parameters
    return folded


def _in_rows(data: Any, wish: Folding) -> Any:
    """Patterns ``[iy, ix, ky, kx]`` of a sequence, not copied where that can be avoided."""
    pattern = data.shape[-2:]
    frames = data.reshape(-1, *pattern)
    long_row = wish.columns + wish.flyback
    used = frames[wish.skip[0] : wish.skip[0] + wish.rows * long_row]
    if len(used) == wish.rows * long_row:
        return used.reshape(wish.rows, long_row, *pattern)[:, : wish.columns]
    chosen = frames[np.ravel(wish.indices())]
    return chosen.reshape(wish.rows, wish.columns, *pattern)
