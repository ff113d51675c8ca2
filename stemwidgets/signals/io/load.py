"""Loading of files: RosettaSciIO's formats, Nion Swift's, numpy's, plain HDF5, raw numbers."""

import difflib
import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from pyxem.signals import Diffraction2D, ElectronDiffraction2D, LazyElectronDiffraction2D

from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.io.arranged import arranged, the_scan
from stemwidgets.signals.io.chunks import advise
from stemwidgets.signals.io.frames import wanted
from stemwidgets.signals.io.missing import MissingPatterns, note, noted
from stemwidgets.signals.io.plain import Raw
from stemwidgets.signals.io.readers import read, readable_suffixes
from stemwidgets.signals.io.saving import recover
from stemwidgets.signals.metadata.title_and_beam import named_after

OPTIONS = frozenset(  # of `load`, beside lazy
    {"scan_shape", "reader", "flyback", "skip", "dataset", "index"}
    | {"pattern_shape", "dtype", "offset"}
)


def load(
    path: str | PathLike[str],
    lazy: bool = False,
    scan_shape: tuple[int, int] | None = None,
    reader: str | None = None,
    *,
    flyback: int = 0,
    skip: int | tuple[int, int] = 0,
    dataset: str | None = None,
    index: int | None = None,
    pattern_shape: tuple[int, int] | None = None,
    dtype: str | None = None,
    offset: int = 0,
) -> Diffraction2D:
    """Load a scan of diffraction patterns.

    Files are opened for reading only. Where several formats share a suffix, the contents of the
    file decide.

    Parameters
    ----------
    path : path
        ``.hspy``, ``.zspy``, ``.mib``, ``.blo``, ``.dm4``, ``.emd``, ``.mrc`` and whatever else
        RosettaSciIO reads, Nion Swift's ``.ndata1``, ``.h5`` of py4DSTEM, Arina or with one data
        set of patterns, a numpy array ``[iy, ix, ky, kx]`` in ``.npy`` or ``.npz``, ``.raw``.
    lazy : bool
        True to leave the patterns on disk until they are asked for. What is compressed as a whole
        (``.npz``, a compressed ``.ndata1``) is read all the same.
    scan_shape : (int, int), optional
        Rows and columns of the scan, for a file that holds a plain sequence of patterns.
    reader : str, optional
        Name of RosettaSciIO's reader, for suffixes that several formats share.
    flyback : int
        Frames at the end of each row of `scan_shape` that are left out, as they were taken while
        the beam flew back.
    skip : int or (int, int)
        Frames to leave out at the start of the sequence, or at the start and at the end.
    dataset : str, optional
        Name of one of several data sets in a file, or its number in the message.
    index : int, optional
        Place along a third scan axis, such as depth or time.
    pattern_shape : (int, int), optional
        Rows and columns of a pattern, for a file of raw numbers.
    dtype : str, optional
        Type of a pixel in a file of raw numbers: ``"uint16"``, ``">u2"`` …
    offset : int
        Bytes before the first pattern in a file of raw numbers.

    Returns
    -------
    pyxem.signals.Diffraction2D
        The signal; lazy if `lazy`.

    Raises
    ------
    FileNotFoundError
        If there is no such file; names files with a similar name.
    InputError
        If the file cannot be read, is ambiguous, holds no patterns, or more or fewer than the scan
        takes; a sequence of patterns without `scan_shape` names the scans that it can be.

    Warns
    -----
    StorageAdvice
        If the patterns are left in a file whose chunks are larger than 16 MB.
    MissingPatterns
        If parts of a ``.zspy`` or ``.hspy`` are not there: those patterns are empty.

    Examples
    --------
    >>> signal = sw.load("scan.zspy", lazy=True)
    >>> signal = sw.load("frames.npy", scan_shape=(14, 24))
    """
    path = Path(path).expanduser()
    recover(path)
    _require_file(path)
    wish = wanted(scan_shape, flyback, skip)
    with explained(path):
        found = read(path, lazy, reader, dataset, Raw(pattern_shape, dtype, offset))
        signal = _signal(the_scan(path, found.content, dataset), lazy)
        note(signal, found.missing)
        if lazy and signal.data.size:
            # a mapped file that is too short shows it only when its end is read
            began = time.perf_counter()
            last = found.count - 1 if found.count and signal.data.ndim == 3 else -1
            place = (last,) if signal.data.ndim == 3 else (-1,) * (signal.data.ndim - 2)
            signal.data[place].compute()
            seconds = time.perf_counter() - began
    if lazy and signal.data.size:
        advise(path, signal.data, seconds)
    for words in noted(signal):
        warnings.warn(words, MissingPatterns, stacklevel=2)
    if len(signal.axes_manager.signal_axes) == 2 and not isinstance(signal, Diffraction2D):
        signal.set_signal_type("electron_diffraction")
    named_after(path, signal)
    return arranged(path, signal, wish, found, index)


def _signal(content: Any, lazy: bool) -> Any:
    if not isinstance(content, dict):
        return content
    return (LazyElectronDiffraction2D if lazy else ElectronDiffraction2D)(**content)


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


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise failures to read as errors that name the file."""
    logger = logging.getLogger("hyperspy.io")
    logger.addFilter(_no_bug_report)
    try:
        with warnings.catch_warnings():
            # RosettaSciIO leaves the .mrc open whose numbers it has copied
            warnings.filterwarnings("ignore", message="unclosed file", category=ResourceWarning)
            warnings.filterwarnings("error", message="Blockfile header dimensions larger than file")
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
    """True unless a message is the advice to report a damaged file as a bug."""
    return "report this error to the RosettaSciIO" not in record.getMessage()
