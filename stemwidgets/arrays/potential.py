"""The potential whose gradient a vector map is: iCOM, iDPC.

Lazić, Bosch & Lazar, Ultramicroscopy 160, 265 (2016), doi:10.1016/j.ultramic.2015.10.011, integrate
by Fourier transforms, which takes the scan for periodic. Here its edges are free: the potential is
the one whose steps between neighbouring positions come nearest to those of the map, and cosine
transforms solve that problem exactly.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import dctn, idctn
from scipy.interpolate import CubicSpline
from scipy.sparse.linalg import LinearOperator, cg

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.fields import require_steps

Map = NDArray[np.float64]
Pair = tuple[Map, Map]

GUESSED = 1e-4  # weight of a step to or from a position that is not known
TOLERANCE = 1e-10  # relative residual at which the fit ends: far below the noise of any scan
ITERATIONS = 2000  # at most, which ends a fit that cannot settle


def potential(
    y: ArrayLike,
    x: ArrayLike,
    steps: tuple[float, float] = (1.0, 1.0),
    high_pass: float | None = None,
) -> Map:
    """The potential φ with ∇φ = (x, y), by least squares.

    Between neighbours the components are integrated along cubic splines through the row or column.

    Parameters
    ----------
    y, x : array, shape [iy, ix]
        Components along +y (down) and +x. Where one is NaN, neighbours bridge the gap as smoothly
        as they can.
    steps : (float, float)
        ``(step_y, step_x)``, distances between scan positions.
    high_pass : float, optional
        Standard deviation, in units of the steps, of a Gaussian: φ smoothed with it is subtracted.
        It damps what is wider, such as the slow waves that noise and descan turn into.

    Returns
    -------
    ndarray, shape [iy, ix]
        In units of the components times those of the steps; its mean is zero. NaN where a component
        is.

    Raises
    ------
    InputError
        If the components are no maps of one shape with two positions at least, a step is no
        distance, or `high_pass` is not positive.
    """
    y, x = np.asarray(y, dtype=float), np.asarray(x, dtype=float)
    if y.shape != x.shape or y.ndim != 2 or y.size < 2:
        raise InputError(
            "Expected two components [iy, ix] of a scan of at least two positions, got the shapes "
            f"{y.shape} and {x.shape}."
        )
    require_steps(steps)
    if high_pass is not None and not (np.isfinite(high_pass) and high_pass > 0):
        raise InputError(f"Expected high_pass as a length in units of the scan, got {high_pass!r}.")
    known = np.isfinite(y) & np.isfinite(x)
    if not known.any():
        return np.full(y.shape, np.nan)
    wanted = (_increments(y, known, steps[0], 0), _increments(x, known, steps[1], 1))
    weights = (_edge_weights(known, steps[0], 0), _edge_weights(known, steps[1], 1))
    right = _back(wanted, weights)
    laplacian = _laplacian(y.shape, steps)
    phi = _solve_free(right, laplacian)
    if not known.all():
        phi = _solve_weighted(phi, right, weights, laplacian)
    if high_pass is not None:
        phi = _without_waves(phi, steps, high_pass)
    phi -= phi[known].mean()
    return np.where(known, phi, np.nan)


def _increments(component: Map, known: NDArray[np.bool_], step: float, axis: int) -> Map:
    """Integral of a component from each position to the next along an axis."""
    size = component.shape[axis]
    if size < 2:
        return np.empty([0 if i == axis else n for i, n in enumerate(component.shape)])
    lines = np.moveaxis(_bridged(component, known, axis), axis, 0)
    index = np.arange(size)
    slope = CubicSpline(index, lines)(index, 1)
    trapezoid = (lines[:-1] + lines[1:]) / 2
    return np.moveaxis(step * (trapezoid + (slope[:-1] - slope[1:]) / 12), 0, axis)


def _bridged(component: Map, known: NDArray[np.bool_], axis: int) -> Map:
    """Gaps filled by straight lines along an axis, with zero where a whole line is missing."""
    filled = np.moveaxis(np.where(known, component, 0.0), axis, -1).copy()
    kept = np.moveaxis(known, axis, -1)
    index = np.arange(filled.shape[-1])
    for line in np.flatnonzero(~kept.all(axis=-1) & kept.any(axis=-1)):
        there = kept[line]
        filled[line] = np.interp(index, index[there], filled[line][there])
    return np.moveaxis(filled, -1, axis)


def _edge_weights(known: NDArray[np.bool_], step: float, axis: int) -> Map:
    along = np.moveaxis(known, axis, 0)
    sure = np.moveaxis(along[:-1] & along[1:], 0, axis)
    return np.where(sure, 1.0, GUESSED) / step**2


def _laplacian(shape: tuple[int, ...], steps: tuple[float, float]) -> Map:
    """Eigenvalues of the operator with free edges, whose eigenvectors are cosines."""
    along = [
        (2 - 2 * np.cos(np.pi * np.arange(n) / n)) / step**2
        for n, step in zip(shape, steps, strict=True)
    ]
    return np.asarray(along[0][:, None] + along[1][None, :])


def _solve_free(right: Map, laplacian: Map) -> Map:
    waves = dctn(right, type=2, norm="ortho")
    waves[0, 0] = 0.0
    scale = laplacian.copy()
    scale[0, 0] = 1.0
    return np.asarray(idctn(waves / scale, type=2, norm="ortho"))


def _solve_weighted(start: Map, right: Map, weights: Pair, laplacian: Map) -> Map:
    """Conjugate gradients, with the solution for equal weights as preconditioner."""
    shape, size = start.shape, start.size

    def apply(phi: Map) -> Map:
        phi = phi.reshape(shape)
        return _back((np.diff(phi, axis=0), np.diff(phi, axis=1)), weights).ravel()

    def precondition(rest: Map) -> Map:
        return _solve_free(rest.reshape(shape), laplacian).ravel()

    phi, _ = cg(
        LinearOperator((size, size), matvec=apply, dtype=float),
        right.ravel(),
        x0=start.ravel(),
        rtol=TOLERANCE,
        maxiter=ITERATIONS,
        M=LinearOperator((size, size), matvec=precondition, dtype=float),
    )
    return np.asarray(phi).reshape(shape)


def _back(increments: Pair, weights: Pair) -> Map:
    """The transpose of taking differences, with weights."""
    down, across = (weight * part for weight, part in zip(weights, increments, strict=True))
    flow_y = np.pad(down, ((1, 1), (0, 0)))
    flow_x = np.pad(across, ((0, 0), (1, 1)))
    return np.asarray(flow_y[:-1] - flow_y[1:] + flow_x[:, :-1] - flow_x[:, 1:])


def _without_waves(phi: Map, steps: tuple[float, float], width: float) -> Map:
    frequency_y, frequency_x = (
        np.arange(n) / (2 * n * step) for n, step in zip(phi.shape, steps, strict=True)
    )
    squared = frequency_y[:, None] ** 2 + frequency_x[None, :] ** 2
    kept = -np.expm1(-2 * np.pi**2 * width**2 * squared)
    return np.asarray(idctn(kept * dctn(phi, type=2, norm="ortho"), type=2, norm="ortho"))
