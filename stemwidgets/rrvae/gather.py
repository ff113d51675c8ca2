"""From a scan of any size to the coefficients that stay in memory."""

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.checks import require_patterns
from stemwidgets.arrays.memory import require_room
from stemwidgets.arrays.preparation import Preparation
from stemwidgets.rrvae import processes
from stemwidgets.rrvae.basis import Float, HarmonicBasis, fit_basis
from stemwidgets.rrvae.batches import batches
from stemwidgets.rrvae.fingerprint import Fingerprint
from stemwidgets.rrvae.generators import scaled
from stemwidgets.rrvae.sampling import preparing, require_enough

BATCH = 256
MOVED = 2**16  # patterns at once
LEAST_NUMBERS = 32  # of a pattern, before they are counted


@dataclass(frozen=True, eq=False)
class Gathered:
    """Everything that training needs of a scan; of several processes each has its own part.

    Parameters
    ----------
    preparation : Preparation
        Which pixels are used.
    basis : HarmonicBasis
        What they are projected on.
    coefficients : ndarray, shape [n, 2 * components]
        Of the patterns that have counts.
    left_out : ndarray, shape [n]
        Energy of each outside the basis.
    filled : ndarray of bool, shape [...]
        Which patterns have counts.
    relative_dose : ndarray of float32, shape [n]
        Counts of each pattern over those of the mean pattern.
    fingerprint : Fingerprint
        What the scan is known by.
    """

    preparation: Preparation
    basis: HarmonicBasis
    coefficients: Float
    left_out: Float
    filled: NDArray[np.bool_]
    relative_dose: Float
    fingerprint: Fingerprint


def as_array(data: Any) -> Any:
    """A torch tensor as numpy; anything else as it is, checked to hold patterns."""
    if hasattr(data, "detach"):
        data = data.detach().cpu().numpy()
    require_patterns(data)
    return data


def gathering(
    data: Any,
    pixel_size: tuple[float, float],
    mask: NDArray[np.bool_] | None = None,
    before: tuple[Preparation, HarmonicBasis] | None = None,
) -> Generator[float, None, Gathered]:
    """Read a scan, choose its preparation and basis, and project it.

    Dead and hot pixels are found and left out, cosmic rays are taken out of their patterns. The
    scan is read twice, and what comes out does not depend on the blocks in which it is read.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        numpy or dask.
    pixel_size : (float, float)
        Height and width of a detector pixel.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out; that of a masked array is added.
    before : (Preparation, HarmonicBasis), optional
        Of a training that goes on, instead of choosing them: the scan is read once.

    Yields
    ------
    float
        Fraction of the reading that is done, after every block; it may be left there.

    Returns
    -------
    Gathered

    Raises
    ------
    InputError
        If there are too few patterns, they are alike, pixels are not finite, or what is kept of
        the patterns needs more memory than may be used.
    """
    share = 1.0 if before else 0.5  # of the work that the last reading is
    part = processes.own_part(data)
    count = math.prod(part.shape[:-2])
    _require_room(count, LEAST_NUMBERS)
    if before is None:
        parts = preparing(data, pixel_size, mask)
        preparation, sample = yield from scaled(parts, 0.0, 1 - share)
        basis = fit_basis(sample, *preparation.coordinates)
        preparation, basis = processes.of_first((preparation, basis))
        del sample
    else:
        preparation, basis = before
    numbers = basis.analysis.shape[1]
    _require_room(count, numbers + 2)
    coefficients = np.empty((count, numbers), dtype=np.float32)
    left_out, dose = np.empty(count, dtype=np.float32), np.zeros(count, dtype=np.float32)
    total, done = np.zeros(len(preparation.gaps)), 0
    for rows, prepared in batches(part, preparation, BATCH):
        counts = prepared[: len(rows)].sum(axis=1)
        dose[rows] = counts
        total += prepared[: len(rows)][counts > 0].sum(axis=0, dtype=np.float64)
        projected, rest = basis.project(prepared)
        coefficients[rows], left_out[rows] = projected[: len(rows)], rest[: len(rows)]
        done += len(rows)
        yield 1 - share + share * done / count
    filled = dose > 0
    patterns = processes.total(int(filled.sum()))
    require_enough(patterns)
    processes.require_each(bool(filled.any()))
    dose = dose[filled]
    dose /= np.float32(processes.mean(dose))
    return Gathered(
        preparation,
        basis,
        _kept(coefficients, filled),
        left_out[filled],
        filled.reshape(part.shape[:-2]),
        dose,
        Fingerprint.from_sum(data.shape, processes.total(total), patterns),
    )


def _require_room(patterns: int, numbers: int) -> None:
    require_room(
        4 * patterns * numbers,
        f"{numbers} numbers of each of {patterns:,} patterns, which training keeps",
        "Learn from a part of the scan, every second row and column for example, "
        "data[::2, ::2]: the model then encodes all of it.",
    )


def _kept(coefficients: Float, filled: NDArray[np.bool_]) -> Float:
    """The rows with counts, without a second copy of them all."""
    kept = 0
    for start in range(0, len(filled) if not filled.all() else 0, MOVED):
        found = coefficients[start : start + MOVED][filled[start : start + MOVED]]
        coefficients[kept : kept + len(found)] = found
        kept += len(found)
    return coefficients[:kept] if kept else coefficients
