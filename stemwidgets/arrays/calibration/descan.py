"""Descan: the beam wanders over the detector as it scans, whatever the specimen does."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.calibration.line_steps import confirmed_lines, find_lines
from stemwidgets.arrays.calibration.scan_polynomials import (
    least_squares,
    polynomials,
    power_pairs,
    soft_l1,
)
from stemwidgets.arrays.errors import InputError

HIGHEST_ORDER = 4  # of the polynomial: a higher one follows the specimen
ORDERS_BESIDE = 3  # orders above, from which the share of the specimen is estimated
HIGHEST_UNASKED = 3  # order that is taken without asking
STANDS_OUT = 2.5  # a plane over its error, where the scan holds three periods of a lattice or more,
OF_FEW_PERIODS = 3.5  # and where it holds fewer: one period looks like a plane of 3,
BENT = 15.0  # and half a one like 13 in a second or third order
SLOW = 0.18  # of the deflections: as much is slow in two periods of a lattice, less in three

Map = NDArray[np.float64]
Lines = tuple[int, ...]


@dataclass(frozen=True)
class Descan:
    """Position of the undeflected beam: a polynomial in the scan position, and steps.

    Parameters
    ----------
    shape : (int, int)
        Scan positions ``[iy, ix]``.
    order : int
        Highest total power of the scan position: 0 is a beam at rest, 1 a plane.
    y, x : tuple of float
        Coefficients [px] of the beam's ky and kx: those of the products of Legendre polynomials
        ``P_a(v) P_b(u)`` with ``a + b`` up to `order`, b running faster, where v and u go from -1
        to 1 down and along the scan.
    error : float
        Departure [px, root mean square along one axis] that the deflections by the specimen feign,
        by what they have of the next three orders; measured in vacuum, its standard error; 0 where
        it is not known.
    steps : tuple of (int, float, float)
        Lines from which on the beam falls elsewhere, and by how much it jumps there, in order:
        ``(iy, y, x)`` [px].

    Examples
    --------
    >>> com = sw.center_of_mass(signal, descan=sw.Descan((14, 24), 0, y=(38.2,), x=(38.9,)))
    """

    shape: tuple[int, int]
    order: int
    y: tuple[float, ...]
    x: tuple[float, ...]
    error: float = 0.0
    steps: tuple[tuple[int, float, float], ...] = ()

    @property
    def sound(self) -> bool:
        """True if all numbers are finite, as many as the order takes, and steps in the scan."""
        terms = len(power_pairs(self.order)) if 0 <= self.order <= HIGHEST_ORDER else -1
        lines = [0, *self.lines, self.shape[0]]
        fits = len(self.y) == len(self.x) == terms and all(np.diff(lines) > 0)
        jumps = [size for _, *jump in self.steps for size in jump]
        return fits and bool(np.isfinite([*self.y, *self.x, *jumps]).all())

    @property
    def lines(self) -> Lines:
        """Lines from which on the beam falls elsewhere."""
        return tuple(line for line, _, _ in self.steps)

    @cached_property
    def positions(self) -> Map:
        """Beam ``(y, x)`` in pixels about the centre of pixel (0, 0), ``[iy, ix, 2]``."""
        jumps = np.array([jump for _, *jump in self.steps]).reshape(-1, 2)
        terms = np.concatenate([np.array([self.y, self.x]).T, jumps])
        return polynomials(self.shape, self.order, self.lines) @ terms

    @cached_property
    def departure(self) -> Map:
        """Departure ``(y, x)`` of the beam from its mean over the scan [px], ``[iy, ix, 2]``."""
        positions = self.positions
        return positions - positions.mean(axis=(0, 1))

    @property
    def size(self) -> float:
        """Departure of the beam [px, root mean square along one axis]."""
        return float(np.sqrt((self.departure**2).mean()))

    @property
    def words(self) -> str:
        """Size of the departure, in words."""
        down, along = self.extent
        wanders = f"The beam wanders by {down:.2f} px along ky and {along:.2f} px along kx"
        return f"{wanders}{self.jumps} (descan)."

    @property
    def jumps(self) -> str:
        """Size of the jumps between lines, to follow `words`; empty if there are none."""
        jumps = [f"{np.hypot(y, x):.2f} px at line {line}" for line, y, x in self.steps]
        return f" and jumps by {', '.join(jumps)}" if jumps else ""

    def in_pixels(self, height: float, width: float) -> "Descan":
        """The same in pixels that are so many times as high and as wide."""
        y, x = (
            tuple(part / size for part in parts)
            for parts, size in ((self.y, height), (self.x, width))
        )
        steps = tuple((line, dy / height, dx / width) for line, dy, dx in self.steps)
        return replace(self, y=y, x=x, error=self.error / np.sqrt(height * width), steps=steps)

    def stands_out(self, times: float, above: int) -> bool:
        """True if the orders above one exceed so many times what the specimen feigns."""
        degree = np.array([a + b for a, b in power_pairs(self.order)])
        chosen = degree > above
        parts = (
            polynomials(self.shape, self.order)[..., chosen] @ np.array([self.y, self.x]).T[chosen]
        )
        feigned = self.error * np.sqrt(chosen.sum() / max(len(degree) - 1, 1))
        return bool(np.sqrt((parts**2).mean()) >= times * feigned)

    @property
    def extent(self) -> tuple[float, float]:
        """Peak-to-peak departure of the beam over the scan along ky and kx [px]."""
        y, x = np.ptp(self.positions, axis=(0, 1))
        return float(y), float(x)


def fit_descan(
    com: Map,
    order: int | None = 1,
    where: NDArray[Any] | None = None,
    lines: Lines = (),
) -> Descan:
    """Fit the slow drift of the centre of mass over the scan.

    Positions that stand out, with a soft L1 norm, count little. Adding a polynomial of up to that
    order to `com` adds it to the result and changes nothing else.

    Parameters
    ----------
    com : ndarray, shape [iy, ix, 2]
        ``(y, x)`` in pixels; NaN is left out.
    order : int, optional
        Highest total power of the scan position, 0 to 4. None: a plane where it stands out from
        what the specimen feigns, a second or third order where that does by far; else a beam at
        rest. Steps between lines then belong to it, where they stand out.
    where : ndarray of bool, shape [iy, ix], optional
        True at the positions to fit, for example those in vacuum.
    lines : tuple of int
        Lines at which the beam jumps: the steps there are fitted together with the order.

    Raises
    ------
    InputError
        If the order is out of range, `where` has another shape, or too few positions are left.
    """
    used = known_positions(com, where)
    if order is None:
        return with_steps(com, used, lambda lines: _unasked(com, where, lines))
    order, shape = require_order(order), (used.shape[0], used.shape[1])
    terms, count = len(power_pairs(order)), int(used.sum())
    if count < terms:
        raise InputError(
            f"Expected a centre of mass at {terms} or more positions for a descan of "
            f"order {order}, got {count} of {used.size}. The others are empty patterns or "
            "left out; choose a lower order or more positions."
        )
    weight = np.where(used, _taper(shape), 0.0)
    values: Map = np.where(used, np.moveaxis(com, -1, 0), 0.0)
    solution, rest = soft_l1(values, weight, order, lines)
    error = _feigned(rest, weight, order)
    return descan_of(shape, order, lines, solution, error)


def descan_of(
    shape: tuple[int, int], order: int, lines: Lines, solution: Map, error: float
) -> Descan:
    """A descan from the coefficients ``[terms, 2]`` of `polynomials`."""
    smooth, jumps = np.split(solution, [len(solution) - len(lines)])
    y, x = (tuple(map(float, part)) for part in smooth.T)
    steps = tuple((line, float(dy), float(dx)) for line, (dy, dx) in zip(lines, jumps, strict=True))
    return Descan(shape, order, y, x, error, steps)


def with_steps(com: Map, used: NDArray[np.bool_], fit: Callable[[Lines], Descan]) -> Descan:
    """Fit together with the steps between lines that stand out, and that the fit confirms.

    `com` is the centre of mass ``[iy, ix, 2]`` in pixels, `used` the positions that count; `fit`
    fits a descan with steps at the lines it is given.
    """
    lines = find_lines(com, used)
    while True:
        found = fit(lines)
        kept = confirmed_lines(com - found.positions, used, found.steps)
        if kept == lines:
            return found
        lines = kept


def _unasked(com: Map, where: NDArray[Any] | None, lines: Lines) -> Descan:
    plane = fit_descan(com, 1, where, lines)
    rest = com - plane.positions
    slow = plane.error > SLOW * np.sqrt(np.nanmean((rest - np.nanmean(rest, axis=(0, 1))) ** 2))
    if plane.stands_out(OF_FEW_PERIODS if slow else STANDS_OUT, above=0):
        found = plane
    else:
        found = replace(fit_descan(com, 0, where, lines), error=plane.error)
    known = np.isfinite(com).all(axis=-1).sum()
    for order in range(2, HIGHEST_UNASKED + 1):
        if known >= len(power_pairs(order + ORDERS_BESIDE)):
            bent = fit_descan(com, order, where, lines)
            if bent.stands_out(BENT, above=1) and bent.stands_out(STANDS_OUT, above=order - 1):
                found = bent
    return found


def _feigned(rest: Map, weight: Map, order: int) -> float:
    """Size of a descan of this order if it were like the next orders of the residual."""
    beside = order + ORDERS_BESIDE
    above = np.array([a + b for a, b in power_pairs(beside)]) > order
    solution = least_squares(rest, weight, beside)[above]
    basis = polynomials((weight.shape[0], weight.shape[1]), beside)[..., above]
    each = np.sqrt(((solution**2).T * (basis**2).mean(axis=(0, 1))).mean())
    return float(each * np.sqrt((~above).sum() - 1))


def require_order(order: Any) -> int:
    """An order of a descan; an InputError if it is none."""
    if isinstance(order, bool) or order not in range(HIGHEST_ORDER + 1):
        raise InputError(
            f"Expected a descan order from 0 (beam at rest) to {HIGHEST_ORDER}, got {order!r}. "
            "1 fits a plane."
        )
    return int(order)


def known_positions(com: Map, where: NDArray[Any] | None = None) -> NDArray[np.bool_]:
    """Positions ``[iy, ix]`` with a centre of mass, of all or of those that were chosen.

    An InputError if these are no centres of mass of a scan, or the choice is of another shape.
    """
    if com.ndim != 3 or com.shape[-1] != 2 or 0 in com.shape:
        raise InputError(
            f"Expected centres of mass [iy, ix, 2], got the shape {com.shape}. "
            "Make them with stemwidgets.arrays.center_of_mass."
        )
    chosen = chosen_positions(where, (com.shape[0], com.shape[1]))
    return np.asarray(np.isfinite(com).all(axis=-1) & chosen)


def chosen_positions(where: NDArray[Any] | None, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Positions ``[iy, ix]`` to fit, all if None; an InputError if they are of another shape."""
    if where is None:
        return np.ones(shape, dtype=bool)
    where = np.asarray(where)
    if where.shape != shape:
        raise InputError(
            f"Expected one choice for each scan position {shape}, got the shape {where.shape}."
        )
    return where.astype(bool)


def _taper(shape: tuple[int, int]) -> Map:
    """Hann window ``[iy, ix]``: without edges a lattice hardly looks like a slope."""
    down, along = (np.hanning(size + 2)[1:-1] for size in shape)
    return np.outer(down, along)
