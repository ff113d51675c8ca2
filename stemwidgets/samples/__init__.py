"""Small scans that come with the package."""

from pathlib import Path
from typing import Any

import numpy as np

from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.load import load

__all__ = ["graphene"]


def graphene(dose: float | None = None, seed: int = 0) -> Any:
    """Graphene scanned over one 4.268 × 2.464 Å cell: 24 × 14 patterns of 78 × 78 pixels.

    Simulated at 60 kV with an aberration-free 32 mrad probe (``samples/simulate_graphene.py``).
    The four atoms are listed in ``original_metadata.atoms``.

    Parameters
    ----------
    dose : float, optional
        Mean number of electrons per pattern, drawn from a Poisson distribution. Without it, the
        noise-free expectation at 10⁷ electrons per pattern, rounded to counts.
    seed : int
        Of the Poisson draw: the same seed gives the same counts.

    Returns
    -------
    pyxem.signals.ElectronDiffraction2D
        Counts (uint16), scan axes in Å from 0, detector axes in 1/Å from the optic axis.

    Raises
    ------
    InputError
        If `dose` is not a positive number, or more than 10⁸.
    """
    signal = load(Path(__file__).with_name("graphene.hspy"))
    if dose is None:
        return signal
    if not 0 < dose <= 1e8:
        raise InputError(f"dose must be between 0 and 1e8 electrons per pattern, got {dose!r}.")
    counts = signal.data.astype(float)
    counts *= dose * counts.shape[0] * counts.shape[1] / counts.sum()
    signal.data = np.random.default_rng(seed).poisson(counts).astype(np.uint16)
    signal.metadata.Acquisition_instrument.TEM.dose = float(dose)
    return signal
