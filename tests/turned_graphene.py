"""Scans of simulated graphene whose rows run in any direction; nothing is resampled.

Every detector pixel is a periodic function of the probe's position, limited to the frequencies
2 α/λ = 1.31 1/Å by the aperture. So the patterns of the shipped cell give those at any position, by
a Fourier series, and the scan can be turned against the detector instead of the patterns.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from stemwidgets import samples
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.signals.conversion import signal_to_arrays

Array = NDArray[np.float64]

CELL = (2.464, 4.268)
HIGHEST_WAVES = (3, 6)
MARGIN = (5, 7)
RADIUS = (32.41, 33.68)  # α/λ in detector pixels (ky, kx)
DETECTOR = (78 + 2 * MARGIN[0], 78 + 2 * MARGIN[1])
BATCH = 512


@cache
def series() -> tuple[Array, Array, NDArray[np.complex64], Axes]:
    """Frequencies (y, x) [1/Å] and patterns of the Fourier series, and axes."""
    data, axes = signal_to_arrays(samples.graphene())
    waves = np.fft.fft2(data, axes=(0, 1)) / (data.shape[0] * data.shape[1])
    numbers = [np.fft.fftfreq(size, 1 / size) for size in data.shape[:2]]
    kept = [np.abs(n) <= highest for n, highest in zip(numbers, HIGHEST_WAVES, strict=True)]
    chosen = waves[np.ix_(*kept)]
    y, x = np.meshgrid(
        *(n[k] / length for n, k, length in zip(numbers, kept, CELL, strict=True)), indexing="ij"
    )
    return y.ravel(), x.ravel(), chosen.reshape(y.size, -1).astype(np.complex64), axes


def turned_scan(
    rotation: float,
    handedness: int = 1,
    shape: tuple[int, int] = (40, 44),
    step: tuple[float, float] = (0.17, 0.19),
    dose: float | None = None,
    descan: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0)),
    source_size: float = 0.0,
    seed: int = 0,
) -> tuple[Array, Axes]:
    """Patterns of a scan with ``v_detector = R(rotation) · (vx, handedness · vy)_scan``.

    `dose` is in electrons per pattern, without noise if not given; `descan` is how far the beam
    wanders (ky, kx) [px] from the first to the last row, and from the first to the last column;
    `source_size` is the standard deviation of an incoherent source [Å].
    """
    fy, fx, waves, axes = series()
    damping = np.exp(-2 * np.pi**2 * source_size**2 * (fy**2 + fx**2))
    iy, ix = np.indices(shape)
    corner = np.exp(1j * rotation) * (ix * step[1] + 1j * handedness * iy * step[0]).ravel()
    phase = np.exp(2j * np.pi * (np.outer(corner.imag, fy) + np.outer(corner.real, fx)))
    phase = (phase * damping).astype(np.complex64)
    patterns = np.zeros((iy.size, *DETECTOR), dtype=np.float32)
    top, left = MARGIN
    for start in range(0, iy.size, BATCH):
        part = phase[start : start + BATCH]
        sums = part.real @ waves.real - part.imag @ waves.imag
        inner = np.clip(sums, 0, None).reshape(-1, 78, 78)
        patterns[start : start + BATCH, top : top + 78, left : left + 78] = inner
    wandering = [
        iy.ravel() / (shape[0] - 1) * descan[0][axis]
        + ix.ravel() / (shape[1] - 1) * descan[1][axis]
        for axis in (0, 1)
    ]
    patterns = moved(patterns, *wandering)
    if dose is not None:
        rng = np.random.default_rng(seed)
        patterns = rng.poisson(patterns * (dose / patterns.sum(axis=(1, 2)).mean())).astype("u4")
    ky, kx = (
        Axis(size, axis.scale, -axis.scale * (39 + margin), "1/Å")
        for size, axis, margin in zip(DETECTOR, axes[2:], MARGIN, strict=True)
    )
    scan = (Axis(size, length, 0.0, "Å") for size, length in zip(shape, step, strict=True))
    return patterns.reshape(*shape, *DETECTOR), Axes(*scan, ky, kx)


def moved(patterns: Array, y: Array, x: Array) -> Array:
    """Patterns moved by fractions of a pixel: linear interpolation moves centres of mass truly."""
    for axis, shift in ((1, y), (2, x)):
        if not shift.any():
            continue
        whole = np.floor(shift).astype(int)
        part = (shift - whole)[:, None, None]
        result = np.empty_like(patterns)
        for step in np.unique(whole):
            here = whole == step
            near = np.roll(patterns[here], step, axis)
            result[here] = (1 - part[here]) * near + part[here] * np.roll(near, 1, axis)
        patterns = result
    return patterns
