"""Parts of a preparation: steps that take a scan and return a scan."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.blocks import BLOCK_BYTES, read_blocks
from stemwidgets.arrays.checks import require_finite
from stemwidgets.arrays.errors import InputError

Mask = NDArray[np.bool_]
LARGEST = float(np.finfo(float).max)  # of double precision: a sum beyond it is infinite


class PreparedScan(NamedTuple):
    """Patterns on their way through a preparation.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        numpy or dask.
    axes : Axes
        Calibration of the patterns.
    center : (float, float) or None
        Optic axis ``(ky, kx)`` in pixels, once it is known.
    mask : ndarray of bool, shape [ky, kx], or None
        True where a pixel holds no counts that were seen.
    """

    data: Any
    axes: Axes
    center: tuple[float, float] | None = None
    mask: Mask | None = None


@dataclass(frozen=True)
class PreparationStep:
    """One step; parameters that it leaves open are measured."""

    name: ClassVar[str]

    @property
    def spoils_com(self) -> bool:
        """True if its result has no centre of mass of counts."""
        return False

    def measured(self, scan: PreparedScan) -> Self:
        """The same step with numbers for all that it leaves open."""
        return self

    def apply(self, scan: PreparedScan) -> PreparedScan:
        """The scan after this step, which leaves nothing open."""
        raise NotImplementedError


def each(
    data: Any,
    function: Callable[[NDArray[Any]], NDArray[Any]],
    dtype: np.dtype[Any],
    pattern: tuple[int, int] | None = None,
) -> Any:
    """A function of patterns ``[m, n, ky, kx]``, block by block; lazy stays lazy."""
    shape = pattern or data.shape[-2:]
    if hasattr(data, "dask"):
        chunks = (*data.chunks[:2], (shape[0],), (shape[1],))
        return data.map_blocks(
            function, dtype=dtype, chunks=chunks, meta=np.empty((0, 0, 0, 0), dtype=dtype)
        )
    out = np.empty((*data.shape[:2], *shape), dtype=dtype)
    rows = max(1, BLOCK_BYTES // max(1, data[:1].nbytes))
    for start in range(0, len(data), rows):
        out[start : start + rows] = function(data[start : start + rows])
    return out


def mean_pattern(data: Any) -> NDArray[np.float64]:
    """Mean pattern; counts add up to the same in any order."""
    total, strange = np.zeros(data.shape[-2:]), []
    for _, (sums, not_finite) in read_blocks(data, _sums):
        total += sums
        strange.append(not_finite)
    require_finite(np.hstack(strange))
    mean: NDArray[np.float64] = total / np.prod(data.shape[:2])
    require_finite(mean.sum())
    return mean


def _sums(patterns: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64] | float]:
    """Sum over patterns, and the sums of single patterns where that is not finite, else 0."""
    sums = patterns.sum(axis=(0, 1), dtype=np.float64)
    return sums, 0.0 if np.isfinite(sums).all() else pattern_sums(patterns)


def pattern_sums(patterns: NDArray[Any]) -> NDArray[np.float64]:
    """Sum of each pattern, ``[n]``."""
    sums: NDArray[np.float64] = patterns.sum(axis=(-2, -1), dtype=np.float64).ravel()
    return sums


def store(step: PreparationStep, **values: Any) -> None:
    """Set parameters of a frozen step while it is made."""
    for name, value in values.items():
        object.__setattr__(step, name, value)


def require_position(position: Any) -> tuple[float, float] | None:
    """Two finite numbers, or None."""
    if position is None:
        return None
    try:
        y, x = (float(at) for at in position)
    except (TypeError, ValueError, OverflowError):
        y = x = np.nan
    if not (np.isfinite(y) and np.isfinite(x)):
        raise InputError(f"Expected a position (ky, kx) in pixels, got {position!r}.")
    return y, x


def require_positive(name: str, value: Any, needed: bool = False) -> float | None:
    """A positive number, or None unless it is needed."""
    if value is None and not needed:
        return None
    number = isinstance(value, (int, float, np.integer, np.floating))
    if not number or isinstance(value, bool) or not 0 < value <= LARGEST:
        raise InputError(f"Expected {name} to be a positive number, got {value!r}.")
    return float(value)


def require_integer(name: str, value: Any) -> int:
    """A whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"Expected {name} to be a whole number from 1, got {value!r}.")
    return int(value)
