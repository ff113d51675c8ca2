"""Search for the faults of a detector, in a sample of the patterns of a scan."""

from typing import Any

import numpy as np

from stemwidgets.arrays.faults.dead import dead_pixels
from stemwidgets.arrays.faults.events import EventLimits
from stemwidgets.arrays.faults.isolated import filled_in, isolated_pixels
from stemwidgets.arrays.faults.left_out import LeftOut
from stemwidgets.arrays.faults.lines import faulty_rows
from stemwidgets.arrays.faults.sample import Map, Mask, PixelSample, sample_scan
from stemwidgets.arrays.faults.saturation import saturation

FEWEST = 2  # pixels with counts, or a pattern is a test image of one point
ROUNDS = 2  # a pixel beside a faulty one is judged again without it


def find_faulty(data: Any, mask: Mask | None = None) -> LeftOut:
    """Find hot, weak and dead pixels, rows and columns, and the limits of single events.

    Every number comes from a sample of patterns spread over the scan, without the few highest and
    lowest values of each pixel: no single value can move it.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        Counts; numpy or dask.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out anyway; these are not in the result.

    Returns
    -------
    LeftOut
        Without events: they are found while the scan is read.

    Raises
    ------
    InputError
        If `data` holds no patterns.
    """
    sample = sample_scan(data)
    given = np.zeros(sample.mean.shape, dtype=bool) if mask is None else mask
    found, rows, columns = _faults(sample, given)
    rest = ~(found | given | sample.broken)
    lit = (
        sample.mean[rest].any() or np.median((sample.patterns[:, rest] != 0).sum(axis=1)) >= FEWEST
    )
    if not lit:  # all that there is to see is what would be left out
        found, rows, columns = sample.broken & ~given, (), ()
    limits = EventLimits.of(sample, found | given) if lit and sample.count > 2 else None
    return LeftOut(found, rows, columns, limits, saturation(sample, found | given))


def _faults(sample: PixelSample, given: Mask) -> tuple[Mask, tuple[int, ...], tuple[int, ...]]:
    known = sample.broken | given
    if known.all():
        return sample.broken & ~given, (), ()
    noise = _noise(sample)
    rows = faulty_rows(sample.mean, noise, known)
    columns = faulty_rows(sample.mean.T, noise.T, known.T)
    found = sample.broken.copy()
    found[list(rows)] = True
    found[:, list(columns)] = True
    for _ in range(ROUNDS):
        known = found | given
        if known.all():
            break
        mean = filled_in(sample.mean, known)
        more = isolated_pixels(sample, mean, known)
        more |= dead_pixels(sample, mean, known)
        found |= more
        if not more.any():
            break
    whole = sample.broken & ~given
    rows = tuple(sorted({*rows, *np.flatnonzero(whole.all(axis=1)).tolist()}))
    columns = tuple(sorted({*columns, *np.flatnonzero(whole.all(axis=0)).tolist()}))
    return found & ~given, rows, columns


def _noise(sample: PixelSample) -> Map:
    variance = np.maximum(sample.variance, sample.noise)
    single = sample.unit / sample.count
    return np.asarray(np.sqrt(np.maximum(variance / sample.count, single**2)))
