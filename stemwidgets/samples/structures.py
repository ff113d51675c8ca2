"""Atoms to simulate: graphene, its defects and grains, and crystals with the zincblende structure.

Each function gives an ``ase.Atoms`` in a rectangular cell, the beam along z, x along the columns of
a scan and y down its rows [Å]. ``atoms.info`` holds a title, how the structure was made, and the
truth that a test needs: the sites of defects, the angle between grains. Nothing is relaxed. An
argument that is not known or out of range gives an InputError; without ase there is an ImportError.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from stemwidgets.arrays.errors import InputError
from stemwidgets.samples.extra import required

if TYPE_CHECKING:
    from ase import Atoms

GRAPHENE_CELL = (2.464, 4.268)  # y, x [Å]
GRAPHENE_BASIS = ((0.0, 0.0), (0.0, 1 / 3), (1 / 2, 1 / 2), (1 / 2, 5 / 6))  # shares of the cell
VACUUM = 4.0  # height of the cell of a single layer [Å]
LATTICE_CONSTANTS = {"ZnS": 5.409, "GaAs": 5.653, "InP": 5.869, "C": 3.567, "Si": 5.431}  # [Å]
DEFECTS = {  # name of the site, words of the title
    "si3": ("Si on a C site", "a threefold Si"),
    "si4": ("Si in a divacancy", "a Si in a divacancy"),
    "vacancy": ("vacancy", "a vacancy"),
}
CLOSEST = 1.2  # carbon atoms at a grain boundary that are closer are thinned [Å]


def graphene(defect: str | None = None, repeats: tuple[int, int] | None = None) -> "Atoms":
    """Graphene with its armchair direction along x.

    Parameters
    ----------
    defect : {None, "si3", "si4", "vacancy"}
        ``"si3"``: one carbon atom is replaced by silicon, bonded to three; ``"si4"``: two carbon
        atoms, neighbours along x, are replaced by one silicon atom midway, bonded to four (silicon
        in a divacancy); ``"vacancy"``: one carbon atom is missing. The atoms around it stay where
        they were: in nature threefold silicon buckles out of the layer, and the neighbours move.
    repeats : (int, int), optional
        Repeats of the cell of 2.464 × 4.268 Å along (y, x): (1, 1) without a defect, else
        (14, 8), with the defect in the middle.
    """
    ase = required("ase")
    if defect is not None and defect not in DEFECTS:
        known = ", ".join(f'"{name}"' for name in DEFECTS)
        raise InputError(f"defect must be None or one of {known}, got {defect!r}.")
    down, along = _repeats(repeats or ((1, 1) if defect is None else (14, 8)))
    (height, width), z = GRAPHENE_CELL, VACUUM / 2
    places = [(x * width, y * height, z) for y, x in GRAPHENE_BASIS]
    cell = ase.Atoms("C4", positions=places, cell=(width, height, VACUUM), pbc=True)
    atoms = cell.repeat((along, down, 1))
    atoms.info = {"title": "Graphene", "made": "ideal lattice"}
    if defect is None:
        return atoms
    x, y = _put_defect(atoms, defect)
    name, title = DEFECTS[defect]
    atoms.info = {
        "title": f"Graphene with {title}",
        "made": "ideal lattice with a defect put in by hand, not relaxed",
        "sites": {"name": [name], "y": np.array([y]), "x": np.array([x])},
    }
    return atoms


def graphene_grains(
    rotation: float = np.radians(16.0), size: tuple[float, float] = (36.0, 40.0)
) -> "Atoms":
    """Two grains of graphene side by side, the right one turned; the boundary runs along y.

    Parameters
    ----------
    rotation : float
        Angle of the right lattice against the left [rad]; positive turns +x towards +y.
    size : (float, float)
        Height and width of the cell [Å]. The boundary is in the middle; scan around it, as the
        lattices do not fit together at the edges of the cell.
    """
    ase = required("ase")
    if not np.isfinite(rotation) or not min(size) >= 20:
        raise InputError(
            f"Expected a rotation in rad and a cell of at least 20 × 20 Å, got {rotation!r} and "
            f"{size!r}."
        )
    height, width = size
    left = _honeycomb(0.0, size)
    right = _honeycomb(rotation, size)
    left, right = left[left[:, 0] < width / 2], right[right[:, 0] >= width / 2]
    apart = np.linalg.norm(left[:, None] - right[None], axis=2).min(axis=0)
    places = np.concatenate([left, right[apart >= CLOSEST]])
    positions = np.column_stack([places, np.full(len(places), VACUUM / 2)])
    atoms = ase.Atoms(
        f"C{len(places)}", positions=positions, cell=(width, height, VACUUM), pbc=True
    )
    atoms.info = {
        "title": f"Two grains of graphene, {np.degrees(rotation):.4g}° apart",
        "made": "two ideal lattices joined by hand, not relaxed",
        "rotation": float(rotation),
        "boundary_x": width / 2,
    }
    return atoms


def zincblende(compound: str = "ZnS", zone: str = "110", thickness: float = 20.0) -> "Atoms":
    """A crystal with the zincblende structure, or, of one element, the diamond structure.

    Seen along [110] it is made of dumbbells a quarter of the lattice constant long, along y; their
    middles are centres of inversion if both atoms are alike.

    Parameters
    ----------
    compound : {"ZnS", "GaAs", "InP", "C", "Si"}
        ``"C"`` and ``"Si"`` are the centrosymmetric controls.
    zone : {"110", "001"}
        Direction of the beam. Along [110] y is [001] and x is [-110].
    thickness : float
        Least thickness [Å]; the crystal has a whole number of cells.
    """
    ase = required("ase")
    if compound not in LATTICE_CONSTANTS or zone not in ("110", "001"):
        raise InputError(
            f"Expected one of {', '.join(LATTICE_CONSTANTS)} along 110 or 001, got {compound!r} "
            f"along {zone!r}."
        )
    if not 0 < thickness < 1e4:
        raise InputError(f"thickness must be a positive number of Å, got {thickness!r}.")
    a = LATTICE_CONSTANTS[compound]
    elements = ["Zn", "S"] if compound == "ZnS" else [compound[:2], compound[2:] or compound]
    quarter = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]]) / 4
    cubic = np.concatenate([quarter, quarter + 0.25])
    symbols = [elements[0]] * 4 + [elements[1]] * 4
    if zone == "001":
        cell, shares = np.array([a, a, a]), cubic
    else:
        half = a / np.sqrt(2)
        cell = np.array([half, a, half])  # [-110], [001], [110]
        shares = np.stack(
            [cubic[:, 1] - cubic[:, 0], cubic[:, 2], cubic[:, 0] + cubic[:, 1]], axis=1
        )
    shares = np.round(shares % 1, 9) % 1
    _, first = np.unique(shares, axis=0, return_index=True)
    atoms = ase.Atoms(
        [symbols[i] for i in first], positions=shares[first] * cell, cell=cell, pbc=True
    )
    atoms = atoms.repeat((1, 1, int(np.ceil(thickness / cell[2] - 1e-6))))
    name = {"C": "Diamond", "Si": "Silicon"}.get(compound, compound)
    atoms.info = {"title": f"{name} [{zone}]", "made": "ideal lattice"}
    return atoms


def _put_defect(atoms: Any, defect: str) -> tuple[float, float]:
    """Put a defect into the middle of a cell of graphene; gives its place (x, y) [Å]."""
    middle = np.diag(atoms.cell)[:2] / 2
    site = int(np.linalg.norm(atoms.positions[:, :2] - middle, axis=1).argmin())
    x, y, _ = atoms.positions[site]
    if defect == "vacancy":
        del atoms[site]
        return float(x), float(y)
    atoms[site].symbol = "Si"
    if defect == "si4":
        away = atoms.positions[:, :2] - (x, y)
        level = np.abs(away[:, 1]) < 0.1
        near = np.where(level, np.abs(away[:, 0]), np.inf)
        near[site] = np.inf
        partner = int(near.argmin())
        x = float(x + away[partner, 0] / 2)
        atoms.positions[site, 0] = x
        del atoms[partner]
    return float(x), float(y)


def _repeats(repeats: Any) -> tuple[int, int]:
    try:
        down, along = (int(number) for number in repeats)
    except (TypeError, ValueError):
        down = along = 0
    if min(down, along) < 1:
        raise InputError(f"repeats must be two positive whole numbers (y, x), got {repeats!r}.")
    return down, along


def _honeycomb(rotation: float, size: tuple[float, float]) -> np.ndarray:
    """Places (x, y) of the atoms of a turned lattice within a cell, about its middle."""
    height, width = size
    reach = np.hypot(height, width)
    down, along = (int(reach / length) for length in GRAPHENE_CELL)
    j, i = np.mgrid[-down : down + 1, -along : along + 1]
    y = np.concatenate([(j.ravel() + b) * GRAPHENE_CELL[0] for b, _ in GRAPHENE_BASIS])
    x = np.concatenate([(i.ravel() + b) * GRAPHENE_CELL[1] for _, b in GRAPHENE_BASIS])
    cos, sin = np.cos(rotation), np.sin(rotation)
    places = np.stack([cos * x - sin * y + width / 2, sin * x + cos * y + height / 2], axis=1)
    inside = ((places >= 0) & (places < (width, height))).all(axis=1)
    return places[inside]
