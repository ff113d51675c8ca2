"""Points inside a closed outline."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def surrounded(
    y: ArrayLike, x: ArrayLike, outline: Sequence[tuple[float, float]]
) -> NDArray[np.bool_]:
    """Test which points lie inside an outline.

    Parameters
    ----------
    y, x : array
        Coordinates, of one shape; NaN lies outside.
    outline : sequence of (float, float)
        Corners ``(y, x)`` in order; the last is joined to the first. Where the outline crosses
        itself, what it surrounds twice is outside.

    Returns
    -------
    ndarray of bool
        Of the coordinates' shape.
    """
    rows, columns = np.asarray(y, dtype=float), np.asarray(x, dtype=float)
    inside = np.zeros(rows.shape, dtype=bool)
    for (y0, x0), (y1, x1) in zip(outline, [*outline[1:], outline[0]], strict=True):
        if y0 != y1:
            crosses = (y0 <= rows) != (y1 <= rows)
            inside ^= crosses & (columns < x0 + (rows - y0) * (x1 - x0) / (y1 - y0))
    return inside
