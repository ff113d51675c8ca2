"""Effects of a microscope on a scan: positions of its probe, and the size of its source."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stemwidgets.arrays.calibration.electrons import wavelength
from stemwidgets.samples.faults import Faults
from stemwidgets.samples.settings import Settings, Shape

SPLINE = 5  # order; at 4 steps in the finest wave of a scan it is right to 10⁻³
STEPS_PER_WAVE = 4  # of λ/2α, the finest wave that a scan holds
SPLINE_REACH = 4  # steps around a position that its spline takes in


class Probes(NamedTuple):
    """Positions that are simulated for a scan, (y, x) in steps of the scan from its first position.

    Without a source of finite size these `steps`, ``[ny, nx, 2]``, are the positions of the scan,
    `wanted`, ``[iy, ix, 2]``. The blur of a source needs a grid with a margin, of so many steps of
    the scan on every side, and displaced positions need it fine enough for interpolation: `finer`
    is the number of its steps in one of the scan.
    """

    steps: NDArray[np.float64]
    wanted: NDArray[np.float64]
    margin: Shape
    finer: Shape


def probes(settings: Settings, faults: Faults) -> Probes:
    """Choose the positions to simulate."""
    nominal = np.moveaxis(np.indices(settings.scan_shape, dtype=np.float64), 0, -1)
    off = faults.displaced / settings.step
    wanted = nominal + off
    if not settings.source_size:
        return Probes(wanted, wanted, (0, 0), (1, 1))
    margin, finer = settings.margin, (1, 1)
    if faults.camera.moves_positions:
        finest = wavelength(settings.beam_energy) / (2e-3 * settings.semi_angle)
        fine = np.ceil(np.array(settings.step) * STEPS_PER_WAVE / finest).astype(int)
        more = np.ceil(np.abs(off).max(axis=(0, 1)) + SPLINE_REACH / fine).astype(int)
        finer, margin = (int(fine[0]), int(fine[1])), tuple((margin + more).tolist())
    y, x = (
        np.arange(-beyond * parts, (size - 1 + beyond) * parts + 1) / parts
        for size, beyond, parts in zip(settings.scan_shape, margin, finer, strict=True)
    )
    return Probes(np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1), wanted, margin, finer)


def as_scanned(values: NDArray[np.float64], settings: Settings, at: Probes) -> NDArray[np.float64]:
    """Interpolate values ``[ny, nx, n]`` at the simulated positions to where the probe was.

    A source of finite size blurs them. The shape is ``[iy, ix, n]``.
    """
    if not settings.source_size:
        return values
    sigma = np.multiply(settings.sigma, at.finer)
    blurred = ndimage.gaussian_filter(values, sigma, axes=(0, 1), truncate=3)
    places = (at.wanted + at.margin) * at.finer
    nearest = np.rint(places).astype(int)
    if np.array_equal(nearest, places):
        return np.asarray(blurred[nearest[..., 0], nearest[..., 1]])
    found = np.empty((*places.shape[:2], values.shape[2]))
    for pixel in range(values.shape[2]):
        found[..., pixel] = ndimage.map_coordinates(
            blurred[..., pixel], np.moveaxis(places, -1, 0), order=SPLINE, mode="nearest"
        )
    return found
