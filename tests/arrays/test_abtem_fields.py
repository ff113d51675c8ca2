"""The theorem of the phase object on a scan that another program simulated."""

import numpy as np
import pytest

from stemwidgets.arrays.center_of_mass import center_of_mass
from stemwidgets.arrays.fields import interaction_constant

EXTENT = (8.8, 9.6)  # y, x [Å]
GPTS = (144, 160)
FIRST, LAST = (2.1, 1.3), (5.9, 6.3)  # corners of the scan [Å]
SCAN = (19, 26)
THICKNESS = 4.0  # one slice [Å]
ENERGY = 60.0  # keV


def simulated():
    """Patterns ``[iy, ix, ky, kx]``, projected potential and intensity of the probe ``[y, x]``."""
    abtem, ase, dask = (pytest.importorskip(name) for name in ("abtem", "ase", "dask"))
    places = np.random.default_rng(1).uniform(0, 1, (9, 2)) * EXTENT[::-1]
    positions = np.column_stack([places, np.full(9, THICKNESS / 2)])
    cell = (*EXTENT[::-1], THICKNESS)
    with dask.config.set(scheduler="synchronous"), abtem.config.set({"precision": "float64"}):
        potential = abtem.Potential(
            ase.Atoms("C5N4", positions=positions, cell=cell, pbc=True),
            gpts=GPTS[::-1],
            slice_thickness=THICKNESS,
            projection="infinite",
        ).build(lazy=False)
        probe = abtem.Probe(energy=ENERGY * 1e3, semiangle_cutoff=32)
        probe.grid.match(potential)
        scan = abtem.GridScan(start=FIRST[::-1], end=LAST[::-1], gpts=SCAN[::-1], endpoint=False)
        detector = abtem.PixelatedDetector(max_angle=None)
        patterns = probe.scan(potential, scan=scan, detectors=detector, lazy=False)
        wave = np.asarray(probe.build(lazy=False).array)
    data = np.asarray(patterns.array).transpose(1, 0, 3, 2)
    return data, np.asarray(potential.array)[0].T, np.abs(wave.T) ** 2


def theorem(potential, intensity):
    """(σ/2π) |ψ|² ⋆ ∇V at the scan positions, components along y and x [1/Å]."""
    middle = np.unravel_index(intensity.argmax(), intensity.shape)
    probe = np.roll(intensity / intensity.sum(), [-m for m in middle], axis=(0, 1))
    blurred = np.fft.fft2(potential) * np.fft.fft2(probe).conj() / potential.size
    frequencies, waves = [], []
    for axis in (0, 1):
        k = np.fft.fftfreq(GPTS[axis], EXTENT[axis] / GPTS[axis])
        step = (LAST[axis] - FIRST[axis]) / SCAN[axis]
        place = FIRST[axis] + step * np.arange(SCAN[axis])
        frequencies.append(np.expand_dims(k, 1 - axis))
        waves.append(np.exp(2j * np.pi * place[:, None] * k))
    factor = interaction_constant(ENERGY) / (2 * np.pi)
    return [factor * (waves[0] @ (2j * np.pi * k * blurred) @ waves[1].T).real for k in frequencies]


@pytest.mark.slow
def test_com_of_an_abtem_scan_is_the_gradient_of_its_potential():
    data, potential, intensity = simulated()
    y, x = theorem(potential, intensity)
    size = np.sqrt(np.mean(y**2 + x**2))

    com = center_of_mass(data) - (data.shape[2] // 2, data.shape[3] // 2)

    assert data.shape[:2] == SCAN
    for found, truth in ((com[..., 0] / EXTENT[0], y), (com[..., 1] / EXTENT[1], x)):
        assert np.sqrt(np.mean((found - truth) ** 2)) <= 0.01 * size
