"""Walk through patterns block by block, in storage order, without holding them all."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

import dask
import dask.array as da
import numpy as np
from dask.base import compute
from dask.delayed import delayed
from dask.system import CPU_COUNT
from dask.threaded import get as get_in_threads
from numpy.typing import NDArray

from stemwidgets.arrays.cancel import give_up_if_unwanted
from stemwidgets.arrays.checks import require_patterns
from stemwidgets.arrays.files.damage import decoding
from stemwidgets.arrays.memory import memory_limit

BLOCK_BYTES = 32 * 2**20  # handed over at once: some hundred patterns of 128 × 128 pixels
CHUNK_BYTES = 8 * 2**20  # of a data set in a file, read at once
AHEAD_BYTES = 64 * 2**20  # of lazy data that are decoded at once,
AHEAD_SHARE = 16  # or one part in so many of the memory that may be used
PIECES_BYTES = 128 * 2**20  # of lazy data that are read between two chances to stop
SHARED_BYTES = 64 * 2**20  # so much or more in memory is read by all cores
PIECES = 4  # for each core, so that a slow one does not hold up the others

Item = TypeVar("Item")
Result = TypeVar("Result")
Where = tuple[slice, ...]


def iterate_blocks(
    data: Any, block_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[Where, NDArray[Any]]]:
    """Yield the patterns of a numpy or dask array, block by block.

    Arrays are ``[n, ky, kx]`` or ``[iy, ix, ky, kx]``; dask arrays are yielded one chunk at a time
    and read ahead, within the memory that may be used, those in memory in blocks of so many bytes.
    Masked pixels of a masked array count nothing. Yields ``(where, patterns)``: slices of the
    leading axes, so that ``out[where]`` fits the results of the block, and its patterns ``[..., ky,
    kx]``, as :func:`native` gives them. An InputError if `data` holds no patterns.
    """
    require_patterns(data)
    if hasattr(data, "dask"):
        yield from _dask_blocks(data, lambda block: block)
        return
    data = _in_memory(data)
    for where in _cut_to_size(data, block_bytes):
        give_up_if_unwanted()
        yield where, native(data[where])


def read_blocks(
    data: Any, read: Callable[[NDArray[Any]], Result], block_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[Where, Result]]:
    """Walk through the patterns like :func:`iterate_blocks`, with all cores at work on the blocks.

    `read` takes the patterns of a block, where it is decoded: in a thread, or in another process if
    dask's scheduler has one. Yields ``(where, result)`` in storage order: the slices of the leading
    axes that the block covers, and what `read` returned.
    """
    require_patterns(data)
    if hasattr(data, "dask"):
        yield from _dask_blocks(data, read)
        return
    data = _in_memory(data)
    wheres = _cut(data, _rows(data, block_bytes))
    at_once = CPU_COUNT if data.nbytes >= SHARED_BYTES else 1

    def task(where: Where) -> Result:
        return read(native(data[where]))

    for start in range(0, len(wheres), at_once):
        give_up_if_unwanted()
        group = wheres[start : start + at_once]
        yield from zip(group, in_threads(task, group), strict=True)


def _dask_blocks(
    data: Any, read: Callable[[NDArray[Any]], Result]
) -> Iterator[tuple[Where, Result]]:
    """Read chunk by chunk; all cores decode as many chunks at once as memory allows."""
    limit = memory_limit()
    room = AHEAD_BYTES if limit is None else min(AHEAD_BYTES, limit // AHEAD_SHARE)
    yield from _dask_chunks(data, lambda block: read(native(block)), room)


def _dask_chunks(
    data: Any, read: Callable[[Any], Result], room: int, fewest: int = 1
) -> Iterator[tuple[Where, Result]]:
    """Read chunk by chunk, so many bytes at once but never fewer than `fewest` chunks."""
    data = _whole_patterns(data)
    wheres = [where for _, where in _chunks(data)]
    blocks = data.to_delayed().ravel()
    size = math.prod(data.chunksize) * data.dtype.itemsize
    at_once = max(fewest, room // max(size, 1))
    task = delayed(read, pure=False)
    for start in range(0, len(blocks), at_once):
        give_up_if_unwanted()
        with decoding():
            group = list(compute(*[task(block) for block in blocks[start : start + at_once]]))
        for where in wheres[start : start + at_once]:
            yield where, group.pop(0)


def _rows(data: Any, block_bytes: int) -> int:
    return max(1, int(block_bytes // max(data[0].nbytes, 1)))


def _cut(data: Any, rows: int) -> list[Where]:
    """Slices that cut an array in memory into parts of so many rows."""
    return [(slice(at, min(at + rows, len(data))),) for at in range(0, len(data), rows)]


def _in_memory(data: Any) -> Any:
    """An array in memory, or one that makes its blocks when read; None for any other."""
    return data if np.ma.isMaskedArray(data) or hasattr(data, "block_bytes") else np.asarray(data)


def _cut_to_size(data: Any, block_bytes: int) -> list[Where]:
    """Slices of about so many bytes; smaller ones where the data ask for less at a time."""
    wanted = getattr(data, "block_bytes", None)
    if wanted is None or data.ndim < 4 or data[0].nbytes <= wanted:
        return _cut(data, _rows(data, block_bytes if wanted is None else min(wanted, block_bytes)))
    columns = _cut(data[0], _rows(data[0], wanted))
    return [(slice(y, y + 1), *x) for y in range(len(data)) for x in columns]


def read_pieces(
    data: Any, read: Callable[..., Result], result: NDArray[Any] | None = None
) -> Iterator[tuple[Where, Result]]:
    """Hand the patterns over in pieces, to all cores.

    A large numpy array is cut along its first axis and read in threads
    (``dask.config.set(num_workers=1)``: in one), a dask array in its chunks, by its scheduler: some
    at a time, all at once on the workers of a ``dask.distributed`` client. `read` takes a piece
    with as many axes as `data`, which may be large: walk through it with :func:`iterate_blocks`.
    For data in memory it is also given the part of `result` that belongs to the piece, to fill.
    Yields ``(where, result)`` in storage order: the slices of the leading axes that the piece
    covers, and what `read` returned.
    """
    require_patterns(data)
    if hasattr(data, "dask"):
        elsewhere = dask.config.get("scheduler", None) == "dask.distributed"
        room = data.nbytes if elsewhere else PIECES_BYTES
        yield from _dask_chunks(data, read, room, fewest=CPU_COUNT)
        return
    data = _in_memory(data)
    count = PIECES * CPU_COUNT if data.nbytes >= SHARED_BYTES else 1
    wheres = _cut(data, -(-len(data) // count))

    def task(where: Where) -> Result:
        return read(data[where]) if result is None else read(data[where], result[where])

    yield from zip(wheres, in_threads(task, wheres), strict=True)


def in_threads(task: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Do a task with each item, on all cores (``dask.config.set(num_workers=1)``: on one).

    Context variables are those of the caller.
    """
    if len(items) == 1:
        return [task(items[0])]
    graph = {
        f"task {i}": (partial(copy_context().run, task, item),) for i, item in enumerate(items)
    }
    return list(get_in_threads(graph, list(graph)))


