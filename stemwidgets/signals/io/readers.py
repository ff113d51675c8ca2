"""Choice of the reader for a file: by its suffix, and by its contents where several share one."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rsciio import IO_PLUGINS

from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.io import hdf5, plain, safe_hyperspy
from stemwidgets.signals.io.ndata import read_ndata
from stemwidgets.signals.io.plain import Raw
from stemwidgets.signals.io.room import require_memory
from stemwidgets.signals.io.strided import (
    FrameFile,
    blockfile_frames,
    empad_frames,
    merlin_frames,
    mrc_frames,
    promise,
    tia_counts,
)

_HDF5_SUFFIXES = ("h5", "hdf5", "hdf", "he5", "nxs", "emd", "de5")
_OWN_SUFFIXES = ("ndata1", "npy", "npz", *_HDF5_SUFFIXES, *plain.RAW_SUFFIXES)
_MRCZ_CODECS, _MRCZ_MODES = range(1, 10), (0, 1, 2, 4, 6)  # as mrcz writes them into the header
_LARGEST_XML = 2**24  # bytes; that of EMPAD has some thousand


@dataclass(frozen=True)
class Found:
    """Contents of a file: the description of a signal, a signal, or a list of signals.

    Of a sequence, `count` patterns are there, where the content may hold others, and the header
    promises so many; `columns` are those of the scan, where the file states them; `missing` names
    parts missing in the file, in words.
    """

    content: Any
    count: int | None = None
    promised: int | None = None
    columns: int | None = None
    missing: str = ""

    @property
    def promise(self) -> str:
        """A sentence on patterns that are missing; empty where none are."""
        return "" if self.count is None else promise(self.promised, self.count)


def readable_suffixes() -> list[str]:
    """Suffixes of the files that `stemwidgets.load` reads, without the dot."""
    known = {suffix.lower() for plugin in IO_PLUGINS for suffix in plugin["file_extensions"]}
    return sorted(known | set(_OWN_SUFFIXES))


def read(path: Path, lazy: bool, reader: str | None, dataset: str | None, raw: Raw) -> Found:
    """Read a file by the reader that it is for.

    Parameters
    ----------
    path : Path
        The file; opened for reading only.
    lazy : bool
        True to leave the patterns on disk.
    reader : str, optional
        Name of RosettaSciIO's reader.
    dataset : str, optional
        Name of one of several data sets.
    raw : Raw
        Shape and type of raw numbers.

    Raises
    ------
    InputError
        If no reader is for it, or several may be.
    """
    suffix = path.suffix.lower().removeprefix(".")
    if raw.told:
        return _of_frames(plain.raw_frames(path, raw), lazy)
    if reader is None and suffix == "ndata1":
        return Found(read_ndata(path, lazy))
    if reader is None and suffix == "npy":
        short = plain.short_npy(path)
        return Found(plain.read_npy_file(path, lazy)) if short is None else _of_frames(short, lazy)
    if reader is None and suffix == "npz":
        return Found(plain.read_npz(path, lazy, dataset))
    name = reader_of(path, suffix) if reader is None else known(reader)
    if name is None:
        content, missing = hdf5.read_hdf5(path, lazy, dataset)
        return Found(content, missing=missing)
    if name in _FRAMES:
        return _FRAMES[name](path, lazy)
    return Found(safe_hyperspy.read(path, name, lazy))


def reader_of(path: Path, suffix: str) -> str | None:
    """Name of the reader for a file; None for plain HDF5, an InputError for none or several."""
    if suffix in plain.RAW_SUFFIXES:
        return "raw"
    candidates = [
        str(plugin["name"])
        for plugin in IO_PLUGINS
        if suffix in {extension.lower() for extension in plugin["file_extensions"]}
    ]
    if suffix in _HDF5_SUFFIXES and path.is_file():
        return hdf5.format_of(path)
    if suffix == "mrc":
        return "MRCZ" if _is_compressed_mrc(path) else "MRC"
    if suffix == "xml" and b"raw_file" in _beginning(path):
        return "EMPAD"
    if not candidates:
        raise InputError(
            f"Cannot tell the format of {path.name} by its suffix. "
            f"Readable: .{', .'.join(readable_suffixes())}. "
            'Rename the file, or say which format it is, for example reader="HSPY"; of raw numbers '
            'tell the size of a pattern, for example pattern_shape=(256, 256), dtype="uint16".'
        )
    if len(candidates) > 1:
        choices = " or ".join(f'reader="{name}"' for name in candidates)
        raise InputError(
            f"Several formats use the suffix .{suffix}. Say which one {path.name} is: "
            f"pass {choices}."
        )
    return candidates[0]


def known(reader: str) -> str:
    """RosettaSciIO's spelling of a reader's name; an InputError if there is no such reader."""
    names = {str(plugin["name"]).lower(): str(plugin["name"]) for plugin in IO_PLUGINS}
    if str(reader).lower() not in names:
        raise InputError(
            f"There is no reader {reader!r}. Readers: {', '.join(sorted(names.values()))}."
        )
    return names[str(reader).lower()]


def _of_frames(frames: FrameFile, lazy: bool) -> Found:
    content = plain.read_frames(_require_frames(frames), lazy)
    return Found(content, frames.count, frames.promised, frames.columns)


def _require_frames(frames: FrameFile) -> FrameFile:
    if min(frames.pattern) < 1 or frames.head < 0 or frames.start < 0:
        raise InputError(f"{frames.path.name} has a header without a size of patterns.")
    if not frames.count:
        raise InputError(
            f"{frames.path.name} holds no complete pattern; it may be truncated."
            f"{promise(frames.promised, 0)}"
        )
    return frames


def _merlin(path: Path, lazy: bool) -> Found:
    """Read as a sequence: the reader guesses rows, and leaves out frames that do not fit."""
    frames = _require_frames(merlin_frames(path))
    if not lazy:
        require_memory(path, path.stat().st_size)
    if ".mib" in str(path):
        content = safe_hyperspy.read(
            path, "QuantumDetector", lazy, navigation_shape=(frames.count,)
        )
    else:  # of any other name the reader takes the frames themselves for their header
        content = plain.read_frames(frames, lazy)
        content["data"] = content["data"][:, ::-1]  # the first row is the lowest
    return Found(content, frames.count, frames.promised, frames.columns)


def _whole_or_frames(path: Path, lazy: bool, reader: str, frames: FrameFile) -> Found:
    """Read by the reader, or as a sequence where it would fail, drop or fill up frames."""
    _require_frames(frames)
    if frames.promised != frames.count:
        return _of_frames(frames, lazy)
    if not lazy:
        require_memory(path, frames.path.stat().st_size)
    return Found(safe_hyperspy.read(path, reader, lazy), frames.count, frames.promised)


def _empad(path: Path, lazy: bool) -> Found:
    """Read EMPAD's ``.xml``, which names the ``.raw`` beside it."""
    root = ET.fromstring(_beginning(path, _LARGEST_XML))
    named = root.find("raw_file")
    name = Path(str(named.get("filename") if named is not None else "")).name
    raw = path.with_name(name) if name else None
    if raw is None or not raw.is_file():
        raise InputError(
            f"{path.name} says that its patterns are in {name or 'no file'}, which is not beside "
            "it. Put it there, or open the .raw itself."
        )
    sizes = [root.findtext(tag, "") for tag in ("pix_y", "pix_x")]
    if not all(size.strip().isdigit() for size in sizes):
        return _of_frames(plain.raw_frames(raw, Raw()), lazy)
    rows, columns = map(int, sizes)
    frames = empad_frames(raw, rows * columns, columns)
    return _whole_or_frames(path, lazy, "EMPAD", frames)


