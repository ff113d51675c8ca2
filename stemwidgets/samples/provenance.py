"""Provenance of a simulated scan: its atoms, its making, and the truth about it."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.samples.faults import Faults
from stemwidgets.samples.settings import Pair, Settings


def describe(
    signal: Any, atoms: Any, cell: Pair, settings: Settings, versions: dict[str, str]
) -> None:
    """Write calibration, atoms, settings and truth into the metadata of a signal.

    Parameters
    ----------
    signal : pyxem.signals.ElectronDiffraction2D
        The scan.
    atoms : ase.Atoms
        One cell, described in its ``info``.
    cell : (float, float)
        Height and width of the cell [Å].
    settings : Settings
        Settings of the simulation.
    versions : dict of str
        Versions of the packages.
    """
    signal.set_experimental_parameters(
        beam_energy=settings.beam_energy, convergence_angle=settings.semi_angle
    )
    if settings.dose is not None:
        signal.metadata.set_item("Acquisition_instrument.TEM.dose", float(settings.dose))
    what = "share of the beam" if settings.dose is None else "counts"
    signal.metadata.set_item("Signal.quantity", f"Intensity ({what})")
    made = {name: _plain(value) for name, value in asdict(settings).items()}
    signal.original_metadata.add_dictionary(
        {
            "atoms": atoms_in_scan(atoms, cell, settings),
            "structure": _structure(atoms.info, settings),
            "simulation": {
                **made,
                "cell": np.array(cell),
                "potential": "lobato, infinite projection",
                "probe": "no aberrations but defocus",
                "versions": versions,
            },
        }
    )


def tell_truth(
    signal: Any,
    faults: Faults,
    position: NDArray[np.float64],
    descan: NDArray[np.float64],
    com: NDArray[np.float64],
) -> None:
    """Write the faults of a scan, and the quantities without them, into its metadata.

    Parameters
    ----------
    signal : pyxem.signals.ElectronDiffraction2D
        The scan.
    faults : Faults
        Faults of its camera.
    position : ndarray, shape [iy, ix, 2]
        Positions of the probe, (y, x) [Å].
    descan : ndarray, shape [iy, ix, 2]
        Shift of each pattern, (y, x) [pixels].
    com : ndarray, shape [iy, ix, 2]
        COM without noise, descan and faults of pixels, (y, x) from the optic axis [pixels].
    """
    maps = {"com": (com, "px"), "position": (position, "Å"), "descan": (descan, "px")}
    signal.original_metadata.add_dictionary(
        {
            "camera": {**asdict(faults.camera), "seed": faults.seed},
            "truth": {
                **{
                    name: {"y": values[..., 0], "x": values[..., 1], "units": units}
                    for name, (values, units) in maps.items()
                },
                "gain": faults.gain,
                "blind": faults.blind,
                "hot": {**_places(faults.hot), "level": faults.hot_level},
                "dead": {
                    "rows": faults.dead_rows,
                    "columns": faults.dead_columns,
                    "pixels": _places(faults.dead_pixels),
                },
                "cosmic_rays": {**_places(faults.cosmic), "level": faults.cosmic_level},
            },
        }
    )


def _places(places: NDArray[np.int64]) -> dict[str, Any]:
    names = ("iy", "ix", "ky", "kx")
    return dict(zip(names[-places.shape[1] :], places.T, strict=True))


def atoms_in_scan(atoms: Any, cell: Pair, settings: Settings) -> dict[str, Any]:
    """Elements and places of the columns of atoms in a scan, in the frame of its axes [Å]."""
    places = settings.positions() / cell
    low = np.floor(places.min(axis=(0, 1))).astype(int) - 1
    high = np.ceil(places.max(axis=(0, 1))).astype(int) + 1
    j, i = np.mgrid[low[0] : high[0] + 1, low[1] : high[1] + 1]
    y = (atoms.positions[:, 1] + j.reshape(-1, 1) * cell[0]).ravel()
    x = (atoms.positions[:, 0] + i.reshape(-1, 1) * cell[1]).ravel()
    elements = np.tile(np.array(atoms.get_chemical_symbols()), j.size)
    y, x = (np.round(values, 11) + 0.0 for values in settings.in_scan(y, x))
    inside = (y > -1e-6) & (x > -1e-6)
    inside &= (y < settings.scan_size[0] - 1e-6) & (x < settings.scan_size[1] - 1e-6)
    found = zip(elements[inside].tolist(), y[inside].tolist(), x[inside].tolist(), strict=True)
    columns = sorted(set(found), key=lambda column: column[1:])
    return {
        "element": [element for element, _, _ in columns],
        "y": np.array([down for _, down, _ in columns]),
        "x": np.array([along for _, _, along in columns]),
    }


def _structure(info: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Known features of the specimen, their places in the frame of the scan axes."""
    told = {name: _plain(value) for name, value in info.items()}
    if "sites" in info:
        sites = info["sites"]
        y, x = settings.in_scan(sites["y"], sites["x"])
        told["sites"] = {"name": list(sites["name"]), "y": y, "x": x}
    if "boundary_x" in info:
        told["boundary_x"] = info["boundary_x"] - settings.scan_start[1]
    return told


def _plain(value: Any) -> Any:
    """Value in a form that files hold."""
    if value is None:
        return "none"
    return np.array(value) if isinstance(value, tuple) else value
