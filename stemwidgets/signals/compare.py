"""Compare angle maps, given as signals or arrays."""

from typing import Any

from stemwidgets.arrays import circular
from stemwidgets.arrays.circular import AngleComparison


def compare_angles(a: Any, b: Any, weights: Any = None) -> AngleComparison:
    """Compare two angle maps up to one global offset and a handedness.

    Parameters
    ----------
    a, b : signal or array
        Angles [rad], of one shape; NaN where undefined.
    weights : signal or array, optional
        Weight of each position, not negative; the magnitude of the COM, say.

    Returns
    -------
    AngleComparison
        What was removed (``.offset``, ``.handedness``) and what is left (``.correlation``,
        ``.median_difference``); printed, it is one line in degrees.

    Raises
    ------
    InputError
        If the shapes differ, a weight is negative, or no position has both angles.

    Examples
    --------
    >>> print(compare_angles(maps.angle, com.angle, com.magnitude))
    """
    return circular.compare_angles(_values(a), _values(b), _values(weights))


def _values(source: Any) -> Any:
    """The array of a signal; anything else as it is. Memoryviews and arrays have data, too."""
    return source.data if hasattr(source, "axes_manager") else source
