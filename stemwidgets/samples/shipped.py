"""The files of the samples, opened, blurred by a source and given the noise of a dose."""

from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.conversion import signal_to_arrays
from stemwidgets.signals.io.load import load

LARGEST_SOURCE = 10.0  # Å: beyond it no column of atoms is left to see


def open_sample(name: str, dose: float | None, seed: int) -> Any:
    """A shipped scan, with a dose in electrons per pattern, or the expected counts."""
    require_dose(dose)
    signal = load(Path(__file__).with_name(f"{name}.hspy"))
    return signal if dose is None else _counted(signal, signal.data.astype(float), dose, seed)


def open_cell(name: str, dose: float | None, seed: int, source_size: float) -> Any:
    """A shipped scan of whole cells, so that it goes on periodically.

    Parameters
    ----------
    name, dose, seed
        As for `open_sample`.
    source_size : float
        Full width at half maximum of the source [Å].

    Raises
    ------
    InputError
        If the dose is not from above 0 to 10⁸, or the source not from 0 to 10 Å.
    """
    require_source(source_size)
    if not source_size:
        return open_sample(name, dose, seed)
    require_dose(dose)
    signal = load(Path(__file__).with_name(f"{name}.hspy"))
    axes = signal_to_arrays(signal)[1]
    width = source_size / np.sqrt(8 * np.log(2))
    steps = width / axes.scan_y.scale, width / axes.scan_x.scale
    expected = ndimage.gaussian_filter(signal.data.astype(float), steps, axes=(0, 1), mode="wrap")
    signal.original_metadata.simulation.source_size = float(source_size)
    if dose is not None:
        return _counted(signal, expected, dose, seed)
    signal.data = np.rint(expected).astype(np.uint16)
    return signal


def _counted(signal: Any, expected: np.ndarray, dose: float, seed: int) -> Any:
    expected *= dose * expected.shape[0] * expected.shape[1] / expected.sum()
    counts = np.random.default_rng(seed).poisson(expected)
    signal.data = counts.astype(np.uint16 if counts.max() < 2**16 else np.uint32)
    signal.metadata.Acquisition_instrument.TEM.dose = float(dose)
    return signal


def require_dose(dose: float | None) -> None:
    """Refuse a number of electrons per pattern that is not from above 0 to 10⁸."""
    if dose is not None and not (isinstance(dose, Real) and 0 < dose <= 1e8):
        raise InputError(f"dose must be between 0 and 1e8 electrons per pattern, got {dose!r}.")


def require_source(source_size: float) -> None:
    """Refuse a width of the source that is not from 0 to 10 Å."""
    if not (isinstance(source_size, Real) and 0 <= source_size <= LARGEST_SOURCE):
        raise InputError(f"source_size must be a width from 0 to 10 Å, got {source_size!r}.")
