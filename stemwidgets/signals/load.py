"""One door for files: whatever RosettaSciIO reads, Nion Swift ``.ndata1`` and numpy ``.npy``."""

import difflib
import logging
import math
import operator
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from pyxem.signals import Diffraction2D, ElectronDiffraction2D, LazyElectronDiffraction2D
from rsciio import IO_PLUGINS

from stemwidgets.arrays.errors import InputError
from stemwidgets.signals import trusted
from stemwidgets.signals.chunks import advise
from stemwidgets.signals.mapped import patterns_from_npy
from stemwidgets.signals.ndata import read_ndata


def load(
    path: str | PathLike[str],
    lazy: bool = False,
    scan_shape: tuple[int, int] | None = None,
    reader: str | None = None,
) -> Diffraction2D:
    """Load a scan of diffraction patterns.

    Files are opened for reading only.

    Parameters
    ----------
    path : path
        ``.hspy``, ``.zspy``, ``.mib``, ``.blo``, ``.dm4``, ``.emd`` and whatever else RosettaSciIO
        reads, Nion Swift's ``.ndata1``, or a numpy array ``[iy, ix, ky, kx]`` in ``.npy``.
    lazy : bool
        Leave the patterns on disk until they are asked for. A compressed ``.ndata1`` is read all
        the same.
    scan_shape : (int, int), optional
        Rows and columns of the scan, for a file that holds a plain sequence of patterns.
    reader : str, optional
        Name of RosettaSciIO's reader, for suffixes that several formats share (``.h5``).

    Returns
    -------
    pyxem.signals.Diffraction2D
        The signal; lazy if `lazy`.

    Raises
    ------
    FileNotFoundError
        If there is no such file; names files with a similar name.
    InputError
        If the file cannot be read, is ambiguous, holds no patterns, or a sequence of patterns and
        no `scan_shape` is given.

    Warns
    -----
    StorageAdvice
        If the patterns are left in a file whose chunks are larger than 16 MB.
    """
    path = Path(path).expanduser()
    _require_file(path)
    shape = None if scan_shape is None else _rows_and_columns(scan_shape)
    suffix = path.suffix.lower().removeprefix(".")
    with explained(path):
        if reader is None and suffix in _OWN_READERS:
            kind = LazyElectronDiffraction2D if lazy else ElectronDiffraction2D
            signal = kind(**_OWN_READERS[suffix](path, lazy))
        else:
            name = _reader_name(path, suffix) if reader is None else _known(reader)
            signal = _the_scan(path, _read(path, name, lazy, shape))
        if lazy and signal.data.size:
            # a mapped file that is too short shows it only when its end is read
            began = time.perf_counter()
            signal.data[(-1,) * (signal.data.ndim - 2)].compute()
            seconds = time.perf_counter() - began
    if lazy and signal.data.size:
        advise(path, signal.data, seconds)
    if len(signal.axes_manager.signal_axes) == 2 and not isinstance(signal, Diffraction2D):
        signal.set_signal_type("electron_diffraction")
    return _arranged(path, signal, shape)


def readable_suffixes() -> list[str]:
    """Suffixes of the files that :func:`load` reads, without the dot."""
    known = {suffix.lower() for plugin in IO_PLUGINS for suffix in plugin["file_extensions"]}
    return sorted(known | {"ndata1", "npy"})


def _require_file(path: Path) -> None:
    if path.is_file() or (path.is_dir() and path.suffix.lower() == ".zspy"):
        return
    if path.is_dir():
        raise InputError(f"{path} is a folder. Pass one of the files in it.")
    message = f"There is no file {path}."
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{message} The folder {path.parent} does not exist either.")
    suffixes = tuple(f".{suffix}" for suffix in readable_suffixes())
    names = [entry.name for entry in path.parent.iterdir() if entry.suffix.lower() in suffixes]
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.6)
    near += [name for name in names if Path(name).stem == path.stem and name not in near][:3]
    advice = f"Did you mean {' or '.join(near)}?" if near else f"Looked in {path.parent.resolve()}."
    raise FileNotFoundError(f"{message} {advice}")


def _reader_name(path: Path, suffix: str) -> str:
    candidates = [
        plugin["name"]
        for plugin in IO_PLUGINS
        if suffix in {extension.lower() for extension in plugin["file_extensions"]}
    ]
    if not candidates:
        raise InputError(
            f"Cannot tell the format of {path.name} by its suffix. "
            f"Readable: .{', .'.join(readable_suffixes())}. "
            'Rename the file, or say which format it is, for example reader="HSPY".'
        )
    if len(candidates) > 1:
        choices = " or ".join(f'reader="{name}"' for name in candidates)
        raise InputError(
            f"Several formats use the suffix .{suffix}. Say which one {path.name} is: "
            f"pass {choices}."
        )
    return str(candidates[0])


def _known(reader: str) -> str:
    names = {str(plugin["name"]).lower(): str(plugin["name"]) for plugin in IO_PLUGINS}
    if str(reader).lower() not in names:
        raise InputError(
            f"There is no reader {reader!r}. Readers: {', '.join(sorted(names.values()))}."
        )
    return names[str(reader).lower()]


