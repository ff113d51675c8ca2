"""Prepared patterns in their places on the detector that recorded them, all or one at a time."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.blocks import pattern_at
from stemwidgets.arrays.preparation.geometry import Bin, Center, Crop
from stemwidgets.arrays.preparation.recipe import Recipe

CHUNK_BYTES = 4 * 2**20  # of a chunk to read from a scan in memory, whole patterns


@dataclass(frozen=True)
class Placement:
    """The window that crops and bins leave of a detector.

    Parameters
    ----------
    shape : (int, int)
        Recorded pixels ``[ky, kx]``.
    first : (float, float)
        Middle ``(ky, kx)`` of the first prepared pixel, in recorded pixels.
    size : (int, int)
        Prepared pixels ``[ky, kx]``.
    factor : int
        Side of the square of recorded pixels that became one.
    """

    shape: tuple[int, int]
    first: tuple[float, float]
    size: tuple[int, int]
    factor: int

    @classmethod
    def of(cls, recipe: Recipe, shape: tuple[int, int]) -> Self:
        """Follow the pixels of a detector ``[ky, kx]`` through a preparation.

        The recipe has numbers for all that a step may leave open, as `Recipe.prepared` gives it.
        """
        steps = tuple(step for step in recipe.steps if isinstance(step, Center | Crop | Bin))
        where = np.indices(shape, dtype=np.float64)[None]
        found = Recipe(steps).prepared(where, Axes.uncalibrated((1, 2, *shape)))[0].data[0]
        factor = int(np.prod([step.factor for step in steps if isinstance(step, Bin)], dtype=int))
        first = (float(found[0, 0, 0]) / factor**2, float(found[1, 0, 0]) / factor**2)
        return cls(shape, first, (found.shape[1], found.shape[2]), factor)

    def on_detector(self, patterns: NDArray[Any]) -> NDArray[np.float32]:
        """Prepared patterns ``[..., ky, kx]`` as large as the detector, each where it came from.

        A prepared pixel covers all that went into it, with the value it has; NaN elsewhere.
        """
        (rows, y), (columns, x) = (self._covered(axis) for axis in (0, 1))
        result = np.full((*patterns.shape[:-2], *self.shape), np.nan, dtype=np.float32)
        result[..., rows[:, None], columns] = patterns[..., y[:, None], x]
        return result

    def counts_on_detector(self, patterns: NDArray[Any]) -> NDArray[np.float32]:
        """As `on_detector`, with the counts of a prepared pixel shared by its recorded pixels."""
        return self.on_detector(patterns) / np.float32(self.factor**2)

    def _covered(self, axis: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Recorded rows or columns that are covered, and the prepared one that covers each."""
        recorded = np.arange(self.shape[axis])
        prepared = np.floor((recorded - self.first[axis]) / self.factor + 0.5).astype(int)
        kept = (prepared >= 0) & (prepared < self.size[axis])
        return recorded[kept], prepared[kept]


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
