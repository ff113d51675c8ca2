"""Compare angle maps, given as signals or arrays."""

import math
from typing import Any

from stemwidgets.arrays.maps import circular
from stemwidgets.arrays.maps.circular import AngleComparison

FOLD = "Signal.fold"  # metadata of angles with n: they are defined modulo 2π/n


def compare_angles(
    a: Any, b: Any, weights: Any = None, symmetry: int | None = None
) -> AngleComparison:
    """Compare two angle maps up to one global offset and a handedness.

    Parameters
    ----------
    a, b : signal or array
        Angles [rad], of one shape; NaN where undefined.
    weights : signal or array, optional
        Weight of each position, not negative, such as the magnitude of the COM.
    symmetry : int, optional
        Order n of the patterns' symmetry: angles are compared modulo 2π/n. If not given, it is
        taken from the signals, as ``maps.angle`` knows its own; 1 for arrays.

    Returns
    -------
    AngleComparison
        Conventions removed (``.offset``, ``.handedness``) and the rest (``.correlation``,
        ``.median_difference``); printed, it is one line in degrees.

    Raises
    ------
    InputError
        If the shapes differ, a weight is negative, no position has both angles, or the symmetry
        is no whole number from 1.

    Examples
    --------
    >>> print(sw.compare_angles(maps.angle, com.angle, com.magnitude))
    """
    if symmetry is None:
        symmetry = math.lcm(fold(a), fold(b))
    return circular.compare_angles(_values(a), _values(b), _values(weights), symmetry)


def fold(angle: Any) -> int:
    """Order n of the symmetry modulo which an angle map is defined; 1 where nothing is said."""
    return int(angle.metadata.get_item(FOLD, 1)) if hasattr(angle, "axes_manager") else 1


def _values(source: Any) -> Any:
    """The array of a signal; anything else as it is. Memoryviews and arrays have data, too."""
    return source.data if hasattr(source, "axes_manager") else source
