"""Walk through patterns block by block, in storage order, without holding them all."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.checks import require_patterns

BLOCK_BYTES = 32 * 2**20

Where = tuple[slice, ...]


def iterate_blocks(
    data: Any, block_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[Where, NDArray[Any]]]:
    """Yield the patterns of a numpy or dask array, block by block.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        ``[n, ky, kx]`` or ``[iy, ix, ky, kx]``; dask arrays are read one chunk at a time. Masked
        pixels of a masked array count nothing.
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
    leading = data.ndim - 2
    data = data.rechunk({data.ndim - 2: -1, data.ndim - 1: -1})
    edges = [np.concatenate([[0], np.cumsum(sizes)]) for sizes in data.chunks[:leading]]
    for index in np.ndindex(*data.numblocks[:leading]):
        where = tuple(
            slice(int(edge[i]), int(edge[i + 1])) for edge, i in zip(edges, index, strict=True)
        )
        yield where, _native(data.blocks[index].compute())


def _native(block: NDArray[Any]) -> NDArray[Any]:
    block = np.ma.filled(block, 0)
    if block.dtype.kind == "b":
        return block.view(np.uint8)
    if block.dtype.kind == "f" and block.dtype.itemsize not in (4, 8):
        return block.astype(np.float32 if block.dtype.itemsize < 4 else np.float64)
    return block.astype(block.dtype.newbyteorder("="), copy=False)
