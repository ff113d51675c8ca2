"""Walk through patterns block by block, in storage order, without holding them all."""

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
from dask.base import compute
from dask.delayed import delayed
from dask.system import CPU_COUNT
from numpy.typing import NDArray

from stemwidgets.arrays.checks import require_patterns
from stemwidgets.arrays.memory import memory_limit

BLOCK_BYTES = 32 * 2**20
AHEAD_BYTES = 64 * 2**20  # of lazy data that are decoded at once,
AHEAD_SHARE = 16  # or one part in so many of the memory that may be used
SHARED_BYTES = 64 * 2**20  # so much or more in memory is read by all cores
PIECES = 4  # for each core, so that a slow one does not hold up the others

Result = TypeVar("Result")
Where = tuple[slice, ...]


def iterate_blocks(
    data: Any, block_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[Where, NDArray[Any]]]:
    """Yield the patterns of a numpy or dask array, block by block.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        ``[n, ky, kx]`` or ``[iy, ix, ky, kx]``; dask arrays are yielded one chunk at a time and
        read ahead, within the memory that may be used. Masked pixels of a masked array count
        nothing.
    block_bytes : int
        Size of a block of an in-memory array.

    Yields
    ------
    where : tuple of slice
        Which part of the leading axes this block is: ``out[where]`` fits its results.
    patterns : ndarray, shape [..., ky, kx]
        The patterns, in a type that numba knows: native byte order, no float16.

    Raises
    ------
    InputError
        If `data` holds no patterns.
    """
    require_patterns(data)
    if hasattr(data, "dask"):
        yield from _dask_blocks(data)
        return
    array = data if np.ma.isMaskedArray(data) else np.asarray(data)
    rows = max(1, int(block_bytes // max(array[0].nbytes, 1)))
    for start in range(0, len(array), rows):
        where = (slice(start, min(start + rows, len(array))),)
        yield where, _native(array[where])


def _dask_blocks(data: Any) -> Iterator[tuple[Where, NDArray[Any]]]:
    """Chunk by chunk; as many as there is room for are decoded at once, by all cores."""
    data = _whole_patterns(data)
    wheres = [where for _, where in _chunks(data)]
    blocks = data.to_delayed().ravel()
    limit = memory_limit()
    room = AHEAD_BYTES if limit is None else min(AHEAD_BYTES, limit // AHEAD_SHARE)
    size = math.prod(data.chunksize) * data.dtype.itemsize
    at_once = max(1, room // max(size, 1))
    for start in range(0, len(blocks), at_once):
        group = list(compute(*blocks[start : start + at_once]))
        for where in wheres[start : start + at_once]:
            yield where, _native(group.pop(0))


def read_pieces(
    data: Any, read: Callable[..., Result], result: NDArray[Any] | None = None
) -> list[tuple[Where, Result]]:
    """Hand the patterns over in pieces, to all cores.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        As for :func:`iterate_blocks`. A large numpy array is cut along its first axis and read in
        threads (``dask.config.set(num_workers=1)``: in one), a dask array in its chunks, by its
        scheduler.
    read : callable
        Takes a piece, an array with as many axes as `data`, which may be large: walk through it
        with :func:`iterate_blocks`. What it gives is kept until all have been read.
    result : ndarray, shape [..., ...], optional
        Of data in memory, `read` is also given the part of this that belongs to the piece, to fill.

    Returns
    -------
    list of (tuple of slice, result)
        Which part of the leading axes each piece is, and what `read` gave, in storage order.

    Raises
    ------
    InputError
        If `data` holds no patterns.
    """
    require_patterns(data)
    if hasattr(data, "dask"):
        data = _whole_patterns(data)
        blocks = data.to_delayed()
        wheres = [where for _, where in _chunks(data)]
        tasks = [delayed(read, pure=False)(block) for block in blocks.ravel()]
        return list(zip(wheres, compute(*tasks), strict=True))
    data = data if np.ma.isMaskedArray(data) else np.asarray(data)
    count = PIECES * CPU_COUNT if data.nbytes >= SHARED_BYTES else 1
    rows = -(-len(data) // count)
    wheres = [(slice(at, min(at + rows, len(data))),) for at in range(0, len(data), rows)]
    if len(wheres) == 1:
        return [(wheres[0], read(data) if result is None else read(data, result))]

    def task(where: Where) -> Result:  # dask would hash and copy an array that it is given
        return read(data[where]) if result is None else read(data[where], result[where])

    tasks = [delayed(task, pure=False)(where) for where in wheres]
    return list(zip(wheres, compute(*tasks, scheduler="threads"), strict=True))


def native_type(dtype: Any) -> np.dtype[Any]:
    """Type of the patterns that :func:`iterate_blocks` yields of data of this type."""
    return _native(np.empty(0, dtype)).dtype


def _whole_patterns(data: Any) -> Any:
    return data.rechunk({data.ndim - 2: -1, data.ndim - 1: -1})


def _chunks(data: Any) -> Iterator[tuple[tuple[int, ...], Where]]:
    leading = data.ndim - 2
    edges = [np.concatenate([[0], np.cumsum(sizes)]) for sizes in data.chunks[:leading]]
    for index in np.ndindex(*data.numblocks[:leading]):
        where = tuple(
            slice(int(edge[i]), int(edge[i + 1])) for edge, i in zip(edges, index, strict=True)
        )
        yield index, where


def _native(block: NDArray[Any]) -> NDArray[Any]:
    block = np.ma.filled(block, 0)
    if block.dtype.kind == "b":
        return block.view(np.uint8)
    if block.dtype.kind == "f" and block.dtype.itemsize not in (4, 8):
        return block.astype(np.float32 if block.dtype.itemsize < 4 else np.float64)
    return block.astype(block.dtype.newbyteorder("="), copy=False)
