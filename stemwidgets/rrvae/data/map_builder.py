"""Maps that are filled block by block while patterns are encoded."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.memory import memory_limit
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.records import Encoding

Column = NDArray[Any]

# kind of a column: type of its map, and the value where nothing was put
_KEPT = {"f": (np.float32, np.nan), "u": (np.uint8, 0), "i": (np.int16, -1)}


class MapBuilder:
    """Collector of columns, one value or row for each pattern, into the maps of an `Encoding`.

    The maps have the leading shape of the patterns, ``(iy, ix)`` or ``(n,)``; with a folder they
    are files in it, mapped into memory. A map is made with the first column of its name.
    Floating-point columns are kept as float32, unsigned integers as uint8 and signed ones as int16;
    where nothing was put they hold NaN, 0 and -1.
    """

    def __init__(self, shape: tuple[int, ...], folder: Path | None = None) -> None:
        self.shape, self.folder = shape, folder
        self._maps: dict[str, Column] = {}

    def put(
        self, numbers: NDArray[np.intp], rows: NDArray[np.bool_], columns: Mapping[str, Column]
    ) -> None:
        """Put the columns of some patterns in place.

        The patterns are counted through the scan, ``[n]``; `rows` is True for those n that the
        columns describe. Columns have the names of the parameters of `Encoding`, always the same.
        """
        where = np.unravel_index(numbers, self.shape)
        for name, column in columns.items():
            dtype, nothing = _KEPT[column.dtype.kind]
            more = column.shape[1:]
            if name not in self._maps:
                self._maps[name] = self._empty(name, (*self.shape, *more), dtype)
                self._maps[name][...] = nothing
            values = np.full((len(rows), *more), nothing, dtype=dtype)
            values[rows] = column
            self._maps[name][where] = values

    def _empty(self, name: str, shape: tuple[int, ...], dtype: Any) -> Column:
        """A map to be filled; where the disk is full, one of several processes takes its memory."""
        if self.folder is None:
            return np.empty(shape, dtype)
        file = self.folder / f"{name}.npy"
        try:
            mapped = np.lib.format.open_memmap(file, "w+", dtype, shape)
            _reserve(file)
        except OSError as error:
            limit, needed = memory_limit(), math.prod(shape) * np.dtype(dtype).itemsize
            if distributed.count() > 1 and (limit is None or needed < limit):
                return np.empty(shape, dtype)  # the others wait for these maps
            raise OSError(error.errno, error.strerror, str(file)) from error
        return mapped

    def encoding(self, fold: int = 1) -> Encoding:
        """The finished maps, of angles modulo 2π / fold.

        Of several processes, all their parts one below the other.
        """
        return Encoding(**{n: distributed.joined(m) for n, m in self._maps.items()}, fold=fold)


def _reserve(file: Path) -> None:
    """Reserve room for a file that is mapped: a disk that fills later kills the process."""
    if not hasattr(os, "posix_fallocate"):
        return
    with file.open("r+b") as opened:
        os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
