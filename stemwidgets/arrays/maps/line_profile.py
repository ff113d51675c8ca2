"""Values along a line, averaged across it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.errors import InputError

Point = tuple[float, float]


@dataclass(frozen=True)
class LineProfile:
    """Values of a map along a line.

    Parameters
    ----------
    distance : ndarray, shape [n]
        From the beginning of the line, in the units of the steps.
    values : ndarray, shape [n]
        In the units of the map; NaN where the map is not defined, or the line has left it.
    """

    distance: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Strip:
    """The points at which a map is read: along a line, and in rows beside it.

    Parameters
    ----------
    distance : ndarray, shape [n]
        From the beginning of the line, in the units of the steps.
    iy, ix : ndarray, shape [rows, n]
        Positions, fractions allowed.
    """

    distance: NDArray[np.float64]
    iy: NDArray[np.float64]
    ix: NDArray[np.float64]


def strip(start: Point, end: Point, steps: tuple[float, float], width: float = 0.0) -> Strip:
    """Lay points along a line, no further apart than the smaller scan step.

    Parameters
    ----------
    start, end : (iy, ix)
        Ends of the line, fractions allowed.
    steps : (float, float)
        Distance of rows and of columns, in one unit.
    width : float
        Full width of the strip, at right angles to the line on the specimen, in the same unit.

    Returns
    -------
    Strip

    Raises
    ------
    InputError
        If the ends coincide, a step is 0, or the width is negative.
    """
    step = np.abs(np.asarray(steps, dtype=float))
    if step.shape != (2,) or not (step > 0).all() or not np.isfinite(step).all():
        raise InputError(f"Expected two scan steps other than 0, got {steps!r}.")
    if not 0 <= width < np.inf:
        raise InputError(f"Expected a width of 0 or more, got {width!r}.")
    along = (np.asarray(end, dtype=float) - np.asarray(start, dtype=float)) * step
    length = float(np.hypot(*along))
    if not (0 < length < np.inf):
        raise InputError(f"Expected a line between two places, got {start!r} and {end!r}.")
    fine = float(step.min())
    distance = np.linspace(0, length, int(np.ceil(length / fine - 1e-9)) + 1)
    rows = int(np.ceil(width / fine - 1e-9)) + 1
    beside = (np.linspace(-0.5, 0.5, rows) if rows > 1 else np.zeros(1))[:, None] * width
    direction_y, direction_x = along / length
    y = distance * direction_y + beside * direction_x
    x = distance * direction_x - beside * direction_y
    return Strip(distance, start[0] + y / step[0], start[1] + x / step[1])


def line_profile(
    values: ArrayLike,
    start: Point,
    end: Point,
    steps: tuple[float, float] = (1.0, 1.0),
    width: float = 0.0,
) -> LineProfile:
    """Read a map along a line.

    Between positions it is interpolated bilinearly. Undefined neighbours are left out, so that
    one undefined position makes no hole in its neighbours.

    Parameters
    ----------
    values : array, shape [iy, ix]
        The map; NaN where it is not defined.
    start, end, steps, width
        See `strip`; of a wide strip the mean across is taken.

    Returns
    -------
    LineProfile

    Raises
    ------
    InputError
        As `strip`.
    """
    points = strip(start, end, steps, width)
    total, weight = _gathered(np.asarray(values, dtype=float), points)
    return LineProfile(points.distance, _ratio(total, weight))


def angle_profile(
    values: ArrayLike,
    start: Point,
    end: Point,
    steps: tuple[float, float] = (1.0, 1.0),
    width: float = 0.0,
    symmetry: int = 1,
) -> LineProfile:
    """Read a map of angles along a line.

    Angles between positions, and the mean across, are circular means: the direction of the mean
    unit vector (Mardia & Jupp, Directional Statistics, 2000, section 2.2). They are not unwrapped.

    Parameters
    ----------
    values : array, shape [iy, ix]
        Angles [rad]; NaN where undefined.
    start, end, steps, width
        See `strip`.
    symmetry : int
        Angles that differ by 2π / symmetry are the same.

    Returns
    -------
    LineProfile
        Angles [rad, in (-π, π] / symmetry].

    Raises
    ------
    InputError
        As `strip`.
    """
    points = strip(start, end, steps, width)
    turned = symmetry * np.asarray(values, dtype=float)
    (up, weight), (right, _) = (
        _gathered(part, points) for part in (np.sin(turned), np.cos(turned))
    )
    angle = np.arctan2(up, right) / symmetry
    return LineProfile(points.distance, np.where(weight > 0, angle, np.nan))


def nearest_profile(
    values: ArrayLike, start: Point, end: Point, steps: tuple[float, float] = (1.0, 1.0)
) -> LineProfile:
    """Read a map along a line at the nearest positions, as for classes, which have no mean.

    Parameters
    ----------
    values : array, shape [iy, ix]
        The map; NaN where it is not defined.
    start, end, steps
        See `strip`.

    Returns
    -------
    LineProfile

    Raises
    ------
    InputError
        As `strip`.
    """
    points = strip(start, end, steps)
    array = np.asarray(values, dtype=float)
    return LineProfile(
        points.distance,
        _at(array, *(np.rint(index).astype(int)[0] for index in (points.iy, points.ix))),
    )


def crossed(angles: NDArray[np.float64], symmetry: int = 1) -> NDArray[np.bool_]:
    """Jumps of a row of angles over the end of the circle, between one value and the next.

    Angles ``[n]`` [rad, in (-π, π] / symmetry] are NaN where undefined; those that differ by 2π /
    symmetry are the same.
    """
    return np.abs(np.diff(angles)) > np.pi / symmetry


def _gathered(
    values: NDArray[np.float64], points: Strip
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums over the neighbours of each point and across, of weighted values and of weights."""
    total, weight = np.zeros(points.distance.shape), np.zeros(points.distance.shape)
    top, left = np.floor(points.iy).astype(int), np.floor(points.ix).astype(int)
    down, right = points.iy - top, points.ix - left
    for row, share_y in ((top, 1 - down), (top + 1, down)):
        for column, share_x in ((left, 1 - right), (left + 1, right)):
            found = _at(values, row, column)
            share = np.where(np.isfinite(found), share_y * share_x, 0.0)
            total += (share * np.nan_to_num(found, posinf=0, neginf=0)).sum(axis=0)
            weight += share.sum(axis=0)
    return total, weight


def _at(
    values: NDArray[np.float64], row: NDArray[np.intp], column: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Values at whole positions, NaN outside the map."""
    rows, columns = values.shape
    there = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    found = values[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)]
    return np.where(there, found, np.nan)


def _ratio(total: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 1e-9)
