"""A scan whose patterns are changed where they are read."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import native

Change = Callable[[NDArray[Any], NDArray[np.intp]], NDArray[Any]]

BLOCK_BYTES = 2**20  # stays in the cache between the change and what is computed


class ChangedScan:
    """An array in memory whose patterns are changed when they are read; the rest is not copied.

    It may be sliced along the scan, and has the attributes that readers of blocks ask for.

    Parameters
    ----------
    data : array in memory, shape [..., ky, kx]
        The scan.
    change : callable
        Makes new patterns of contiguous ones ``[n, ky, kx]`` and their numbers in the scan ``[n]``.
    dtype : dtype
        Type of the new patterns.
    numbers : ndarray of int, shape [...], optional
        Number of each pattern in the whole scan.
    """

    block_bytes = BLOCK_BYTES

    def __init__(
        self, data: Any, change: Change, dtype: Any, numbers: NDArray[np.intp] | None = None
    ) -> None:
        self.data, self.change, self.dtype = data, change, np.dtype(dtype)
        self.shape, self.ndim, self.size = tuple(data.shape), data.ndim, data.size
        self.nbytes = self.size * self.dtype.itemsize
        leading = self.shape[:-2]
        self.numbers = (
            np.arange(math.prod(leading)).reshape(leading) if numbers is None else numbers
        )

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> Any:
        part, numbers = self.data[index], np.asarray(self.numbers[index])
        if part.shape[-2:] != self.shape[-2:] or part.shape[:-2] != numbers.shape:
            raise IndexError("a scan that is changed as it is read is cut along the scan only")
        if part.ndim > 2:
            return self._cut(part, numbers)
        return self.change(native(part)[None], numbers.reshape(1))[0]

    def _cut(self, part: Any, numbers: NDArray[np.intp]) -> "ChangedScan":
        return ChangedScan(part, self.change, self.dtype, numbers)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The changed patterns."""
        flat = native(self.data).reshape(-1, *self.shape[-2:])
        whole = self.change(flat, self.numbers.ravel()).reshape(self.shape)
        return whole if dtype is None else whole.astype(dtype, copy=False)


def changed(data: Any, change: Change, dtype: Any) -> Any:
    """A scan to read instead of `data`, numpy or dask: see :class:`ChangedScan`."""
    if not hasattr(data, "dask"):
        return ChangedScan(data, change, dtype)
    whole = data.rechunk({data.ndim - 2: -1, data.ndim - 1: -1})
    leading = tuple(data.shape[:-2])

    def of_block(block: NDArray[Any], block_info: Any = None) -> NDArray[Any]:
        patterns = native(block)
        starts = [start for start, _ in block_info[0]["array-location"][:-2]]
        index = np.indices(patterns.shape[:-2]).reshape(len(leading), -1)
        places = [place + start for place, start in zip(index, starts, strict=True)]
        numbers = np.ravel_multi_index(places, leading)
        return change(patterns.reshape(-1, *patterns.shape[-2:]), numbers).reshape(patterns.shape)

    return whole.map_blocks(of_block, dtype=dtype, meta=np.empty((0,) * data.ndim, dtype))
