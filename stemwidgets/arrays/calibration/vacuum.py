"""Descan measured in vacuum, where nothing but the microscope moves the beam."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.calibration.descan import (
    HIGHEST_UNASKED,
    Descan,
    descan_of,
    known_positions,
    require_order,
    with_steps,
)
from stemwidgets.arrays.calibration.scan_polynomials import Lines, polynomials, soft_l1
from stemwidgets.arrays.errors import InputError

FEWEST = 16  # positions: with fewer the error of a plane is known to a fifth at best
NARROWEST = 3  # rows and columns, through which a plane differs from noise
COVERED = 0.5  # of the scan in each direction: with less, more of it is extrapolated than measured
STANDS_OUT = 5.0  # standard deviations of what noise feigns, before a higher order is taken
ALIKE = 0.1  # correlation of neighbours: noise has none, half of a variance by atoms three times it
FAR = 4.0  # standard deviations, beyond which a position counts no more
NORMAL = 1.4826  # standard deviation of normal numbers over their median magnitude

Map = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class InVacuum:
    """A descan that was measured in vacuum, and where.

    Parameters
    ----------
    descan : Descan
        Where the beam falls; its `error` is the standard error of its departure.
    positions : int
        Number of positions in vacuum that were used.
    file : str
        File of the scan that was used; empty if it is the corrected scan itself.
    note : str
        Reasons for doubt, in sentences; see `caution`.
    """

    descan: Descan
    positions: int
    file: str = ""
    note: str = ""

    @property
    def place(self) -> str:
        """Origin of the measurement, in words."""
        return f"on {self.file}" if self.file else f"in a region of {self.positions} positions"

    @property
    def words(self) -> str:
        """Size of the departure, its origin and its error, in words."""
        found = self.descan
        size = f"{found.size:.2f} ± {found.error:.2f} px rms"
        return " ".join(filter(None, (found.words, f"Measured {self.place}: {size}.", self.note)))


def fit_in_vacuum(com: Map, where: NDArray[Any] | None = None, order: int | None = None) -> Descan:
    """Fit the path of the beam to centres of mass that were measured in vacuum.

    `com` is ``(y, x)`` in pixels, ``[iy, ix, 2]``; NaN is left out. Every position counts alike, or
    those chosen by `where` ``[iy, ix]``, but for those that stand out (soft L1 norm). The order is
    the highest total power of the scan position, 0 to 4. None: a plane, a second or third order
    where that stands out from the noise and half of the scan is covered in both directions, and
    steps between lines. An InputError if the order is out of range, `where` has another shape, or
    the positions are too few or in too few rows or columns.
    """
    used = known_positions(com, where)
    if order is not None:
        order = require_order(order)
    _require_enough(used)
    if order is not None:
        return _fitted(com, used, order, ())[0]
    return with_steps(com, used, lambda lines: _unasked(com, used, lines))


def _unasked(com: Map, used: Mask, lines: Lines) -> Descan:
    """A plane, and the higher orders that stand out."""
    found, rest = _fitted(com, used, 1, lines)
    for order in range(2, HIGHEST_UNASKED + 1) if min(_shares(used)) >= COVERED else ():
        bent, left = _fitted(com, used, order, lines)
        if _stands_out(rest, left, len(bent.y) - len(found.y)):
            found, rest = bent, left
    return found


def caution(com: Map, where: Mask, found: Descan) -> str:
    """Reasons why a fit to these positions may not hold, in sentences; empty if there are none.

    `com` is ``(y, x)`` in pixels, ``[iy, ix, 2]``, and NaN is left out; `where` are the positions
    that were fitted.
    """
    used = known_positions(com, where)
    words = []
    short = [
        f"{100 * share:.0f} % of the scan along {name}"
        for name, share in zip("yx", _shares(used), strict=True)
        if share < COVERED
    ]
    if short:
        covered = " and ".join(short)
        words.append(f"That covers only {covered}: beyond it the plane is extrapolated.")
    if _varies(np.where(used[..., None], com - found.positions, np.nan)):
        words.append("The COM varies there from place to place beyond noise: is it vacuum?")
    return " ".join(words)


def _shares(used: Mask) -> list[float]:
    """Extent of the used positions, first to last row and column, as shares of the scan."""
    lines = (np.flatnonzero(used.sum(axis=axis)) for axis in (1, 0))
    return [
        (int(np.ptp(chosen)) + 1) / size if len(chosen) else 0.0
        for chosen, size in zip(lines, used.shape, strict=True)
    ]


def _varies(rest: Map) -> bool:
    """True if the residual ``[iy, ix, 2]`` resembles its neighbours; NaN is left out."""
    total, products = np.nansum(rest**2), []
    for axis in (0, 1):
        pairs = np.diff(rest, axis=axis) ** 2
        products.append((np.nansum(pairs), np.isfinite(pairs).sum()))
    changes, count = np.sum(products, axis=0)
    if not count or not total > 0:
        return False
    likeness = 1 - changes / count / (2 * total / np.isfinite(rest).sum())
    return bool(abs(likeness) > max(ALIKE, STANDS_OUT / np.sqrt(count)))


def _require_enough(used: Mask) -> None:
    """Refuse positions that do not determine a plane."""
    plane = polynomials((used.shape[0], used.shape[1]), 1)
    known = np.linalg.matrix_rank(plane[used]) == np.linalg.matrix_rank(plane.reshape(-1, 3))
    lines = [int(used.any(axis=axis).sum()) for axis in (1, 0)]
    narrow = any(n < min(NARROWEST, size) for n, size in zip(lines, used.shape, strict=True))
    if used.sum() < FEWEST or narrow or not known:
        rows, columns = lines
        raise InputError(
            f"Expected {FEWEST} or more positions in vacuum, in {NARROWEST} or more rows and "
            "columns and not in one line, for a plane to be told from noise; got "
            f"{used.sum()} in {rows} rows and {columns} columns. Choose a larger region."
        )


def _fitted(com: Map, used: Mask, order: int, lines: Lines) -> tuple[Descan, Map]:
    """Fit of an order with its standard error, and its residual ``[n, 2]``."""
    shape = (com.shape[0], com.shape[1])
    values: Map = np.where(used, np.moveaxis(com, -1, 0), 0.0)
    solution, left = soft_l1(values, used.astype(np.float64), order, lines)
    rest = left[:, used].T
    whole = polynomials(shape, order, lines)
    terms = whole.reshape(-1, whole.shape[-1])
    covariance = np.linalg.pinv(whole[used].T @ whole[used], hermitian=True)
    spread = np.cov(terms.T, bias=True).reshape(covariance.shape)
    error = _noise(rest) * np.sqrt(np.sum(covariance * spread))
    return descan_of(shape, order, lines, solution, float(error)), rest


def _noise(rest: Map) -> float:
    """Standard deviation along one axis [px]."""
    return float(NORMAL * np.median(np.abs(rest - np.median(rest, axis=0))))


def _stands_out(rest: Map, left: Map, terms: int) -> bool:
    """True if the added terms remove more than they would remove of pure noise."""
    noise, free = _noise(left), 2 * terms
    before, after = (np.clip(r, -FAR * noise, FAR * noise) for r in (rest, left))
    gained = (before**2).sum() - (after**2).sum()
    return bool(gained > noise**2 * (free + STANDS_OUT * np.sqrt(2 * free)))