def native_type(dtype: Any) -> np.dtype[Any]:
    """Type of the patterns that :func:`iterate_blocks` yields of data of this type."""
    return native(np.empty(0, dtype)).dtype


def native(block: Any) -> NDArray[Any]:
    """Patterns as compiled functions take them: copied only where they lie otherwise.

    Real numbers of any type, byte order and layout (flipped, cropped, in Fortran's order, broadcast
    or not aligned) become C-contiguous, aligned and of native byte order: uint8 for bool, float32
    or float64 for other floating-point numbers. Masked pixels become 0.
    """
    block = np.asarray(np.ma.filled(block, 0))
    kind, size = block.dtype.kind, block.dtype.itemsize
    if kind == "b":
        block, kind = block.view(np.uint8), "u"
    if kind == "f":
        size = 4 if size <= 4 else 8
    with np.errstate(over="ignore"):  # of longer numbers: infinite, which is refused in words
        return np.require(block, np.dtype(f"{kind}{size}"), ["C", "A"])


def known_array(data: Any) -> Any:
    """Numpy and dask arrays as they are, anything else (HDF5, zarr) as a dask array."""
    if isinstance(data, np.ndarray) or hasattr(data, "dask"):
        return data
    chunks = ("auto",) * (len(data.shape) - 2) + (-1, -1)
    chunks = da.core.normalize_chunks(chunks, data.shape, limit=CHUNK_BYTES, dtype=data.dtype)
    return da.from_array(data, chunks=chunks, name=False)


def pattern_at(data: Any, position: tuple[int, ...]) -> NDArray[np.float32]:
    """One pattern ``[ky, kx]`` of a numpy or dask array, in float32 for display; 0 where masked."""
    pattern = data[position]
    with decoding():
        pattern = pattern.compute() if hasattr(pattern, "dask") else pattern
    with np.errstate(over="ignore"):
        return native(pattern).astype(np.float32)


def _whole_patterns(data: Any) -> Any:
    if data.dtype.kind == "f" and data.dtype.itemsize < 4:
        data = data.astype(np.float32)  # numpy's fill value of masked pixels is beyond float16
    return data.rechunk({data.ndim - 2: -1, data.ndim - 1: -1})


def _chunks(data: Any) -> Iterator[tuple[tuple[int, ...], Where]]:
    leading = data.ndim - 2
    edges = [np.concatenate([[0], np.cumsum(sizes)]) for sizes in data.chunks[:leading]]
    for index in np.ndindex(*data.numblocks[:leading]):
        where = tuple(
            slice(int(edge[i]), int(edge[i + 1])) for edge, i in zip(edges, index, strict=True)
        )
        yield index, where
