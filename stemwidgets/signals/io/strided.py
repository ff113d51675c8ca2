"""Files that hold one frame after the other, each with a header of its own or none."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stemwidgets.arrays.errors import InputError

_MERLIN_TYPES = {"U08": ">u1", "U16": ">u2", "U32": ">u4"}
_MRC_TYPES = {0: "u1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}  # by the mode in the header
_EMPAD = (128, 128, 130)  # rows and columns of a pattern, rows in the file
_ROW_ENDS = 0.95  # of the gaps in time must lie at the ends of rows, and of those have one
_TIMES = 10_000  # frames of which the times are read


@dataclass(frozen=True)
class FrameFile:
    """Frames of one size, opened for reading only, and only while one is read.

    The first one starts at the byte `start`; `head` and `tail` are the bytes before and after the
    pixels of each. `promised` is their number in the header, `columns` those of the scan, where the
    file states them.
    """

    path: Path
    start: int
    head: int
    tail: int
    pattern: tuple[int, int]
    dtype: np.dtype[Any]
    promised: int | None = None
    columns: int | None = None

    @property
    def stride(self) -> int:
        """Bytes from one frame to the next."""
        return self.head + math.prod(self.pattern) * self.dtype.itemsize + self.tail

    @property
    def count(self) -> int:
        """Number of whole frames in the file."""
        if self.stride <= 0:
            return 0
        room = self.path.stat().st_size - self.start + self.tail  # the last may lack its tail
        return max(0, room // self.stride)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``[n, ky, kx]``."""
        return (self.count, *self.pattern)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return 3

    def __getitem__(self, part: Any) -> np.ndarray:
        pixels = math.prod(self.pattern) * self.dtype.itemsize
        raw = np.memmap(self.path, dtype=np.uint8, mode="r", offset=self.start + self.head)
        frames = np.lib.stride_tricks.as_strided(
            raw, (self.count, pixels), (self.stride, 1), writeable=False
        )
        first, *inside = part if isinstance(part, tuple) else (part,)
        chosen = np.ascontiguousarray(frames[first]).view(self.dtype)
        values = chosen.reshape(*chosen.shape[:-1], *self.pattern)
        return values[(..., *inside)] if len(inside) == 2 else values

    def promise(self) -> str:
        """A sentence on frames that are missing; empty where none are."""
        return promise(self.promised, self.count)


def promise(promised: int | None, count: int) -> str:
    """A sentence on frames that a header promises and the file does not hold, or the reverse."""
    if promised is None or promised == count:
        return ""
    why = "it was broken off, or cut" if promised > count else "the header is not about them all"
    return f" Its header promises {promised} patterns, {count} are there: {why}."


def merlin_frames(path: Path) -> FrameFile:
    """Frames of a Merlin ``.mib``, and what its ``.hdr`` promises; an InputError for raw counts."""
    with path.open("rb") as file:
        head = file.read(384).decode("latin1").split(",")
    if len(head) < 8 or not head[0].startswith("MQ"):
        raise InputError(f"{path.name} is no Merlin file: it does not start with MQ1.")
    if head[6] not in _MERLIN_TYPES:
        raise InputError(
            f"{path.name} holds raw counts ({head[6]}). Record processed counts (U08, U16, U32)."
        )
    told = _merlin_header(path)
    frames = FrameFile(
        path,
        0,
        int(head[2]),
        0,
        (int(head[5]), int(head[4])),
        np.dtype(_MERLIN_TYPES[head[6]]),
        told.get("Frames in Acquisition (Number)") or None,
    )
    rows, columns = told.get("ScanY", 0), told.get("ScanX", 0)
    columns = columns if rows > 1 else told.get("Frames per Trigger (Number)", 0)
    if columns < 2 or columns >= frames.count:
        columns = _columns_in_time(frames)
    return FrameFile(**{**vars(frames), "columns": columns or None})


