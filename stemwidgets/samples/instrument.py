"""What a microscope does to a scan: the size of its source, descan, the counting of electrons."""

import numpy as np
from scipy import ndimage

from stemwidgets.arrays.electrons import wavelength
from stemwidgets.samples.detector import Camera
from stemwidgets.samples.settings import Settings


def descan_shifts(settings: Settings) -> np.ndarray:
    """How far each pattern of a scan with its margin is moved, ``[iy, ix, 2]``, (y, x) in 1/Å."""
    (rows, columns), (down, along) = settings.scan_shape, settings.margin
    y = np.arange(-down, rows + down) / max(rows - 1, 1) - 0.5
    x = np.arange(-along, columns + along) / max(columns - 1, 1) - 0.5
    ways = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
    return ways * settings.descan * 1e-3 / wavelength(settings.beam_energy)


def moved(patterns: np.ndarray, shift: np.ndarray, seen: Camera) -> np.ndarray:
    """Patterns ``[n, ky, kx]`` moved by ``[n, 2]``, (y, x) in 1/Å."""
    pixels = shift / seen.simulated
    return np.stack(
        [
            ndimage.shift(pattern, by, order=1, mode="grid-wrap")
            for pattern, by in zip(patterns, pixels, strict=True)
        ]
    )


def blurred_by_source(shares: np.ndarray, settings: Settings) -> np.ndarray:
    """The scan of a source of finite size, without its margin."""
    if not settings.source_size:
        return shares
    blurred = ndimage.gaussian_filter(shares, settings.sigma, axes=(0, 1), truncate=3)
    (down, along), (rows, columns) = settings.margin, settings.scan_shape
    return np.asarray(blurred[down : down + rows, along : along + columns])


def counted(shares: np.ndarray, dose: float, seed: int) -> np.ndarray:
    """Electrons drawn from a Poisson distribution, `dose` in the mean pattern."""
    expected = np.clip(shares, 0, None) * (dose / shares.sum(axis=(2, 3)).mean())
    counts = np.random.default_rng(seed).poisson(expected)
    return np.asarray(counts, dtype=np.uint16 if counts.max() < 2**16 else np.uint32)
