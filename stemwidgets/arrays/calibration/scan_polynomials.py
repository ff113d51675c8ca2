"""Smooth functions of the scan position, with steps between lines, and their robust fit."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-14  # of the positions; what is left below that is no deflection
ROUNDS = 20  # of reweighting at most, where the fit does not settle before
SETTLED = 1e-6  # of the typical residual, by which a round changes the fit at most
TELL_SCALE = 8192  # positions of which the median is taken for the typical residual

Map = NDArray[np.float64]
Lines = tuple[int, ...]


def power_pairs(order: int) -> list[tuple[int, int]]:
    """Powers of y and x in each polynomial up to an order, of x running faster."""
    return [(a, b) for a in range(order + 1) for b in range(order + 1 - a)]


def polynomials(shape: tuple[int, int], order: int, lines: Lines = ()) -> Map:
    """Products of Legendre polynomials of the scan position, and steps, ``[iy, ix, terms]``.

    Their total power is `order` at most; a step is 0 before its line, and 1 from there on.
    """
    v, u = _columns(shape, order, lines)
    return np.stack([np.outer(v[:, a], u[:, b]) for a, b in _terms(order, lines)], axis=-1)


def _terms(order: int, lines: Lines) -> list[tuple[int, int]]:
    """Column down and column along the scan of each term."""
    return power_pairs(order) + [(order + 1 + n, 0) for n in range(len(lines))]


@lru_cache(16)
def _columns(shape: tuple[int, int], order: int, lines: Lines) -> tuple[Map, Map]:
    """Legendre polynomials and steps down ``[iy, a]``, and polynomials along ``[ix, b]``."""
    v, u = (
        np.polynomial.legendre.legvander(np.linspace(-1, 1, size) if size > 1 else [0.0], order)
        for size in shape
    )
    after = np.arange(shape[0])[:, None] >= np.array(lines, dtype=int)
    return np.hstack([v, after]), np.asarray(u, dtype=np.float64)


def soft_l1(values: Map, window: Map, order: int, lines: Lines = ()) -> tuple[Map, Map]:
    """Least sum of w sqrt(1 + (r/s)²), s the typical residual, by reweighted least squares.

    Parameters
    ----------
    values : ndarray, shape [2, iy, ix]
        Maps to fit, finite.
    window : ndarray, shape [iy, ix]
        Weights w; 0 where a position does not count.
    order, lines
        As for `polynomials`.

    Returns
    -------
    solution : ndarray, shape [terms, 2]
        Coefficients.
    rest : ndarray, shape [2, iy, ix]
        Residual of the fit.
    """
    shape, terms = (window.shape[0], window.shape[1]), np.array(_terms(order, lines))
    v, u = _columns(shape, order, lines)
    some = np.flatnonzero(window)
    if len(some) > TELL_SCALE:
        some = np.random.default_rng(0).choice(some, TELL_SCALE, replace=False)
    solution, weight, rest = np.zeros((len(terms), 2)), window, values
    for _ in range(ROUNDS):
        change = least_squares(rest, weight, order, lines)
        solution += change
        table = np.zeros((2, v.shape[1], u.shape[1]))
        table[:, terms[:, 0], terms[:, 1]] = solution.T
        rest = values - np.asarray(v @ table @ u.T, dtype=np.float64)
        squares = rest[0] ** 2 + rest[1] ** 2
        scale = float(np.median(squares.ravel()[some]))
        far = np.abs(change).sum(axis=0).max()
        if not scale > (ROUNDING * np.abs(values).max()) ** 2 or far < SETTLED * np.sqrt(scale):
            break
        weight = window / np.sqrt(1 + squares / scale)
    return solution, rest


def least_squares(values: Map, weight: Map, order: int, lines: Lines = ()) -> Map:
    """Coefficients ``[terms, 2]`` of ``[2, iy, ix]`` by the normal equations, from sums of sums."""
    v, u = _columns((weight.shape[0], weight.shape[1]), order, lines)
    down, along = ((each[:, :, None] * each[:, None, :]).reshape(len(each), -1) for each in (v, u))
    products = (down.T @ weight @ along).reshape(*(v.shape[1],) * 2, *(u.shape[1],) * 2)
    a, b = np.array(_terms(order, lines)).T
    normal = products[a[:, None], a, b[:, None], b]
    moments = v.T @ (values * weight) @ u
    found = np.linalg.lstsq(normal, moments[:, a, b].T, rcond=None)[0]
    return np.asarray(found, dtype=np.float64)
