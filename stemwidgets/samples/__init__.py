"""Small simulated scans that come with the package, and the means to simulate others.

=========================  ==========================================  ================  ==========
Function                   Specimen                                    Scan × detector   Microscope
=========================  ==========================================  ================  ==========
``graphene()``             graphene, one cell; the source of any size  14×24 × 78×78     60 kV,
                                                                                         32 mrad
``graphene_silicon()``     graphene, Si on a C site (threefold)        30×34 × 36×36     the same
``graphene_vacancy()``     graphene, one C missing                     30×34 × 36×36     the same
``graphene_grains()``      two grains of graphene, 16° apart           30×46 × 36×36     the same
``zincblende()``           ZnS along [110], one cell, 2.3 nm thick     36×26 × 40×40     200 kV,
                                                                                         25 mrad
``diamond()``              diamond along [110], two cells, 2.0 nm      24×34 × 40×40     the same
``experiment()``           graphene, Si in a divacancy; all faults     64×64 × 44×44     60 kV,
                           of an experiment                                              32 mrad
=========================  ==========================================  ================  ==========

All were simulated by multislice with a coherent probe without aberrations and atoms at rest
(``python -m stemwidgets.samples.make`` makes them again). Defects and grain boundaries were put
together by hand and not relaxed. Each function takes a dose, in electrons per pattern, and a seed;
without a dose it gives the expected counts, noise-free. Scan axes are in Å from the first position,
detector axes in 1/Å from the optic axis. ``signal.original_metadata`` holds the ``atoms`` in the
scan, the ``structure`` with what is known of it (the place of a defect, the angle between grains)
and all settings of the ``simulation``.

``structures`` has the atoms of these and others, for `stemwidgets.simulate`.
"""

from typing import Any

from stemwidgets.samples import structures
from stemwidgets.samples.experiment_scan import EXPERIMENT_CAMERA, experiment
from stemwidgets.samples.shipped import open_cell, open_sample

__all__ = [
    "EXPERIMENT_CAMERA",
    "diamond",
    "experiment",
    "graphene",
    "graphene_grains",
    "graphene_silicon",
    "graphene_vacancy",
    "structures",
    "zincblende",
]


def graphene(dose: float | None = None, seed: int = 0, source_size: float = 0.0) -> Any:
    """Graphene scanned over one 4.268 × 2.464 Å cell: 24 × 14 patterns of 78 × 78 pixels.

    Simulated at 60 kV with an aberration-free 32 mrad probe. The four atoms are listed in
    ``original_metadata.atoms``.

    Parameters
    ----------
    dose : float, optional
        Mean number of electrons per pattern, drawn from a Poisson distribution. Without it, the
        noise-free expectation at 10⁷ electrons per pattern, rounded to counts.
    seed : int
        Seed of the Poisson draw: the same seed gives the same counts.
    source_size : float
        Full width at half maximum of the source, a Gaussian in the specimen [Å]; 0 is a coherent
        probe. As the scan is one whole cell, the blur is exact.

    Returns
    -------
    pyxem.signals.ElectronDiffraction2D
        Counts (uint16), scan axes in Å from 0, detector axes in 1/Å from the optic axis.

    Raises
    ------
    InputError
        If `dose` is not a positive number, or more than 10⁸; if `source_size` is not from 0 to
        10 Å.
    """
    return open_cell("graphene", dose, seed, source_size)


def graphene_silicon(dose: float | None = None, seed: int = 0) -> Any:
    """Graphene in which a silicon atom takes the place of a carbon atom, bonded to three.

    34 × 30 patterns of 36 × 36 pixels, 0.28 Å apart, simulated at 60 kV with an aberration-free
    32 mrad probe. All atoms lie where they would in ideal graphene: unrelaxed, made by hand. The
    place of the silicon atom is in ``original_metadata.structure.sites``.

    Parameters
    ----------
    dose, seed
        As for `graphene`, as are the result and the errors; without a dose the expectation at
        10⁶ electrons per pattern.
    """
    return open_sample("graphene_silicon", dose, seed)


def graphene_vacancy(dose: float | None = None, seed: int = 0) -> Any:
    """Graphene in which one carbon atom is missing.

    34 × 30 patterns of 36 × 36 pixels, 0.28 Å apart, simulated at 60 kV with an aberration-free
    32 mrad probe. The other atoms lie where they would in ideal graphene: unrelaxed, made by hand.
    The place of the vacancy is in ``original_metadata.structure.sites``.

    Parameters
    ----------
    dose, seed
        As for `graphene`, as are the result and the errors; without a dose the expectation at
        10⁶ electrons per pattern.
    """
    return open_sample("graphene_vacancy", dose, seed)


def graphene_grains(dose: float | None = None, seed: int = 0) -> Any:
    """Two grains of graphene, the right one turned by 16° (clockwise on the screen).

    46 × 30 patterns of 36 × 36 pixels, 0.28 Å apart, simulated at 60 kV with an aberration-free
    32 mrad probe. Two ideal lattices were joined along a straight boundary, and atoms closer than
    1.2 Å thinned: unrelaxed, made by hand. ``original_metadata.structure`` holds the `rotation`
    [rad] and `boundary_x`, the place of the boundary [Å].

    Parameters
    ----------
    dose, seed
        As for `graphene`, as are the result and the errors; without a dose the expectation at
        10⁶ electrons per pattern.
    """
    return open_sample("graphene_grains", dose, seed)


def zincblende(dose: float | None = None, seed: int = 0, source_size: float = 0.0) -> Any:
    """ZnS along [110], one 3.825 × 5.409 Å cell: 26 × 36 patterns of 40 × 40 pixels.

    Simulated at 200 kV with an aberration-free 25 mrad probe, 23 Å thick. Dumbbells of Zn and S lie
    along y: there is no centre of inversion. `diamond` is the control.

    Parameters
    ----------
    dose, seed, source_size
        As for `graphene`, as are the result and the errors; without a dose the expectation at
        4·10⁵ electrons per pattern.
    """
    return open_cell("zincblende", dose, seed, source_size)


def diamond(dose: float | None = None, seed: int = 0, source_size: float = 0.0) -> Any:
    """Diamond along [110], two 2.522 × 3.567 Å cells: 34 × 24 patterns of 40 × 40 pixels.

    The centrosymmetric control of `zincblende`: the same microscope and detector, steps of the same
    length within 1 %, 20 Å thick. The middles of the dumbbells are centres of inversion.

    Parameters
    ----------
    dose, seed, source_size
        As for `graphene`, as are the result and the errors; without a dose the expectation at
        4·10⁵ electrons per pattern.
    """
    return open_cell("diamond", dose, seed, source_size)
