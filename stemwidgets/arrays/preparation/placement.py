"""Places of prepared patterns on the detector that recorded them."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.preparation.geometry import Bin, Center, Crop
from stemwidgets.arrays.preparation.recipe import Recipe


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
        """Follow the pixels of a detector through a preparation.

        Parameters
        ----------
        recipe : Recipe
            With numbers for all that a step may leave open, as `Recipe.prepared` gives it.
        shape : (int, int)
            Recorded pixels ``[ky, kx]``.
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
