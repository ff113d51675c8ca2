"""Simulate the shipped samples: ``python -m stemwidgets.samples.make [NAME ...]``.

It takes the extra ``simulate`` (abTEM), and a few minutes for all of them.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stemwidgets.arrays.files.atomic import written
from stemwidgets.samples import structures
from stemwidgets.samples.simulation import simulate

FOLDER = Path(__file__).parent
STEP = 0.28  # Å, of the scans that are not of one cell
# pixels, mrad and Å
CAMERA: dict[str, Any] = {"detector_shape": (36, 36), "max_angle": 50.0, "slice_thickness": 4.0}
CRYSTAL: dict[str, Any] = {  # keV, mrad, pixels, mrad, Å and Å
    "beam_energy": 200.0,
    "semi_angle": 25.0,
    "detector_shape": (40, 40),
    "max_angle": 40.0,
    "slice_thickness": 1.0,
    "sampling": 0.1,
}


def graphene(progress: bool) -> Any:
    """Simulate one cell: atoms, hexagon centres and bonds along x lie on scan positions."""
    (height, width), (rows, columns) = structures.GRAPHENE_CELL, (14, 24)
    return simulate(
        structures.graphene(),
        scan_shape=(rows, columns),
        scan_start=(-3 * height / rows, -2 * width / columns),
        detector_shape=(78, 78),
        repeats=(20, 12),
        sampling=(0.124, 0.119),
        slice_thickness=4.0,
        progress=progress,
    )


def graphene_silicon(progress: bool) -> Any:
    """Simulate the Si atom at scan position (12, 22)."""
    return _around_a_defect("si3", (12, 22), progress)


def graphene_vacancy(progress: bool) -> Any:
    """Simulate the vacancy at scan position (19, 12)."""
    return _around_a_defect("vacancy", (19, 12), progress)


def graphene_grains(progress: bool) -> Any:
    """Simulate the boundary between the columns 22 and 23."""
    shape = (30, 46)
    atoms = structures.graphene_grains(np.radians(16.0))
    return simulate(
        atoms,
        scan_shape=shape,
        scan_start=(13.8, atoms.info["boundary_x"] - 22.5 * STEP),
        scan_size=(shape[0] * STEP, shape[1] * STEP),
        repeats=(1, 1),
        progress=progress,
        **CAMERA,
    )


def zincblende(progress: bool) -> Any:
    """Simulate one cell of ZnS."""
    atoms = structures.zincblende("ZnS", "110", thickness=20.0)
    return simulate(atoms, scan_shape=(36, 26), progress=progress, **CRYSTAL)


def diamond(progress: bool) -> Any:
    """Simulate two cells of diamond side by side, in steps like those of `zincblende`."""
    atoms = structures.zincblende("C", "110", thickness=20.0)
    size = (float(atoms.cell[1, 1]), 2 * float(atoms.cell[0, 0]))
    return simulate(atoms, scan_shape=(24, 34), scan_size=size, progress=progress, **CRYSTAL)


def experiment(progress: bool) -> Any:
    """Simulate a quarter of a cell with Si in its corner: two mirrors give the rest of the scan.

    Atoms lie on pixels of the wave, so that the mirrors hold exactly. The steps are finer than
    λ/4α, so that the scan is known between them (`stemwidgets.samples.band_limited`).
    """
    atoms, count = structures.graphene("si4", (5, 3)), 36
    site, (height, width) = atoms.info["sites"], (atoms.cell[1, 1], atoms.cell[0, 0])
    quarter = count // 2 + 1
    return simulate(
        atoms,
        scan_shape=(quarter, quarter),
        scan_start=(site["y"][0], site["x"][0]),
        scan_size=(quarter * height / count, quarter * width / count),
        detector_shape=(97, 101),
        repeats=(3, 3),
        sampling=(height / 100, width / 108),
        slice_thickness=4.0,
        progress=progress,
    )


def _around_a_defect(defect: str, place: tuple[int, int], progress: bool) -> Any:
    shape = (30, 34)
    atoms = structures.graphene(defect)
    site = atoms.info["sites"]
    return simulate(
        atoms,
        scan_shape=shape,
        scan_start=(site["y"][0] - place[0] * STEP, site["x"][0] - place[1] * STEP),
        scan_size=(shape[0] * STEP, shape[1] * STEP),
        repeats=(1, 1),
        progress=progress,
        **CAMERA,
    )


# electrons per pattern, what 16 bits hold and the package has room for; and chunks of the file
ALL: dict[str, tuple[Callable[[bool], Any], float, tuple[int, int, int, int]]] = {
    # these chunks bring the two equal halves of the cell into one window of gzip
    "graphene": (graphene, 1e7, (14, 24, 13, 6)),
    "graphene_silicon": (graphene_silicon, 1e6, (30, 34, 6, 6)),
    "graphene_vacancy": (graphene_vacancy, 1e6, (30, 34, 6, 6)),
    "graphene_grains": (graphene_grains, 1e6, (30, 46, 6, 6)),
    "zincblende": (zincblende, 4e5, (36, 26, 8, 8)),
    "diamond": (diamond, 4e5, (24, 34, 8, 8)),
    "experiment": (experiment, 1e7, (19, 19, 8, 8)),
}


def as_counts(signal: Any, dose: float) -> Any:
    """The expectation of a scan in shares of the beam, rounded to counts, for so many electrons."""
    shares = np.clip(signal.data.astype(float), 0, None)
    signal.data = np.rint(shares * (dose / shares.sum(axis=(2, 3)).mean())).astype(np.uint16)
    signal.metadata.set_item("Acquisition_instrument.TEM.dose", dose)
    signal.metadata.set_item("Signal.quantity", "Intensity (counts)")
    made = signal.original_metadata.simulation
    made.dose = dose
    made.noise = "none: expected counts, rounded"
    made.call = "python -m stemwidgets.samples.make"
    return signal


def write(name: str, folder: Path = FOLDER, progress: bool = True) -> Path:
    """Simulate one of the samples in `ALL`, write its file into a folder, and return its path."""
    simulated, dose, chunks = ALL[name]
    signal = as_counts(simulated(progress), dose)
    path = folder / f"{name}.hspy"
    with written(path) as part:
        signal.save(
            part,
            overwrite=True,
            chunks=chunks,
            compression="gzip",
            compression_opts=9,
            shuffle=True,
        )
    return path


def main() -> None:
    """Simulate and write samples."""
    parser = argparse.ArgumentParser(description="Simulate the shipped samples with abTEM.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL))
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the files")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(ALL):
        parser.error(
            f"no sample is called {', '.join(sorted(unknown))}; there are {', '.join(ALL)}"
        )
    for name in arguments.names or ALL:
        write(name, arguments.out)


if __name__ == "__main__":
    main()
