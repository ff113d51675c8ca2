"""Statistics of angles, modulo 2π or, where patterns are n-fold symmetric, modulo 2π/n."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.errors import InputError

Angles = NDArray[np.float64]


def wrap(angle: ArrayLike, symmetry: int = 1) -> NDArray[np.float64]:
    """The angle modulo 2π / symmetry, in (-π, π] / symmetry [rad]."""
    half = np.pi / symmetry
    return half - np.mod(half - np.asarray(angle, dtype=float), 2 * half)


def period(symmetry: int) -> str:
    """The angle 2π / symmetry in degrees, for the screen."""
    return f"{360 / symmetry:.4g}°"


@dataclass(frozen=True)
class AngleComparison:
    """Agreement of two angle maps, once their conventions are made equal.

    ``b ≈ handedness * a + offset`` (modulo 2π / symmetry).

    Parameters
    ----------
    offset : float
        The global offset that was removed [rad, in (-π, π] / symmetry].
    handedness : int
        +1 where both turn the same way, -1 where `a` had to be mirrored.
    correlation : float
        Weighted mean resultant length of the difference, |⟨exp in(b - handedness·a)⟩| with the
        symmetry n: 1 where the maps are equal, near 0 where they have nothing in common (Mardia &
        Jupp, Directional Statistics, 2000, section 2.3).
    median_difference : float
        Weighted median of the absolute difference that is left [rad, at most π / symmetry].
    count : int
        Number of positions where both angles are defined and the weight is positive.
    symmetry : int
        Angles that differ by 2π / symmetry were taken for equal.
    """

    offset: float
    handedness: int
    correlation: float
    median_difference: float
    count: int
    symmetry: int = 1

    def aligned(self, a: ArrayLike) -> NDArray[np.float64]:
        """Angles of the first map in the convention of the second [rad]; NaN stays NaN."""
        return wrap(self.handedness * np.asarray(a, dtype=float) + self.offset, self.symmetry)

    def difference(self, a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
        """Difference ``a - b`` once the conventions are equal [rad, in (-π, π] / symmetry]."""
        return wrap(self.aligned(a) - np.asarray(b, dtype=float), self.symmetry)

    def __str__(self) -> str:
        """The comparison in one line for the screen."""
        mirrored = ", mirrored" if self.handedness < 0 else ""
        modulo = f"modulo {period(self.symmetry)} " if self.symmetry > 1 else ""
        offset = round(float(np.degrees(self.offset)), 1) + 0.0  # -0.0 reads badly
        return (
            f"circular correlation {self.correlation:.3f}, "
            f"median difference {np.degrees(self.median_difference):.1f}° "
            f"{modulo}over {self.count} positions "
            f"(offset of {offset:.1f}°{mirrored} removed)"
        )


def compare_angles(
    a: ArrayLike, b: ArrayLike, weights: ArrayLike | None = None, symmetry: int = 1
) -> AngleComparison:
    """Compare two angle maps up to one global offset and a handedness.

    Parameters
    ----------
    a, b : array
        Angles [rad], of one shape; NaN where undefined.
    weights : array, optional
        Weight of each position, not negative, such as the magnitude of the COM. NaN counts as 0.
    symmetry : int
        Order n of the patterns' symmetry: angles are compared modulo 2π/n.

    Returns
    -------
    AngleComparison
        Conventions that were removed, and the remaining difference.

    Raises
    ------
    InputError
        If the shapes differ, a weight is negative, no position has both angles, or the symmetry
        is no whole number from 1.
    """
    _require_symmetry(symmetry)
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    weight = np.ones(first.shape) if weights is None else np.asarray(weights, dtype=float)
    _require_one_shape(first, second, weight)
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
    same = (weight * np.exp(1j * symmetry * (second - first))).sum()
    mirrored = (weight * np.exp(1j * symmetry * (second + first))).sum()
    handedness = 1 if abs(same) >= abs(mirrored) else -1
    resultant = same if handedness > 0 else mirrored
    offset = float(wrap(np.angle(resultant) / symmetry, symmetry))
    difference = np.abs(wrap(second - handedness * first - offset, symmetry))
    return AngleComparison(
        offset=offset,
        handedness=handedness,
        correlation=float(abs(resultant)),
        median_difference=weighted_median(difference, weight),
        count=int(used.sum()),
        symmetry=int(symmetry),
    )


def joint_histogram(
    down: ArrayLike,
    across: ArrayLike,
    weights: ArrayLike | None = None,
    bins: int = 48,
    symmetry: int = 1,
) -> NDArray[np.float64]:
    """Count how often two angles occur together.

    Parameters
    ----------
    down, across : array
        Angles [rad], of one shape, taken modulo 2π / symmetry; NaN where undefined.
    weights : array, optional
        Weight of each position, not negative; NaN counts as 0.
    bins : int
        Number of bins around the circle.
    symmetry : int
        Order n of the patterns' symmetry.

    Returns
    -------
    ndarray of float64, shape [bins, bins]
        Weight in each cell; both angles run from -π / n in the first to π / n in the last.

    Raises
    ------
    InputError
        If the shapes differ, or the symmetry is no whole number from 1.
    """
    _require_symmetry(symmetry)
    rows, columns = wrap(down, symmetry), wrap(across, symmetry)
    weight = np.ones(rows.shape) if weights is None else np.nan_to_num(np.asarray(weights, float))
    _require_one_shape(rows, columns, weight)
    used = np.isfinite(rows) & np.isfinite(columns)
    half = np.pi / symmetry
    edges = [[-half, half]] * 2
    return np.histogram2d(rows[used], columns[used], bins, edges, weights=weight[used])[0]


def _require_one_shape(first: Angles, second: Angles, weight: Angles) -> None:
    if not first.shape == second.shape == weight.shape:
        raise InputError(
            f"Expected maps of one shape, got {first.shape}, {second.shape} and weights "
            f"{weight.shape}. Compare maps of the same scan."
        )


def _require_symmetry(symmetry: Any) -> None:
    whole = isinstance(symmetry, (int, np.integer)) and not isinstance(symmetry, bool)
    if not whole or symmetry < 1:
        raise InputError(
            "Expected symmetry to be a whole number n from 1 (angles are compared modulo 2π/n), "
            f"got {symmetry!r}. It is 1 where patterns have no symmetry of their own."
        )


def weighted_median(values: NDArray[Any], weights: NDArray[Any]) -> float:
    """The value that half of the weight lies below."""
    order = np.argsort(values)
    cumulated = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulated, 0.5 * cumulated[-1])])
