"""Single patterns of a scan as a preparation leaves them, without preparing all of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.blocks import pattern_at
from stemwidgets.arrays.preparation.placement import Placement
from stemwidgets.arrays.preparation.recipe import Recipe

CHUNK_BYTES = 4 * 2**20  # of a chunk to read from a scan in memory, whole patterns


class Preview:
    """A preparation measured on a scan, ready to prepare any of its patterns.

    Parameters
    ----------
    recipe : Recipe
        The preparation.
    data : array, shape [iy, ix, ky, kx]
        The scan, numpy or dask. It is read as often as the steps ask for; nothing is copied.
    axes : Axes
        Calibration of the scan.

    Attributes
    ----------
    recipe : Recipe
        With numbers for all that it left open, as far as it can be a number.
    axes : Axes
        Calibration of the prepared scan.

    Raises
    ------
    InputError
        If a step does not fit the patterns.
    """

    def __init__(self, recipe: Recipe, data: Any, axes: Axes) -> None:
        scan, self.recipe = recipe.prepared(_in_chunks(data), axes)
        self.axes = scan.axes
        self._data = scan.data
        self._placement = Placement.of(self.recipe, (axes.ky.size, axes.kx.size))

    def pattern(self, position: tuple[int, int]) -> NDArray[np.float32]:
        """The prepared pattern at a position, as large as the detector; NaN where cropped."""
        return self._placement.on_detector(pattern_at(self._data, position))


def _in_chunks(data: Any) -> Any:
    if hasattr(data, "dask"):
        return data
    import dask.array as da

    chunks = da.core.normalize_chunks(
        ("auto", "auto", -1, -1), data.shape, limit=CHUNK_BYTES, dtype=data.dtype
    )
    meta = data[:0, :0, :0, :0]
    return da.from_array(_Uncopied(data), chunks=chunks, name=False, asarray=False, meta=meta)


class _Uncopied:
    """An array of which dask reads parts; it would copy a numpy array whole, mapped or not."""

    def __init__(self, data: NDArray[Any]) -> None:
        self._data = data
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim

    def __getitem__(self, part: Any) -> NDArray[Any]:
        return self._data[part]