def _read(path: Path, reader: str, lazy: bool, scan_shape: tuple[int, int] | None) -> Any:
    """What RosettaSciIO finds in a file: a signal or a list of them."""
    options: dict[str, Any] = {}
    if reader == "QuantumDetector" and scan_shape is not None:
        # without it the shape is guessed from time stamps, and frames that do not fit are left out
        options["navigation_shape"] = tuple(reversed(scan_shape))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Blockfile header dimensions larger than file")
        return trusted.read(path, reader, lazy, **options)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Failures to read turn into errors that name the file."""
    logger = logging.getLogger("hyperspy.io")
    logger.addFilter(_no_bug_report)
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{path.name} says that it holds more than fits into memory ({error}). Pass lazy=True "
            "to leave the patterns on disk; if it is a small file, it is damaged."
        ) from error
    except PermissionError as error:
        raise InputError(f"No permission to read {path}.") from error
    except ImportError as error:
        raise InputError(
            f"Reading {path.name} needs a package that is not installed: {error}"
        ) from error
    except Exception as error:
        raise InputError(
            f"{path.name} could not be read; it may be truncated, damaged or of another format "
            f"({type(error).__name__}: {error})."
        ) from error
    finally:
        logger.removeFilter(_no_bug_report)


def _no_bug_report(record: logging.LogRecord) -> bool:
    """Whether a message is something else than the advice to report a damaged file as a bug."""
    return "report this error to the RosettaSciIO" not in record.getMessage()


def _read_npy(path: Path, lazy: bool) -> dict[str, Any]:
    data = patterns_from_npy(path, lazy)
    axes = [
        {"name": name, "size": size, "navigate": name not in ("ky", "kx")}
        for name, size in zip(("y", "x", "ky", "kx")[-data.ndim :], data.shape, strict=True)
    ]
    return {"data": data, "axes": axes, "metadata": {"General": {"title": path.stem}}}


_OWN_READERS = {"ndata1": read_ndata, "npy": _read_npy}


def _the_scan(path: Path, found: Any) -> Any:
    """The one scan in what a file holds."""
    if not isinstance(found, list):
        return found
    scans = [signal for signal in found if signal.data.ndim == 4]
    if len(scans) == 1:
        return scans[0]
    if not found:
        raise InputError(f"{path.name} holds no data.")
    listed = "; ".join(
        f"[{index}] {signal.metadata.General.title or 'untitled'} {signal.data.shape}"
        for index, signal in enumerate(found)
    )
    raise InputError(
        f"{path.name} holds {len(found)} signals and {len(scans) or 'none'} of them "
        f"{'is' if not scans else 'are'} a scan of patterns: {listed}. "
        "Load it with hyperspy.api.load and pass the one you want."
    )


def _arranged(path: Path, signal: Any, scan_shape: tuple[int, int] | None) -> Any:
    """The signal, with its sequence of patterns folded into rows and columns."""
    scan = signal.axes_manager.navigation_axes
    if len(signal.axes_manager.signal_axes) != 2 or not scan:
        if scan_shape is not None:
            raise InputError(f"{path.name} holds no sequence of patterns to fold into a scan.")
        if signal.data.ndim != 4:
            raise InputError(
                f"{path.name} holds an array of shape {signal.data.shape}; expected patterns "
                "[iy, ix, ky, kx]. Open anything else with hyperspy.api.load."
            )
        return signal
    count = math.prod(axis.size for axis in scan)
    if not count:
        raise InputError(f"{path.name} holds no complete pattern; it may be truncated.")
    if scan_shape is None:
        if len(scan) > 1:
            return signal
        raise InputError(
            f"{path.name} holds a sequence of {count} patterns and does not say how they were "
            f"scanned. Pass scan_shape=(rows, columns), {_foldings(count)}."
        )
    if math.prod(scan_shape) != count:
        raise InputError(
            f"scan_shape={scan_shape} does not fit {count} patterns. Possible: {_foldings(count)}."
        )
    return signal if signal.data.shape[:-2] == scan_shape else _folded(signal, scan_shape)


def _rows_and_columns(scan_shape: Any) -> tuple[int, int]:
    try:
        rows, columns = (operator.index(size) for size in scan_shape)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"scan_shape must be two whole numbers (rows, columns), got {scan_shape!r}."
        ) from error
    if rows < 1 or columns < 1:
        raise InputError(f"scan_shape must be positive, got {scan_shape!r}.")
    return rows, columns


def _foldings(count: int) -> str:
    pairs = [(rows, count // rows) for rows in range(1, count + 1) if count % rows == 0]
    nearest = sorted(pairs, key=lambda pair: (abs(pair[0] - pair[1]), pair))[:4]
    return " or ".join(str(pair) for pair in nearest)


def _folded(signal: Any, scan_shape: tuple[int, int]) -> Any:
    detector = [axis.get_axis_dictionary() for axis in reversed(signal.axes_manager.signal_axes)]
    scan = [
        {"name": name, "size": size, "navigate": True}
        for name, size in zip("yx", scan_shape, strict=True)
    ]
    return type(signal)(
        signal.data.reshape(*scan_shape, *signal.data.shape[-2:]),
        axes=[*scan, *detector],
        metadata=signal.metadata.as_dictionary(),
        original_metadata=signal.original_metadata.as_dictionary(),
    )
