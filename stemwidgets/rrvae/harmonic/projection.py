"""Projection of a scan of any size onto coefficients that stay in memory."""

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import known_array
from stemwidgets.arrays.checks import require_patterns
from stemwidgets.arrays.faults.clean import FIND
from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae.basis.harmonics import Float, HarmonicBasis, fit_basis
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.data.batches import batches
from stemwidgets.rrvae.data.fingerprint import Fingerprint
from stemwidgets.rrvae.data.sampling import preparing, require_enough, scaled
from stemwidgets.rrvae.data.subset import compact, random_subset, share_that_fits

BATCH = 256  # patterns projected at once: always as many, as the last digits depend on it


@dataclass(frozen=True, eq=False)
class ProjectedScan:
    """Training data from a scan; each of several processes has its own part.

    Parameters
    ----------
    window : PixelWindow
        Window of pixels that are used.
    basis : HarmonicBasis
        Functions that they are projected on.
    coefficients : ndarray, shape [n, 2 * components]
        Coefficients of the patterns that are learned from.
    left_out : ndarray, shape [n]
        Energy of each pattern outside the basis.
    filled : ndarray of bool, shape [...]
        True for patterns with counts.
    learned : ndarray of bool, shape [...]
        True for patterns that are learned from, n of them.
    share : float
        Share of these of all, 1 where there is room for them: see `random_subset`.
    relative_dose : ndarray of float32, shape [n]
        Counts of each pattern over those of the mean pattern.
    fingerprint : Fingerprint
        Fingerprint of the scan.
    """

    window: PixelWindow
    basis: HarmonicBasis
    coefficients: Float
    left_out: Float
    filled: NDArray[np.bool_]
    learned: NDArray[np.bool_]
    share: float
    relative_dose: Float
    fingerprint: Fingerprint


def as_array(data: Any) -> Any:
    """A torch tensor as numpy; anything else as :func:`known_array`, checked to hold patterns."""
    if hasattr(data, "detach"):
        data = data.detach().cpu()
        data = (data if data.dtype != torch.bfloat16 else data.float()).numpy()
    require_patterns(data)
    return known_array(data)


def project_scan(
    data: Any,
    pixel_size: tuple[float, float],
    mask: NDArray[np.bool_] | None = None,
    before: tuple[PixelWindow, HarmonicBasis, float] | None = None,
    room: float | None = None,
    faulty: Any = FIND,
) -> Generator[float, None, ProjectedScan]:
    """Read a scan, choose its pixel window and basis, and project it.

    Dead and hot pixels are found and left out, cosmic rays are taken out of their patterns. The
    scan is read twice, and what comes out does not depend on the blocks in which it is read.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        numpy or dask.
    pixel_size : (float, float)
        Height and width of a detector pixel, negative where k falls from pixel to pixel.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out; that of a masked array is added.
    before : (PixelWindow, HarmonicBasis, share), optional
        From a training that goes on, instead of choosing them: the scan is read once.
    room : float, optional
        Bytes that the coefficients may take; None if that is not known.
    faulty : "find", None or LeftOut
        See :func:`stemwidgets.arrays.faults.clean.clean_scan`.

    Yields
    ------
    float
        Fraction of the reading that is done, after every block; it may be left there.

    Returns
    -------
    ProjectedScan

    Raises
    ------
    InputError
        If there are too few patterns, they are alike, or pixels are not finite.
    """
    last = 1.0 if before else 0.5  # of the work that the last reading is
    part, start = distributed.own_part(data), distributed.first_pattern(data)
    count = math.prod(part.shape[:-2])
    if before is None:
        parts = preparing(data, pixel_size, mask, faulty)
        window, sample = yield from scaled(parts, 0.0, 1 - last)
        basis = fit_basis(sample, *window.coordinates)
        window, basis = distributed.of_first((window, basis))
        del sample
        numbers = basis.analysis.shape[1] + 4  # and a few more for each pattern
        share = share_that_fits(4 * numbers * count, room)
    else:
        window, basis, share = before
    kept = random_subset(start, count, share)
    place = np.cumsum(kept) - 1
    left_out, dose = np.empty(kept.sum(), np.float32), np.zeros(count, np.float32)
    coefficients = np.empty((len(left_out), basis.analysis.shape[1]), dtype=np.float32)
    total, done = np.zeros(len(window.gaps)), 0
    for rows, prepared in batches(part, window, BATCH):
        counts = prepared[: len(rows)].sum(axis=1)
        dose[rows] = counts
        total += prepared[: len(rows)][counts > 0].sum(axis=0, dtype=np.float64)
        projected, rest = (each[: len(rows)] for each in basis.project(prepared))
        those = kept[rows]
        to = place[rows[those]]
        coefficients[to], left_out[to] = projected[those], rest[those]
        done += len(rows)
        yield 1 - last + last * done / count
    filled = dose > 0
    patterns = distributed.total(int(filled.sum()))
    learned = filled & kept
    require_enough(distributed.total(int(learned.sum())))
    distributed.require_each(bool(learned.any()))
    with_counts = filled[kept]
    dose = dose[learned]
    dose /= np.float32(distributed.mean(dose))
    return ProjectedScan(
        window,
        basis,
        compact(coefficients, with_counts),
        left_out[with_counts],
        filled.reshape(part.shape[:-2]),
        learned.reshape(part.shape[:-2]),
        share,
        dose,
        Fingerprint.from_sum(data.shape, distributed.total(total), patterns),
    )
