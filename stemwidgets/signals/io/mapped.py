"""Arrays in numpy's format that stay on disk."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.io.room import require_memory, require_short

# of a lazy chunk: quick to read, and patterns enough in it to be worth a task
_CHUNK_BYTES = 8_000_000

_HEADERS = {  # by version of the format
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class MappedArray:
    """An array in a file, opened for reading only, and only while a part of it is read.

    dask copies a ``numpy.memmap`` into memory; it takes this one as it is, also to other processes.
    The values start at the byte `offset`; the last axis (order "C") or the first ("F") is fast.
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: str

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, part: Any) -> np.ndarray:
        mapped = np.memmap(
            self.path,
            dtype=self.dtype,
            mode="r",
            offset=self.offset,
            shape=self.shape,
            order="F" if self.order == "F" else "C",
        )
        return np.array(mapped[part])


def map_npy(path: Path, start: int = 0) -> MappedArray:
    """Find the values of an uncompressed ``.npy`` that starts at some byte of a file.

    An InputError if they are Python objects or its format is not known, an EOFError if it is
    shorter than it says.
    """
    with path.open("rb") as file:
        file.seek(start)
        shape, first_axis_fast, dtype = header_of(path, file, path.stat().st_size - start)
        offset = file.tell()
    return MappedArray(path.resolve(), offset, shape, dtype, "F" if first_axis_fast else "C")


def read_npy(path: Path, open_again: Callable[[], IO[bytes]], size: int) -> NDArray[Any]:
    """Read an ``.npy`` of so many bytes that cannot be mapped; errors are those of `map_npy`.

    Nothing is allocated before its header is believed, and the values are known to fit into memory.
    """
    with open_again() as file:
        shape, _, dtype = header_of(path, file, size)
    require_memory(path, math.prod(shape) * dtype.itemsize)
    with open_again() as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def header_of(
    path: Path, file: IO[bytes], size: int | None = None
) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type of the values of an ``.npy``, whose file is at its beginning.

    Its `size` in bytes must be enough; errors are those of `map_npy`.
    """
    format_version = np.lib.format.read_magic(file)
    if format_version not in _HEADERS:
        raise InputError(f"{path.name} uses numpy's format {format_version}: not numbers.")
    if format_version > (1, 0):  # a header of up to 4 GB
        start = file.tell()
        require_short(path, "the header", int.from_bytes(file.read(4), "little"))
        file.seek(start)
    shape, first_axis_fast, dtype = _HEADERS[format_version](file)
    if dtype.kind not in "biufc":
        raise InputError(f"{path.name} holds {dtype}, such as Python objects, not numbers.")
    needed = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or (size is not None and needed > size):
        raise EOFError(
            f"it says that it holds {' × '.join(map(str, shape))} values of {dtype.itemsize} "
            f"bytes, and has only {size} bytes"
        )
    return shape, first_axis_fast, dtype


def in_chunks(source: Any) -> Any:
    """A dask array of whole patterns, few enough in a chunk that it is quick to read.

    Parameters
    ----------
    source : MappedArray, FrameFile or ndarray, shape [..., ky, kx]
        Whatever dask can slice.

    Returns
    -------
    dask.array.Array
        The same array, in chunks.
    """
    leading, pattern = source.shape[:-2], source.shape[-2:]
    room = max(1, _CHUNK_BYTES // max(1, math.prod(pattern) * source.dtype.itemsize))
    chunks: list[int] = []
    for size in reversed(leading):
        chunks.insert(0, max(1, min(size, room)))
        room = max(1, room // max(1, size))
    # dask is typed in parts
    return da.from_array(source, chunks=(*chunks, *pattern), name=False)  # type: ignore[no-untyped-call]


def patterns_from_npy(path: Path, lazy: bool) -> Any:
    """Array of an ``.npy`` file, of three or four dimensions; an InputError for any other."""
    mapped = map_npy(path)
    data = in_chunks(mapped) if lazy else _whole(path, mapped)
    if data.ndim not in (3, 4):
        raise InputError(
            f"{path.name} holds an array of shape {data.shape}; expected patterns [iy, ix, ky, kx]."
        )
    return data


def _whole(path: Path, mapped: MappedArray) -> NDArray[Any]:
    require_memory(path, math.prod(mapped.shape) * mapped.dtype.itemsize)
    return np.asarray(np.load(path, allow_pickle=False))
