"""Statistics of angles: everything modulo 2π."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.errors import InputError


def wrap(angle: ArrayLike) -> NDArray[np.float64]:
    """The same angle in (-π, π] [rad]."""
    return np.pi - np.mod(np.pi - np.asarray(angle, dtype=float), 2 * np.pi)


@dataclass(frozen=True)
class AngleComparison:
    """How well one angle map follows another, once their conventions are made equal.

    ``b ≈ handedness * a + offset`` (modulo 2π).

    Parameters
    ----------
    offset : float
        The global offset that was removed [rad, in (-π, π]].
    handedness : int
        +1 where both turn the same way, -1 where `a` had to be mirrored.
    correlation : float
        Weighted mean resultant length of the difference, |⟨exp i(b - handedness·a)⟩|: 1 where the
        maps are equal, near 0 where they have nothing in common (Mardia & Jupp, Directional
        Statistics, 2000, section 2.3).
    median_difference : float
        Weighted median of the absolute difference that is left [rad].
    count : int
        Number of positions where both angles are defined and the weight is positive.
    """

    offset: float
    handedness: int
    correlation: float
    median_difference: float
    count: int

    def __str__(self) -> str:
        """One line for the screen."""
        mirrored = ", mirrored" if self.handedness < 0 else ""
        offset = round(float(np.degrees(self.offset)), 1) + 0.0  # -0.0 reads badly
        return (
            f"circular correlation {self.correlation:.3f}, "
            f"median difference {np.degrees(self.median_difference):.1f}° "
            f"over {self.count} positions "
            f"(offset of {offset:.1f}°{mirrored} removed)"
        )


def compare_angles(a: ArrayLike, b: ArrayLike, weights: ArrayLike | None = None) -> AngleComparison:
    """Compare two angle maps up to one global offset and a handedness.

    Parameters
    ----------
    a, b : array
        Angles [rad], of one shape; NaN where undefined.
    weights : array, optional
        Weight of each position, not negative; the magnitude of the COM, say. NaN counts as 0.

    Returns
    -------
    AngleComparison
        What was removed and what is left.

    Raises
    ------
    InputError
        If the shapes differ, a weight is negative, or no position has both angles.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    weight = np.ones(first.shape) if weights is None else np.asarray(weights, dtype=float)
    if not first.shape == second.shape == weight.shape:
        raise InputError(
            f"Expected maps of one shape, got {first.shape}, {second.shape} and weights "
            f"{weight.shape}. Compare maps of the same scan."
        )
    if (weight < 0).any():
        raise InputError("Expected weights that are not negative, for example com.magnitude.")
    weight = np.where(np.isfinite(first) & np.isfinite(second), np.nan_to_num(weight), 0.0)
    if not weight.sum() > 0:
        raise InputError(
            "Expected at least one position where both angles are defined and the weight is "
            "positive, got none."
        )
    used = weight > 0
    first, second, weight = first[used], second[used], weight[used] / weight[used].sum()
    same = (weight * np.exp(1j * (second - first))).sum()
    mirrored = (weight * np.exp(1j * (second + first))).sum()
    handedness = 1 if abs(same) >= abs(mirrored) else -1
    resultant = same if handedness > 0 else mirrored
    offset = float(np.angle(resultant))
    difference = np.abs(wrap(second - handedness * first - offset))
    return AngleComparison(
        offset=offset,
        handedness=handedness,
        correlation=float(abs(resultant)),
        median_difference=weighted_median(difference, weight),
        count=int(used.sum()),
    )


def weighted_median(values: NDArray[Any], weights: NDArray[Any]) -> float:
    """The value that half of the weight lies below."""
    order = np.argsort(values)
    cumulated = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulated, 0.5 * cumulated[-1])])
