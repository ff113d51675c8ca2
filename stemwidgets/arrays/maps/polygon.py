"""Points inside a closed outline."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def surrounded(
    y: ArrayLike, x: ArrayLike, outline: Sequence[tuple[float, float]]
) -> NDArray[np.bool_]:
    """Test which points lie inside an outline of corners ``(y, x)`` in order.

    The last corner is joined to the first. Coordinates are of one shape; NaN lies outside. Where
    the outline crosses itself, what it surrounds twice is outside.
    """
    rows, columns = np.asarray(y, dtype=float), np.asarray(x, dtype=float)
    inside = np.zeros(rows.shape, dtype=bool)
    for (y0, x0), (y1, x1) in zip(outline, [*outline[1:], outline[0]], strict=True):
        if y0 != y1:
            crosses = (y0 <= rows) != (y1 <= rows)
            inside ^= crosses & (columns < x0 + (rows - y0) * (x1 - x0) / (y1 - y0))
    return inside
