"""Scans of phase objects whose deflections are known without any diffraction pattern."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.constants import c, elementary_charge, h, m_e

from stemwidgets.arrays.axes import Axes, Axis

ENERGY = 60.0  # keV
SEMI_ANGLE = 0.032  # rad
GRID = (80, 72)
PIXEL = (0.10, 0.11)  # Å
WIDTH = 0.25  # Å, of an atom
STRIDE = 2
SCAN = (22, 25)
CORNER = (14, 9)

_momentum = np.sqrt(
    (ENERGY * 1e3 * elementary_charge) ** 2 / c**2 + 2 * m_e * ENERGY * 1e3 * elementary_charge
)
WAVELENGTH = 1e10 * h / _momentum  # Å
SIGMA = (  # rad/(V·Å)
    2 * np.pi * np.hypot(_momentum / c, m_e) * elementary_charge * WAVELENGTH * 1e-20 / h**2
)


@dataclass(frozen=True, eq=False)
class PhaseScan:
    """Patterns, and what the theorem of the phase object says about them.

    `y`, `x` are the COM (σ/2π) |ψ|² ⋆ ∇V [1/Å] and `potential` is |ψ|² ⋆ V [V·Å] at the scan
    positions; `atoms` are their places [Å] in the frame of the scan.
    """

    data: NDArray[np.float64]
    axes: Axes
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    potential: NDArray[np.float64]
    atoms: NDArray[np.float64]


def phase_scan(strength: float, count: int = 14, seed: int = 0) -> PhaseScan:
    """Part of a random object of Gaussian atoms, whose phases reach `strength` [rad]."""
    rng = np.random.default_rng(seed)
    extent = np.array(GRID) * PIXEL
    atoms = _apart(rng, extent, count)
    height = strength / SIGMA * rng.uniform(0.5, 1, count)
    v, gradient_y, gradient_x = _potential(atoms, height, extent)
    probe = _probe()
    blur = np.fft.fft2(np.fft.ifftshift(np.abs(probe) ** 2)).conj()

    def at_positions(image):
        seen = np.fft.ifft2(np.fft.fft2(image) * blur).real
        rows, columns = _positions()
        return seen[np.ix_(rows, columns)]

    return PhaseScan(
        _patterns(np.exp(1j * SIGMA * v), probe),
        _axes(extent),
        SIGMA / (2 * np.pi) * at_positions(gradient_y),
        SIGMA / (2 * np.pi) * at_positions(gradient_x),
        at_positions(v),
        atoms - np.array(CORNER) * PIXEL,
    )


def _apart(rng, extent, count):
    """Places on the periodic object, at least 1.2 Å apart."""
    places = []
    while len(places) < count:
        place = rng.uniform(0, extent)
        far = [np.abs((place - other + extent / 2) % extent - extent / 2) for other in places]
        if all(np.hypot(*distance) > 1.2 for distance in far):
            places.append(place)
    return np.array(places)


def _potential(atoms, height, extent):
    y = np.arange(GRID[0])[:, None] * PIXEL[0]
    x = np.arange(GRID[1])[None, :] * PIXEL[1]
    v, gradient_y, gradient_x = np.zeros((3, *GRID))
    for place, volts in zip(atoms, height, strict=True):
        for image in np.ndindex(3, 3):
            dy, dx = (
                y - place[0] - (image[0] - 1) * extent[0],
                x - place[1] - (image[1] - 1) * extent[1],
            )
            part = volts * np.exp(-(dy**2 + dx**2) / (2 * WIDTH**2))
            v += part
            gradient_y -= part * dy / WIDTH**2
            gradient_x -= part * dx / WIDTH**2
    return v, gradient_y, gradient_x


def _probe():
    """Wave in the middle of the grid, of unit intensity."""
    ky, kx = (np.fft.fftfreq(n, pixel) for n, pixel in zip(GRID, PIXEL, strict=True))
    inside = np.hypot(ky[:, None], kx[None, :]) < SEMI_ANGLE / WAVELENGTH
    probe = np.fft.fftshift(np.fft.ifft2(inside))
    return probe / np.sqrt((np.abs(probe) ** 2).sum())


def _positions():
    return (first + STRIDE * np.arange(n) for first, n in zip(CORNER, SCAN, strict=True))


def _patterns(transmission, probe):
    rows, columns = _positions()
    middle = np.array(GRID) // 2
    patterns = np.empty((*SCAN, *GRID))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            moved = np.roll(transmission, (middle[0] - row, middle[1] - column), axis=(0, 1))
            patterns[i, j] = np.abs(np.fft.fftshift(np.fft.fft2(moved * probe, norm="ortho"))) ** 2
    return patterns


def _axes(extent):
    scan = [Axis(n, STRIDE * pixel, 0, "Å") for n, pixel in zip(SCAN, PIXEL, strict=True)]
    detector = [
        Axis(n, 1 / length, -(n // 2) / length, "1/Å")
        for n, length in zip(GRID, extent, strict=True)
    ]
    return Axes(*scan, *detector)
