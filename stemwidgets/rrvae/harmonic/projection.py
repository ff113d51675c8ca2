"""Projection of a scan of any size onto coefficients that stay in memory."""

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.band_limit.neighbours import Neighbours
from stemwidgets.arrays.blocks import known_array
from stemwidgets.arrays.checks import require_patterns
from stemwidgets.arrays.faults.clean import FIND
from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae.basis.harmonics import Float, HarmonicBasis, fit_basis, shot_noise
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.data.sampling import preparing, sample_of, scaled
from stemwidgets.rrvae.data.subset import ScanRead, read_scan, share_that_fits


@dataclass(frozen=True, eq=False)
class ProjectedScan(ScanRead):
    """Scan that is learned from, projected.

    Parameters
    ----------
    basis : HarmonicBasis
        Functions that the patterns are projected on.
    coefficients : Tensor, shape [n, 2 * components]
        Coefficients of the patterns that are learned from.
    left_out : Tensor, shape [n]
        Energy of each pattern outside the basis.
    neighbours : Neighbours or None
        Neighbours from which each pattern is known, too.
    shot_noise : float
        Variance of the shot noise of one pattern over that of the strongest signal.
    """

    basis: HarmonicBasis
    coefficients: Tensor
    left_out: Tensor
    neighbours: Neighbours | None
    shot_noise: float

    @property
    def independent(self) -> float:
        """Share of the patterns that are independent of each other."""
        return 1.0 if self.neighbours is None else self.neighbours.independent


class Before(NamedTuple):
    """Choices of an earlier training: pixels, functions, share of patterns, and their noise."""

    window: PixelWindow
    basis: HarmonicBasis
    share: float
    shot_noise: float


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
    before: "Before | None" = None,
    room: float | None = None,
    faulty: Any = FIND,
    limit: BandLimit | None = None,
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
    before : Before, optional
        Choices of a training that goes on: the scan is then read once.
    room : float, optional
        Bytes that the coefficients may take; None if that is not known.
    faulty : "find", None or LeftOut
        See :func:`stemwidgets.arrays.faults.clean.clean_scan`.
    limit : BandLimit, optional
        Limit of the frequencies of the scan, to know each pattern from its neighbours, too.

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
    scan = tuple(data.shape[:-2])
    if before is None:
        parts = preparing(data, pixel_size, mask, faulty)
        window, sample = yield from scaled(parts, 0.0, 1 - last)
        noise = shot_noise(sample, *window.coordinates)
        neighbours = None if limit is None else Neighbours.of(scan, limit, noise)
        if neighbours is None:
            basis = fit_basis(sample, *window.coordinates)
        else:
            sample, gain = sample_of(data, window, neighbours)
            independent = min(1.0, neighbours.independent * math.prod(scan) / len(sample))
            basis = fit_basis(sample, *window.coordinates, gain, independent)
        window, basis, noise = distributed.of_first((window, basis, noise))
        del sample
        numbers = basis.analysis.shape[1] + 4  # and a few more for each pattern
        patterns = math.prod(distributed.own_part(data).shape[:-2])
        share = share_that_fits(4 * numbers * patterns, room)
    else:
        window, basis, share, noise = before
        neighbours = None if limit is None else Neighbours.of(scan, limit, noise)

    def columns_of(prepared: Float) -> tuple[Tensor, ...]:
        coefficients, left_out = basis.project(prepared)
        return torch.from_numpy(coefficients), torch.from_numpy(left_out)

    parts_read = read_scan(data, window, share, columns_of, neighbours)
    read, (coefficients, left_out) = yield from scaled(parts_read, 1 - last, 1.0)
    return ProjectedScan(
        **vars(read),
        basis=basis,
        coefficients=coefficients,
        left_out=left_out,
        neighbours=neighbours,
        shot_noise=noise,
    )
