"""Arrays without metadata: ``.npy``, ``.npz`` and raw numbers."""

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.io.frames import SeveralScansError
from stemwidgets.signals.io.mapped import header_of, in_chunks, patterns_from_npy, read_npy
from stemwidgets.signals.io.room import require_memory, require_plausible
from stemwidgets.signals.io.strided import FrameFile, empad_frames

RAW_SUFFIXES = ("raw", "bin", "dat", "data")
_NAMES = ("y", "x", "ky", "kx")


@dataclass(frozen=True)
class Raw:
    """Shape and type of the patterns in a file of raw numbers, and the bytes before them."""

    pattern_shape: Any = None
    dtype: Any = None
    offset: int = 0

    @property
    def told(self) -> bool:
        """True if the user has given anything."""
        return self.pattern_shape is not None or self.dtype is not None or self.offset != 0


def raw_frames(path: Path, raw: Raw) -> FrameFile:
    """Frames of a file of raw numbers; an InputError if shape or type are not known or wrong."""
    if not raw.told:
        return _empad_or_question(path)
    if raw.pattern_shape is None or raw.dtype is None:
        raise InputError(
            f"Pass both pattern_shape=(rows, columns) and dtype for {path.name}, for example "
            'pattern_shape=(256, 256), dtype="uint16".'
        )
    try:
        height, width = (int(size) for size in raw.pattern_shape)
        dtype = np.dtype(raw.dtype)
        offset = int(raw.offset)
    except (TypeError, ValueError) as error:
        raise InputError(
            'Expected pattern_shape=(rows, columns), a dtype such as "uint16" and an offset in '
            f"bytes, got {raw.pattern_shape!r}, {raw.dtype!r} and {raw.offset!r}."
        ) from error
    if dtype.kind not in "biuf" or min(height, width) < 1 or offset < 0:
        raise InputError(
            "Expected a positive pattern_shape, a dtype of real numbers and an offset from 0, got "
            f"{raw.pattern_shape!r}, {raw.dtype!r} and {raw.offset!r}."
        )
    frames = FrameFile(path, offset, 0, 0, (height, width), dtype)
    rest = (path.stat().st_size - offset) % frames.stride
    if rest or not frames.count:
        raise InputError(
            f"{path.name} has {path.stat().st_size} bytes: that is no whole number of patterns of "
            f"{height}×{width} {dtype} after {offset} bytes ({rest} are left). Check "
            "pattern_shape, dtype and offset."
        )
    return frames


def read_npy_file(path: Path, lazy: bool) -> dict[str, Any]:
    """Read an ``.npy`` as the description of a HyperSpy signal."""
    return described(patterns_from_npy(path, lazy), path)


def short_npy(path: Path) -> FrameFile | None:
    """Whole patterns of an ``.npy`` that has fewer than its header says; None for any other."""
    with path.open("rb") as file:
        shape, first_axis_fast, dtype = header_of(path, file)
        start = file.tell()
    size = path.stat().st_size - start
    short = len(shape) in (3, 4) and math.prod(shape) * dtype.itemsize > size
    if not short or first_axis_fast or min(shape) < 1:
        return None
    columns = shape[1] if len(shape) == 4 else None
    promised = math.prod(shape[:-2])
    frames = FrameFile(path, start, 0, 0, (shape[-2], shape[-1]), dtype, promised, columns)
    return frames if frames.count else None


def read_npz(path: Path, lazy: bool, dataset: str | None = None) -> dict[str, Any]:
    """Read the patterns of an ``.npz``, which is read as a whole even if it is lazy.

    `dataset` names the array where there are several of patterns: an InputError without it, or if
    there are no patterns.
    """
    with zipfile.ZipFile(path) as archive:
        members = {
            name.removesuffix(".npy"): archive.getinfo(name)
            for name in archive.namelist()
            if name.endswith(".npy")
        }
        shapes = {}
        for name, member in members.items():
            with archive.open(member) as file:
                shapes[name] = header_of(path, file, member.file_size)[0]
        name = _chosen(path, shapes, dataset)
        require_plausible(path, members[name].file_size, math.prod(shapes[name][:-2]))
        array = read_npy(path, lambda: archive.open(members[name]), members[name].file_size)
    return described(in_chunks(array) if lazy else array, path)


def read_frames(frames: FrameFile, lazy: bool) -> dict[str, Any]:
    """Read a sequence of frames as the description of a HyperSpy signal."""
    if not lazy:
        require_memory(frames.path, math.prod(frames.shape) * frames.dtype.itemsize)
    return described(in_chunks(frames) if lazy else frames[:], frames.path)


def described(data: Any, path: Path) -> dict[str, Any]:
    """Data with axes in pixels."""
    names = _NAMES[-data.ndim :] if data.ndim <= 4 else ("", *_NAMES)[-data.ndim :]
    axes = [
        {"name": name, "size": size, "navigate": index < data.ndim - 2}
        for index, (name, size) in enumerate(zip(names, data.shape, strict=True))
    ]
    return {"data": data, "axes": axes, "metadata": {"General": {"title": path.stem}}}


def _chosen(path: Path, shapes: dict[str, tuple[int, ...]], dataset: str | None) -> str:
    if dataset is not None:
        if dataset in shapes:
            return dataset
        raise InputError(f"{path.name} has no array {dataset!r}. It has {_listed(shapes)}.")
    for dimensions in (4, 3):
        fitting = {name: shape for name, shape in shapes.items() if len(shape) == dimensions}
        if len(fitting) == 1:
            return next(iter(fitting))
        if fitting:
            raise SeveralScansError(
                f"{path.name} holds {len(fitting)} arrays that may be patterns. Say which one: "
                f"pass {_listed(fitting)}.",
                {f"{name} {shape}": {"dataset": name} for name, shape in fitting.items()},
            )
    raise InputError(
        f"{path.name} holds no patterns [iy, ix, ky, kx]: its arrays are {_listed(shapes)}."
    )


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    return " or ".join(f'dataset="{name}" {shape}' for name, shape in shapes.items()) or "none"


def _empad_or_question(path: Path) -> FrameFile:
    """Frames of EMPAD, which is recognised by size and name."""
    frames = empad_frames(path)
    size = path.stat().st_size
    told = _scan_in_name(path.stem)
    if size and size % frames.stride == 0:
        if told is None:
            return frames
        rows, columns = told
        return empad_frames(path, rows * columns, columns)
    raise InputError(
        f"{path.name} holds numbers without a word on their shape. Pass the size of a pattern, the "
        'type of its pixels and the scan, for example pattern_shape=(256, 256), dtype="uint16", '
        "scan_shape=(128, 128); offset=1024 leaves out bytes before the first pattern."
    )


def _scan_in_name(stem: str) -> tuple[int, int] | None:
    """Rows and columns of EMPAD's ``scan_x256_y128``."""
    parts = {part[:1]: part[1:] for part in stem.lower().split("_")}
    if parts.get("x", "").isdigit() and parts.get("y", "").isdigit():
        return int(parts["y"]), int(parts["x"])
    return None
