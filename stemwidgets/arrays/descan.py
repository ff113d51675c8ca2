"""Descan: the beam wanders over the detector as it scans, whatever the specimen does."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError

HIGHEST_ORDER = 4
ORDERS_BESIDE = 3
ROUNDING = 1e-14  # of the positions; what is left below that is no deflection
STANDS_OUT = 2.5
ROUNDS = 20

Map = NDArray[np.float64]


@dataclass(frozen=True)
class Descan:
    """Position of the undeflected beam on the detector, a polynomial in the scan position.

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
        by what they have of the next three orders; 0 where it is not known.
    """

    shape: tuple[int, int]
    order: int
    y: tuple[float, ...]
    x: tuple[float, ...]
    error: float = 0.0

    @property
    def positions(self) -> Map:
        """Beam ``(y, x)`` in pixels about the centre of pixel (0, 0), ``[iy, ix, 2]``."""
        return _basis(self.shape, self.order) @ np.array([self.y, self.x]).T

    @property
    def departure(self) -> Map:
        """Departure ``(y, x)`` of the beam from its mean over the scan [px], ``[iy, ix, 2]``."""
        positions = self.positions
        return positions - positions.mean(axis=(0, 1))

    @property
    def size(self) -> float:
        """Departure of the beam [px, root mean square along one axis]."""
        return float(np.sqrt((self.departure**2).mean()))

    @property
    def extent(self) -> tuple[float, float]:
        """How far the beam wanders over the scan along ky and kx [px]."""
        y, x = np.ptp(self.positions, axis=(0, 1))
        return float(y), float(x)


def fit_descan(com: Map, order: int | None = 1, where: NDArray[Any] | None = None) -> Descan:
    """Fit the slow drift of the centre of mass over the scan.

    Positions that stand out, with a soft L1 norm, count little. Adding a polynomial of up to that
    order to `com` adds it to the result and changes nothing else.

    Parameters
    ----------
    com : ndarray, shape [iy, ix, 2]
        ``(y, x)`` in pixels; NaN is left out.
    order : int, optional
        Highest total power of the scan position, 0 to 4. None: a plane if it is 2.5 times its error
        or more, else a beam at rest.
    where : ndarray of bool, shape [iy, ix], optional
        True at the positions to fit, those in vacuum, say.

    Raises
    ------
    InputError
        If the order is out of range, `where` has another shape, or too few positions are left.
    """
    if order is None:
        plane = fit_descan(com, 1, where)
        if plane.size >= STANDS_OUT * plane.error:
            return plane
        return replace(fit_descan(com, 0, where), error=plane.error)
    shape = _scan_shape(com)
    if isinstance(order, bool) or order not in range(HIGHEST_ORDER + 1):
        raise InputError(
            f"Expected a descan order from 0 (beam at rest) to {HIGHEST_ORDER}, got {order!r}. "
            "1 fits a plane."
        )
    used = np.isfinite(com).all(axis=-1) & _chosen(where, shape)
    basis = _basis(shape, order)[used]
    if len(basis) < basis.shape[1]:
        raise InputError(
            f"Expected a centre of mass at {basis.shape[1]} or more positions for a descan of "
            f"order {order}, got {len(basis)} of {used.size}. The others are empty patterns or "
            "left out; choose a lower order or more positions."
        )
    solution = _soft_l1(basis, com[used])
    y, x = solution.T
    error = _feigned(com[used] - basis @ solution, used, int(order))
    return Descan(shape, int(order), tuple(map(float, y)), tuple(map(float, x)), error)


def _feigned(rest: Map, used: NDArray[np.bool_], order: int) -> float:
    """What a descan of this order would be if it were like the next orders of the rest."""
    degree = np.array([a + b for a, b in _pairs(order + ORDERS_BESIDE)])
    basis = _basis((used.shape[0], used.shape[1]), order + ORDERS_BESIDE)
    solution = np.linalg.lstsq(basis[used], rest, rcond=None)[0][degree > order]
    sizes = np.sqrt((basis[..., degree > order] ** 2).mean(axis=(0, 1)))
    each = np.sqrt(((solution * sizes[:, None]) ** 2).mean())
    return float(each * np.sqrt((degree <= order).sum() - 1))


def _scan_shape(com: Map) -> tuple[int, int]:
    if com.ndim != 3 or com.shape[-1] != 2 or 0 in com.shape:
        raise InputError(
            f"Expected centres of mass [iy, ix, 2], got the shape {com.shape}. "
            "Make them with stemwidgets.arrays.center_of_mass."
        )
    return com.shape[0], com.shape[1]


def _chosen(where: NDArray[Any] | None, shape: tuple[int, int]) -> NDArray[np.bool_]:
    if where is None:
        return np.ones(shape, dtype=bool)
    where = np.asarray(where)
    if where.shape != shape:
        raise InputError(
            f"Expected one choice for each scan position {shape}, got the shape {where.shape}."
        )
    return where.astype(bool)


def _basis(shape: tuple[int, int], order: int) -> Map:
    v, u = (
        np.polynomial.legendre.legvander(np.linspace(-1, 1, size) if size > 1 else [0.0], order)
        for size in shape
    )
    return np.stack([np.outer(v[:, a], u[:, b]) for a, b in _pairs(order)], axis=-1)


def _pairs(order: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(order + 1) for b in range(order + 1 - a)]


def _soft_l1(basis: Map, values: Map) -> Map:
    """Least sum of sqrt(1 + (r/s)²), s the typical residual, by reweighted least squares."""
    weight = np.ones(len(basis))
    for _ in range(ROUNDS):
        solution = np.linalg.lstsq(basis * weight[:, None], values * weight[:, None], rcond=None)[0]
        rest = np.hypot(*(values - basis @ solution).T)
        scale = np.median(rest)
        if not scale > ROUNDING * np.abs(values).max():
            break
        weight = (1 + (rest / scale) ** 2) ** -0.25
    return np.asarray(solution, dtype=np.float64)
