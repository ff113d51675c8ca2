"""Simulate the graphene sample with abTEM and write ``graphene.hspy``.

Run it as ``python -m stemwidgets.samples.simulate_graphene`` with the extra ``simulate`` installed.

One rectangular cell is scanned, with the long side (armchair direction) along x. The supercell and
its grid are chosen so that every atom lies on a grid point and the detector pixels are those of the
supercell; the scan is placed so that atoms, hexagon centres and the bonds along x lie on scan
positions.
"""

import argparse
from importlib.metadata import version
from pathlib import Path
from typing import Any

import abtem
import ase
import dask
import numpy as np

from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.signals.axes import arrays_to_signal

CELL = (2.464, 4.268)  # y, x [Å]
REPEATS = (20, 12)
GPTS = (400, 432)
BASIS = ((0.0, 0.0), (0.0, 1 / 3), (1 / 2, 1 / 2), (1 / 2, 5 / 6))  # fractions of the cell, y, x
THICKNESS = 4.0  # of the supercell [Å]: one slice

BEAM_ENERGY = 60.0  # keV
SEMI_ANGLE = 32.0  # mrad
SCAN_SHAPE = (14, 24)
FIRST_ATOM = (3, 2)  # scan position
PATTERN_SIZE = 78
DOSE = 1e7  # electrons per pattern

CHUNKS = (14, 24, 13, 6)  # brings the two equal halves of the cell into one window of gzip


def supercell() -> ase.Atoms:
    """Graphene in abTEM's frame, (x, y, z) in Å."""
    positions = [(x * CELL[1], y * CELL[0], THICKNESS / 2) for y, x in BASIS]
    cell = ase.Atoms("C4", positions=positions, cell=(CELL[1], CELL[0], THICKNESS), pbc=True)
    return cell.repeat((REPEATS[1], REPEATS[0], 1))


def step() -> tuple[float, float]:
    """Distance between scan positions, (y, x) in Å."""
    return (CELL[0] / SCAN_SHAPE[0], CELL[1] / SCAN_SHAPE[1])


def simulate() -> np.ndarray:
    """Share of the beam in every detector pixel, ``[iy, ix, ky, kx]``, optic axis at size // 2."""
    potential = abtem.Potential(
        supercell(),
        gpts=(GPTS[1], GPTS[0]),
        slice_thickness=THICKNESS,
        parametrization="lobato",
        projection="infinite",
    )
    probe = abtem.Probe(energy=BEAM_ENERGY * 1e3, semiangle_cutoff=SEMI_ANGLE)
    corner_y, corner_x = (
        (repeats // 2) * length - index * distance
        for repeats, length, index, distance in zip(REPEATS, CELL, FIRST_ATOM, step(), strict=True)
    )
    scan = abtem.GridScan(
        start=(corner_x, corner_y),
        end=(corner_x + CELL[1], corner_y + CELL[0]),
        gpts=(SCAN_SHAPE[1], SCAN_SHAPE[0]),
        endpoint=False,
    )
    detector = abtem.PixelatedDetector(max_angle=None)
    patterns = probe.scan(potential, scan=scan, detectors=detector, lazy=False)
    every = np.asarray(patterns.array).transpose(1, 0, 3, 2)
    top, left = (size // 2 - PATTERN_SIZE // 2 for size in GPTS)
    return every[..., top : top + PATTERN_SIZE, left : left + PATTERN_SIZE]


def axes() -> Axes:
    """Calibration of the simulated scan: Å and 1/Å."""
    step_y, step_x = step()
    ky, kx = (
        Axis(PATTERN_SIZE, pixel, -(PATTERN_SIZE // 2) * pixel, "1/Å")
        for pixel in (1 / (repeats * length) for repeats, length in zip(REPEATS, CELL, strict=True))
    )
    return Axes(Axis(SCAN_SHAPE[0], step_y, 0, "Å"), Axis(SCAN_SHAPE[1], step_x, 0, "Å"), ky, kx)


def atoms_in_scan() -> dict[str, Any]:
    """Elements and positions [Å] of the atoms, in the frame of the scan axes."""
    first = np.array(FIRST_ATOM) * step()
    y, x = (np.array(BASIS) * CELL + first).T % np.array(CELL)[:, None]
    return {"element": ["C"] * len(BASIS), "y": y, "x": x}


def as_sample(patterns: np.ndarray) -> Any:
    """The signal to ship: counts with calibration, metadata and provenance."""
    counts = np.rint(patterns * (DOSE / patterns.sum(axis=(2, 3)).mean())).astype(np.uint16)
    signal = arrays_to_signal(counts, axes(), "Graphene, simulated")
    signal.set_experimental_parameters(beam_energy=BEAM_ENERGY, convergence_angle=SEMI_ANGLE)
    signal.metadata.set_item("Acquisition_instrument.TEM.dose", DOSE)
    signal.metadata.set_item("Signal.quantity", "Intensity (counts)")
    signal.original_metadata.add_dictionary(
        {
            "atoms": atoms_in_scan(),
            "simulation": {
                "script": "stemwidgets/samples/simulate_graphene.py",
                "versions": {name: version(name) for name in ("abtem", "ase", "numpy")},
                "cell_y_x_in_angstrom": np.array(CELL),
                "repeats_y_x": np.array(REPEATS),
                "gpts_y_x": np.array(GPTS),
                "potential": "lobato, infinite projection, one slice, static atoms",
                "probe": "coherent, no aberrations",
                "electrons_per_pattern": DOSE,
                "rounded_to": "counts",
            },
        }
    )
    return signal


def main() -> None:
    """Simulate and write the file."""
    parser = argparse.ArgumentParser(description="Simulate the graphene sample with abTEM.")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("graphene.hspy"))
    path = parser.parse_args().out
    with dask.config.set(scheduler="synchronous"), abtem.config.set({"precision": "float64"}):
        signal = as_sample(simulate())
    signal.save(
        path,
        overwrite=True,
        chunks=CHUNKS,
        compression="gzip",
        compression_opts=9,
        shuffle=True,
    )


if __name__ == "__main__":
    main()
