"""A sample of patterns from all over a scan, with robust statistics of each pixel."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import iterate_blocks, native_type
from stemwidgets.arrays.checks import require_finite, require_patterns
from stemwidgets.arrays.files.damage import decoding

VALUES = 2**20  # of the sample, unless it then has fewer than FEWEST or more than MOST patterns
FEWEST, MOST = 24, 512  # patterns
CHUNK_BYTES = 2**26  # of lazy data that are decoded for the sample, but one chunk at least
CHUNKS = 8  # that the sample comes from at most
TILE = 2048  # pixels whose extremes stay in the cache
SPARSE = 0.2  # share of pixels with counts, below which single counts give the unit
UNLIKE = 1.3  # times as bright: the bright and the dark half of the pixels give both noises
TINY = 1e-30  # instead of no noise at all
VARYING = 0.05  # of the pixels must vary: without noise none or few do

Map = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PixelSample:
    """Sample of patterns, with statistics of each pixel that a few odd patterns do not change.

    Parameters
    ----------
    patterns : ndarray, shape [n, ky, kx]
        Patterns of the sample.
    mean, variance : ndarray of float64, shape [ky, kx]
        Over the patterns, with the few highest and lowest values of each pixel drawn in
        (winsorized); 0 in pixels that are not finite in any of them.
    broken : ndarray of bool, shape [ky, kx]
        Pixels that are NaN or infinite in every pattern.
    unit : float
        Counts of one electron: the slope of the variance over the mean. 0 without noise.
    ground : float
        Variance of a pixel that no electron hits.
    """

    patterns: NDArray[Any]
    mean: Map
    variance: Map
    broken: Mask
    unit: float
    ground: float

    @property
    def noise(self) -> Map:
        """Variance that a pixel of this mean has in one pattern, ``[ky, kx]``."""
        return self.ground + self.unit * np.maximum(self.mean, 0.0)

    def roots(self, mean: Map) -> Map:
        """Means brought to a scale on which their noise is 1/2, whatever they are."""
        own = np.sqrt(self.ground + self.unit * np.maximum(mean, 0.0)) + np.sqrt(self.ground)
        return np.asarray(np.sqrt(self.count) * mean / np.maximum(own, TINY))

    @property
    def count(self) -> int:
        """Number of patterns."""
        return len(self.patterns)


def sample_scan(data: Any) -> PixelSample:
    """Read a sample of a scan ``[..., ky, kx]``, numpy or dask, of which some chunks are read.

    An InputError if it holds no patterns, or values beyond all counts.
    """
    require_patterns(data)
    patterns = sample_patterns(data)
    finite = np.isfinite(patterns) if patterns.dtype.kind == "f" else None
    broken = np.zeros(patterns.shape[1:], dtype=bool)
    known = patterns
    if finite is not None and not finite.all():
        broken = ~finite.any(axis=0)
        usual = np.nanmedian(np.where(finite & ~broken, patterns, np.nan)[:, ~broken], axis=0)
        known = np.zeros_like(patterns)
        known[:, ~broken] = np.where(finite[:, ~broken], patterns[:, ~broken], usual)
    flat = np.ascontiguousarray(known.reshape(len(known), -1))
    mean, variance = np.empty(broken.shape), np.empty(broken.shape)
    _winsorized(flat, drawn_in(len(flat)), mean.reshape(-1), variance.reshape(-1))
    require_finite(np.abs(mean).sum())
    variance /= _narrowed(len(flat)) if len(flat) > 2 else 1.0
    return PixelSample(patterns, mean, variance, broken, *_noise(flat, mean, variance, ~broken))


def drawn_in(count: int) -> int:
    """Number of the highest values of a pixel, and of its lowest, that are not believed."""
    return 0 if count < 3 else min(8, 1 + (count >= 16) + (count >= 48) + count // 100)


def sample_patterns(data: Any) -> NDArray[Any]:
    """Patterns ``[n, ky, kx]`` from all over a scan, in a type that numba knows."""
    pixels = int(data.shape[-2] * data.shape[-1])
    wanted = min(max(VALUES // max(pixels, 1), FEWEST), MOST)
    if hasattr(data, "dask"):
        return _of_chunks(data, wanted)
    leading = data.shape[:-2]
    chosen = data[np.unravel_index(_spread(math.prod(leading), wanted), leading)]
    return next(iterate_blocks(chosen, max(1, chosen.nbytes)))[1]


def _of_chunks(data: Any, wanted: int) -> NDArray[Any]:
    from dask.base import compute
    from dask.delayed import delayed

    whole = data.rechunk({data.ndim - 2: -1, data.ndim - 1: -1})
    blocks = whole.to_delayed().ravel()
    size = max(1, math.prod(whole.chunksize) * data.dtype.itemsize)
    count = min(len(blocks), max(1, min(CHUNKS, CHUNK_BYTES // size)))
    each = -(-wanted // count)

    def take(block: NDArray[Any]) -> NDArray[Any]:
        leading = block.shape[:-2]
        chosen = block[np.unravel_index(_spread(math.prod(leading), each), leading)]
        return next(iterate_blocks(chosen, max(1, chosen.nbytes)))[1]

    steps = np.linspace(0, len(blocks) - 1, count + 2 if count < len(blocks) - 1 else count)
    inner = steps[1:-1] if len(steps) > count else steps
    tasks = [delayed(take, pure=False)(blocks[round(step)]) for step in inner]
    with decoding():
        found = compute(*tasks)
    return np.concatenate(found).astype(native_type(data.dtype), copy=False)


def places_around(
    y: NDArray[np.intp], x: NDArray[np.intp], hidden: Mask, reach: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Mask]:
    """Rows and columns of the pixels around each of some; True where one is, and not hidden."""
    height, width = hidden.shape
    step = np.array([s for s in np.ndindex(2 * reach + 1, 2 * reach + 1) if s != (reach, reach)])
    near_y, near_x = y[:, None] + step[:, 0] - reach, x[:, None] + step[:, 1] - reach
    there = (near_y >= 0) & (near_y < height) & (near_x >= 0) & (near_x < width)
    near_y, near_x = near_y.clip(0, height - 1), near_x.clip(0, width - 1)
    return near_y, near_x, there & ~hidden[near_y, near_x]


def _spread(count: int, wanted: int) -> NDArray[np.intp]:
    """Numbers below `count`, one from each stretch of it, in no rhythm with the scan."""
    if count <= wanted:
        return np.arange(count)
    edges = np.linspace(0, count, wanted + 1)
    within = np.random.default_rng(0).random(wanted)
    return (edges[:-1] + within * np.diff(edges)).astype(np.intp)


def _noise(flat: NDArray[Any], mean: Map, variance: Map, used: Mask) -> tuple[float, float]:
    """Counts of one electron, and the variance of a pixel without electrons."""
    varying = used & (variance > 0) & (mean > 0)
    unit = ground = 0.0
    if varying.sum() >= VARYING * used.sum():
        values, spread = mean[varying], variance[varying]
        dark, middle = np.percentile(values, (25, 50))
        m_low, v_low = (float(np.median(each[values <= dark])) for each in (values, spread))
        m_high, v_high = (float(np.median(each[values >= middle])) for each in (values, spread))
        unit = v_high / m_high
        if m_high > UNLIKE * m_low:
            unit = max(v_high - v_low, 0.0) / (m_high - m_low)
            ground = max(v_low - unit * m_low, 0.0)
    elif len(flat) < 3:
        unit = _unit_of_one(mean)
    stuck = (variance == 0) & (mean != 0)
    some = flat[:: max(1, len(flat) // 8)]
    some = some[:, ~stuck.ravel()] if stuck.any() else some
    if 0 < np.count_nonzero(some) < SPARSE * some.size and (some != some[0]).any():
        held = some[some != 0]
        unit = max(unit, float(np.median(np.abs(held.astype(np.float64)))))
    return unit, ground


def _unit_of_one(mean: Map) -> float:
    """Counts of one electron from neighbours in one pattern, which differ by noise at least."""
    total, half = mean[:-1] + mean[1:], 0.455  # the median of a squared normal number
    lit = total > 0
    return (
        float(np.median(np.diff(mean, axis=0)[lit] ** 2 / total[lit]) / half) if lit.any() else 0.0
    )


@cache
def _narrowed(count: int) -> float:
    """Variance of `count` normal numbers of variance 1 after the extremes are drawn in."""
    drawn = drawn_in(count)
    values = np.sort(np.random.default_rng(0).standard_normal((4000, count)), axis=1)
    values = values.clip(values[:, drawn, None], values[:, count - 1 - drawn, None])
    return float(values.var(axis=1).mean())


@numba.njit(cache=True, nogil=True)
def _winsorized(
    patterns: NDArray[Any], drawn: int, mean: Map, variance: Map
) -> None:  # pragma: no cover
    """Mean and variance of each pixel, between its values number `drawn` from either end."""
    count, pixels = patterns.shape
    top = np.empty((drawn + 1, TILE), patterns.dtype)
    bottom = np.empty((drawn + 1, TILE), patterns.dtype)
    one, two = np.empty(TILE, patterns.dtype), np.empty(TILE, patterns.dtype)
    first, second = np.empty(TILE), np.empty(TILE)
    for start in range(0, pixels, TILE):
        width = min(TILE, pixels - start)
        for i in range(count):
            one[:width] = patterns[i, start : start + width]
            two[:width] = patterns[i, start : start + width]
            _insert(one[:width], top[: min(i, drawn + 1)], True)
            _insert(two[:width], bottom[: min(i, drawn + 1)], False)
            if i <= drawn:
                top[i, :width] = one[:width]
                bottom[i, :width] = two[:width]
        first[:] = 0.0
        second[:] = 0.0
        low, high = bottom[drawn], top[drawn]
        for i in range(count):
            row = patterns[i, start : start + width]
            for p in range(width):
                value = row[p] if row[p] > low[p] else low[p]
                value = value if value < high[p] else high[p]
                about = float(value) - float(low[p])
                first[p] += about
                second[p] += about * about
        for p in range(width):
            mean[start + p] = low[p] + first[p] / count
            variance[start + p] = max(second[p] / count - (first[p] / count) ** 2, 0.0)


@numba.njit(cache=True, nogil=True)
def _insert(row: NDArray[Any], kept: NDArray[Any], falling: bool) -> None:  # pragma: no cover
    """Insert values in order among those kept; the row then holds those that fell out."""
    for j in range(len(kept)):
        line = kept[j]
        for p in range(len(row)):
            a, b = line[p], row[p]
            higher, lower = (a, b) if a > b else (b, a)
            line[p], row[p] = (higher, lower) if falling else (lower, higher)