def blockfile_frames(path: Path) -> FrameFile:
    """Frames of a NanoMegas ``.blo``; each starts with six bytes. An InputError if it is none."""
    with path.open("rb") as file:
        head = file.read(240)
    if head[:6] != b"IMGBLO":
        raise InputError(f"{path.name} is no blockfile: it does not start with IMGBLO.")
    start = int.from_bytes(head[12:16], "little")
    size, columns, rows = (int.from_bytes(head[at : at + 2], "little") for at in (20, 24, 26))
    return FrameFile(path, start, 6, 0, (size, size), np.dtype("u1"), rows * columns, columns)


def mrc_frames(path: Path) -> FrameFile:
    """Frames of an ``.mrc``; an InputError if its numbers are of a kind that is not known."""
    with path.open("rb") as file:
        head = np.frombuffer(file.read(1024), "<i4")
    if len(head) < 256:
        raise InputError(f"{path.name} is no MRC file: it has not even a header.")
    width, height, count, mode = (int(number) for number in head[:4])
    if mode not in _MRC_TYPES or min(width, height) < 1 or int(head[23]) < 0:
        raise InputError(f"{path.name} is no MRC file that stemwidgets knows (mode {mode}).")
    start = 1024 + int(head[23])
    return FrameFile(path, start, 0, 0, (height, width), np.dtype(f"<{_MRC_TYPES[mode]}"), count)


def empad_frames(path: Path, promised: int | None = None, columns: int | None = None) -> FrameFile:
    """Frames of an EMPAD ``.raw``: 128 × 128 pixels and two rows of the camera's own."""
    height, width, rows = _EMPAD
    tail = (rows - height) * width * 4
    return FrameFile(path, 0, 0, tail, (height, width), np.dtype("<f4"), promised, columns)


def tia_counts(path: Path) -> tuple[int, int]:
    """Number of frames that a TIA ``.ser`` promises, and of those that came.

    An InputError if so many cannot be in a file of this size.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(30)
        promised, count = (int.from_bytes(head[at : at + 4], "little") for at in (14, 18))
        wide = 8 if head[4:6] == b"\x20\x02" else 4  # bytes of an offset
        file.seek(min(size, int.from_bytes(head[22 : 22 + wide], "little")))
        file.seek(min(size, int.from_bytes(file.read(wide), "little")) + 42)
        columns, rows = (int.from_bytes(file.read(4), "little") for _ in range(2))
    pixels = rows * columns if head[6:8] == b"\x22\x41" else 0  # pictures, not spectra
    if count * max(wide, pixels) > size:
        raise InputError(
            f"{path.name} says that it holds {count} patterns of {rows}×{columns} pixels, and the "
            f"file has {size:,} bytes: it is damaged, or cut."
        )
    return promised, count


def _merlin_header(path: Path) -> dict[str, int]:
    """Numbers in the ``.hdr`` beside a ``.mib``."""
    for suffix in (".hdr", ".HDR"):
        file = path.with_suffix(suffix)
        if file.is_file():
            lines = file.read_bytes()[:65536].decode("latin1").splitlines()
            pairs = (line.partition("\t") for line in lines)
            return {
                key.rstrip(":"): int(value)
                for key, _, value in pairs
                if value.strip().isdigit() and len(value) < 12
            }
    return {}


def _columns_in_time(frames: FrameFile) -> int:
    """Frames from one gap in time to the next, where the gaps are regular; else 0."""
    count = min(frames.count, _TIMES)
    raw = np.memmap(frames.path, dtype=np.uint8, mode="r")
    starts = range(0, count * frames.stride, frames.stride)
    heads = [bytes(raw[start : start + frames.head]) for start in starts]
    try:
        stamps = [head.decode("latin1").split(",")[-4].rstrip("Z") for head in heads]
        steps = np.diff(np.array(stamps, dtype="datetime64[ns]")).astype(float)
    except (ValueError, IndexError):
        return 0
    gaps = np.flatnonzero(steps > steps.mean()) + 1 if len(steps) else np.array([])
    if not len(gaps):
        return 0
    columns = int(gaps[0])
    ends = set(range(columns, count, columns))
    regular = len(ends & set(gaps.tolist()))
    return columns if regular >= _ROW_ENDS * max(len(ends), len(gaps)) else 0
