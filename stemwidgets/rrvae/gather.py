"""From a scan of any size to the coefficients that stay in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import Where, iterate_blocks
from stemwidgets.arrays.checks import require_patterns
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.pixels import common_mask, faulty_pixels, pixel_statistics, require_mask
from stemwidgets.arrays.preparation import Preparation
from stemwidgets.arrays.zingers import plausible_limit
from stemwidgets.rrvae.basis import Float, HarmonicBasis, fit_basis
from stemwidgets.rrvae.fingerprint import Fingerprint
from stemwidgets.rrvae.gaps import fill_gaps

FEWEST_PATTERNS = 16
SAMPLE = 2048


@dataclass(frozen=True, eq=False)
class Gathered:
    """Everything that training needs of a scan.

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


def gather(
    data: Any,
    pixel_size: tuple[float, float],
    mask: NDArray[np.bool_] | None = None,
    before: tuple[Preparation, HarmonicBasis] | None = None,
) -> Gathered:
    """Read a scan, choose its preparation and basis, and project it.

    Dead and hot pixels are found and left out, cosmic rays are taken out of their patterns.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        numpy or dask.
    pixel_size : (float, float)
        Height and width of a detector pixel.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out; that of a masked array is added.
    before : (Preparation, HarmonicBasis), optional
        Of a training that goes on, instead of choosing them.

    Raises
    ------
    InputError
        If there are too few patterns, they are alike, or pixels are not finite.
    """
    if before is None:
        preparation, sample = prepare(data, pixel_size, mask)
        basis = fit_basis(sample, *preparation.coordinates)
    else:
        preparation, basis = before
    coefficients, left_out, doses = [], [], []
    total = np.zeros(len(preparation.gaps))
    filled = np.empty(data.shape[:-2], dtype=bool)
    for where, prepared in prepared_blocks(data, preparation):
        counts = prepared.sum(axis=1)
        has_counts = counts > 0
        filled[where] = has_counts.reshape(filled[where].shape)
        projected, rest = basis.project(prepared[has_counts])
        coefficients.append(projected)
        left_out.append(rest)
        doses.append(counts[has_counts])
        total += prepared[has_counts].sum(axis=0, dtype=np.float64)
    dose = np.concatenate(doses)
    require_enough(len(dose))
    return Gathered(
        preparation,
        basis,
        np.concatenate(coefficients),
        np.concatenate(left_out),
        filled,
        dose / dose.mean(),
        Fingerprint.from_sum(data.shape, total, len(dose)),
    )


def prepared_blocks(data: Any, preparation: Preparation) -> Iterator[tuple[Where, Float]]:
    """The used pixels of the patterns, block by block."""
    for where, patterns in iterate_blocks(data):
        yield where, preparation.apply(patterns)


def require_enough(patterns: int) -> None:
    """Refuse a scan with too few patterns that have counts."""
    if patterns < FEWEST_PATTERNS:
        raise InputError(
            f"Expected at least {FEWEST_PATTERNS} patterns with counts to learn from, got "
            f"{patterns}. Use a larger part of the scan."
        )


def prepare(
    data: Any, pixel_size: tuple[float, float], mask: NDArray[np.bool_] | None = None
) -> tuple[Preparation, Float]:
    """Choose the pixels that are used, and prepare a sample of the patterns with counts.

    Parameters
    ----------
    data, pixel_size, mask
        As for `gather`.

    Raises
    ------
    InputError
        If there are too few patterns or pixels are not finite.
    """
    preparation = _choose_pixels(data, pixel_size, mask)
    sample = _sample(data, preparation)
    if preparation.gaps.any():
        preparation = fill_gaps(preparation, sample)
    return preparation, sample


def _choose_pixels(
    data: Any, pixel_size: tuple[float, float], mask: NDArray[np.bool_] | None
) -> Preparation:
    shape = data.shape[-2:]
    known = np.zeros(shape, dtype=bool) if mask is None else require_mask(mask, shape)
    masked = common_mask(data)
    if masked is not None:
        known = known | masked
    statistics = pixel_statistics(data, known)
    require_enough(statistics.filled)
    faulty = faulty_pixels(statistics, known)
    preparation = Preparation.from_mean(statistics.mean, pixel_size, faulty)
    return replace(preparation, limit=plausible_limit(statistics, faulty))


def _sample(data: Any, preparation: Preparation) -> Float:
    """Evenly spaced patterns with counts, few enough to learn a basis from."""
    stride = max(1, int(np.prod(data.shape[:-2])) // SAMPLE)
    rows, seen = [], 0
    for _, patterns in iterate_blocks(data):
        flat = patterns.reshape(-1, *patterns.shape[-2:])
        prepared = preparation.apply(flat[-seen % stride :: stride])
        rows.append(prepared[prepared.sum(axis=1) > 0])
        seen += len(flat)
    return np.concatenate(rows)
