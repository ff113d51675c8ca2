"""Statistics of many positions: mean and standard deviation, circular for angles."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Summary(NamedTuple):
    """Mean and spread of values.

    Parameters
    ----------
    mean, std : float
        In the units of the values; NaN if there are none.
    defined : int
        Number of values that are defined.
    """

    mean: float
    std: float
    defined: int


class Majority(NamedTuple):
    """The class that most positions belong to.

    Parameters
    ----------
    kind : int
        Number of the class; -1 if nothing is defined.
    share : float
        Part of the defined positions that belong to it.
    defined : int
        Number of positions that are defined.
    """

    kind: int
    share: float
    defined: int


def summary(values: ArrayLike) -> Summary:
    """Mean and standard deviation of the values that are finite."""
    finite = _finite(values)
    if finite.size == 0:
        return Summary(np.nan, np.nan, 0)
    return Summary(float(finite.mean()), float(finite.std()), finite.size)


def circular_summary(angles: ArrayLike, symmetry: int = 1) -> Summary:
    """Circular mean and circular standard deviation of angles [rad]; NaN where undefined.

    With R the length of the mean unit vector, the mean is its direction and the standard deviation
    sqrt(-2 ln R) (Mardia & Jupp, Directional Statistics, 2000, sections 2.2 and 2.3), both divided
    by the symmetry: angles that differ by 2π / symmetry are the same.
    """
    finite = _finite(angles)
    if finite.size == 0:
        return Summary(np.nan, np.nan, 0)
    resultant = np.exp(1j * symmetry * finite).mean()
    length = min(abs(resultant), 1.0)
    std = np.sqrt(-2 * np.log(length)) if length > 0 else np.inf
    return Summary(float(np.angle(resultant) / symmetry), float(std / symmetry), finite.size)


def majority(classes: ArrayLike) -> Majority:
    """The most frequent class of whole numbers from 0; NaN where undefined."""
    finite = _finite(classes).astype(int)
    if finite.size == 0:
        return Majority(-1, np.nan, 0)
    counts = np.bincount(finite)
    return Majority(int(counts.argmax()), float(counts.max() / finite.size), finite.size)


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=float)
    return array[np.isfinite(array)]
