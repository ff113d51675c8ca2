"""How truly a scan is calibrated: rotation with sign and handedness, descan, disc.

``python -m pytest -m benchmark -s tests/benchmarks/test_calibration.py``

Simulated graphene, scanned at 64 × 72 positions in a random direction, mirrored for every second
seed; descan of 3 and 4 pixels; Poisson noise. The bound is that of an angle from N noisy vectors,
σ / (|COM| √N). The sign is told by what is scattered out of the disc; where nothing of that is seen
only the peaks of the divergence are left: the columns "by …" have the error of the rotation then.
"""

import time

import numpy as np
import pytest
from turned_graphene import MARGIN, RADIUS, turned_scan

import stemwidgets as sw
from benchmarks.table import Figure, Table, seeds
from stemwidgets.arrays.calibration.measure import measure
from stemwidgets.arrays.calibration.scan_rotation import find_rotation
from stemwidgets.arrays.center_of_mass import center_of_mass
from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.signals.conversion import arrays_to_signal

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]

SHAPE, STEP = (64, 72), (0.17, 0.19)
DESCAN = ((2.3, -1.1), (0.8, 3.2))
SPREAD = 0.33  # of a pattern along one axis [1/Å]: half the radius of the disc


def drawn(seed: int) -> tuple[float, int]:
    """A random rotation, and the handedness."""
    return float(np.random.default_rng(seed).uniform(-np.pi, np.pi)), 1 - 2 * (seed % 2)


@pytest.mark.parametrize("dose", [1e5, 1e4, 1e3])
def test_rotation_of_graphene(dose):
    table = Table(
        f"rotation of graphene, {SHAPE[0]}×{SHAPE[1]} positions, {dose:.0e} e/pattern, with descan",
        [
            Figure("true [°]", digits=1),
            Figure("handed", digits=0),
            Figure("error [°]", at_most=0.3 if dose == 1e5 else None),
            Figure("said [°]"),
            Figure("bound [°]"),
            Figure("right hand", at_least=1.0, digits=0),
            Figure("confidence", digits=4),
            Figure("by peaks [°]", digits=1),
            Figure("calibrate [s]"),
            Figure("rotation [s]"),
        ],
    )
    for seed in seeds() if dose == 1e5 else seeds()[:3]:
        rotation, handedness = drawn(seed)
        data, axes = turned_scan(rotation, handedness, SHAPE, STEP, dose, DESCAN, seed=seed)
        signal = arrays_to_signal(data.astype(np.uint16), axes)
        signal.set_experimental_parameters(beam_energy=60)
        if seed == seeds()[0]:
            sw.calibrate(signal)  # compiles
        began = time.perf_counter()
        found = sw.calibrate(signal, semi_angle=32)
        seconds = time.perf_counter() - began
        com = (center_of_mass(data) - found.descan.positions) * (axes.ky.scale, axes.kx.scale)
        began = time.perf_counter()
        by_peaks = find_rotation(com, STEP)
        rotation_seconds = time.perf_counter() - began
        noise = SPREAD / np.sqrt(dose)
        strength = np.sqrt(max((com**2).sum(axis=-1).mean() - 2 * noise**2, 1e-12))
        bound = noise / strength / np.sqrt(com[..., 0].size)
        table.add(
            seed,
            [
                np.degrees(rotation),
                handedness,
                np.degrees(abs(wrap(found.rotation - rotation))),
                np.degrees(found.rotation_std),
                np.degrees(bound),
                found.handedness == handedness,
                found.rotation_confidence,
                np.degrees(abs(wrap(by_peaks.angle - rotation))),
                seconds,
                rotation_seconds,
            ],
        )
    table.close()


def test_sign_where_atoms_are_not_resolved():
    table = Table(
        "sign of the rotation as the source grows, 40×44 positions, 1e5 e/pattern",
        [
            Figure("by dark field [°]", at_most=1.0, digits=2),
            Figure("confidence", digits=4),
            Figure("by bright field [°]", at_most=1.0, digits=2),
            Figure("confidence", digits=4),
            Figure("by peaks [°]", digits=2),
            Figure("confidence", digits=4),
        ],
        labels="σ [Å]",
    )
    for size in (0.0, 0.2, 0.3, 0.4, 0.5, 0.6):
        data, axes = turned_scan(2.9, dose=1e5, source_size=size)
        y, x = np.indices(data.shape[2:])
        disc = np.hypot((y - 39 - MARGIN[0]) / RADIUS[0], (x - 39 - MARGIN[1]) / RADIUS[1]) < 1.03
        found = [measure(patterns, axes).scan_rotation for patterns in (data, data * disc)]
        found.append(find_rotation(center_of_mass(data) * (axes.ky.scale, axes.kx.scale), STEP))
        table.add(
            size,
            [
                value
                for one in found
                for value in (np.degrees(abs(wrap(one.angle - 2.9))), one.confidence)
            ],
        )
    table.close()


def test_descan_and_disc_of_graphene():
    table = Table(
        "descan and disc of graphene, 40×44 positions, 1e5 e/pattern",
        [
            Figure("descan [px]"),
            Figure("centre [px]"),
            Figure("radius [%]", digits=2),
            Figure("alone [px]"),
        ],
    )
    for seed in seeds()[:3]:
        rotation, handedness = drawn(seed)
        data, axes = turned_scan(rotation, handedness, dose=1e5, descan=DESCAN, seed=seed)
        still, _ = turned_scan(rotation, handedness)
        found, alone = measure(data, axes), measure(still, axes)
        iy, ix = np.indices(data.shape[:2])
        beam = [
            39 + margin + iy / 39 * DESCAN[0][axis] + ix / 43 * DESCAN[1][axis]
            for axis, margin in enumerate(MARGIN)
        ]
        true = np.stack(beam, axis=-1)
        center = true.mean(axis=(0, 1))
        table.add(
            seed,
            [
                np.abs(found.descan.positions - true).max(),
                np.abs(np.subtract(found.disc.center, center)).max(),
                100 * abs(found.disc.radius / RADIUS[1] - 1),
                np.abs(alone.descan.departure).max(),
            ],
        )
    table.close()