def _tia(path: Path, lazy: bool) -> Found:
    """Read a ``.ser``, whose header counts the frames asked for and those that came."""
    if path.suffix.lower() != ".ser":
        return Found(safe_hyperspy.read(path, "TIA", lazy))
    promised, count = tia_counts(path)
    return Found(safe_hyperspy.read(path, "TIA", lazy), count, promised)


_FRAMES: dict[str, Callable[[Path, bool], Found]] = {
    "QuantumDetector": _merlin,
    "Blockfile": lambda path, lazy: _whole_or_frames(
        path, lazy, "Blockfile", blockfile_frames(path)
    ),
    "MRC": lambda path, lazy: _whole_or_frames(path, lazy, "MRC", mrc_frames(path)),
    "EMPAD": _empad,
    "TIA": _tia,
    "raw": lambda path, lazy: _of_frames(plain.raw_frames(path, Raw()), lazy),
}


def _is_compressed_mrc(path: Path) -> bool:
    """True if an ``.mrc`` is one of MRCZ, which adds its codec to the mode in thousands."""
    mode = int.from_bytes(_beginning(path, 16)[12:16], "little")
    return mode // 1000 in _MRCZ_CODECS and mode % 1000 in _MRCZ_MODES


def _beginning(path: Path, most: int = 65536) -> bytes:
    with path.open("rb") as file:
        return re.sub(rb"^\xef\xbb\xbf", b"", file.read(most))
