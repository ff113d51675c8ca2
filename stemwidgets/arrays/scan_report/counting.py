"""Counts of one electron, from the noise between neighbouring scan positions.

The scan is oversampled as a rule: from one position to the next the specimen changes smoothly, and
counts scatter. High-order differences along the scan leave the scatter only.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import iterate_blocks, native_type
from stemwidgets.arrays.faults.left_out import LeftOut
from stemwidgets.arrays.files.damage import decoding

RUN = 16  # positions one after the other
ORDER = 8  # of the differences: a detail of four positions is damped to 2 % of its power
VALUES = 2**20  # pixels that are read
MOST_RUNS = 32  # of the scan, each 16 positions long: enough places to average over
CHUNKS = 4  # of lazy data that are decoded at most,
CHUNK_BYTES = 2**26  # and of how many bytes in all, but one at least
CLASSES = 8  # of pixels, by their brightness, at most,
EACH = 200  # and so many values in each
ENOUGH = 400.0  # electrons in a class, which give the noise to 10 %
BRIGHTER = 3.0  # times as bright as the dimmest class, which then gives the noise of the readout
DIMMEST = 0.02  # of the brightest class: the noise of dimmer ones is not that of electrons
STANDS_OUT = 5.0  # standard errors by which the noise grows with the brightness
OVERLAP = 4.0  # differences per independent one, about, as they share positions
ONE = (0.7, 1.5)  # counts: whole numbers with such noise are counts of electrons
NOISELESS = 0.4  # counts: whole numbers with so little noise were never counted
WHITE = 1.6  # ratio of the noise from differences of two orders, where it is noise
JOINED = 0.3  # correlation of neighbouring pixels, beyond what electrons light together
BRIGHT = 75  # per cent of the pixels that are dimmer than those of which it is asked
FEW = "too few electrons to tell their noise"
SMOOTH = "counts scatter less than electrons do: they were scaled, smoothed or computed"
READOUT = "the noise of the readout hides that of the electrons"
CHANGING = "patterns change too much from one position to the next to tell their noise"

Map = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Counting:
    """Calibration of the detector's counts.

    Parameters
    ----------
    unit : float
        Counts of one electron; NaN where it cannot be measured.
    doubt : str
        Reason why the unit is not known, in words; empty where it is.
    spread : float
        Variance of the counts of a whole pattern over their mean, if its pixels scatter apart; NaN
        where there are too few patterns.
    readout : float
        Variance of a pixel that no electron hits, in counts squared; 0 where none stands out.
    """

    unit: float
    doubt: str = ""
    spread: float = math.nan
    readout: float = 0.0

    @property
    def known(self) -> bool:
        """True if counts can be converted into electrons."""
        return self.unit > 0

    @property
    def smooth(self) -> bool:
        """True if there is less noise than electrons make."""
        return self.doubt == SMOOTH


def scan_counting(data: Any, left_out: LeftOut) -> Counting:
    """Calibration of a scan's counts, of which a few patterns are read.

    Whole numbers that are too few to tell their noise are taken for electrons.
    """
    runs = neighbouring_runs(data)
    counting = counting_of_sound(runs, left_out)
    return replace(counting, unit=1.0) if counting.doubt == FEW and _whole(runs) else counting


def counting_of_sound(runs: NDArray[Any], left_out: LeftOut) -> Counting:
    """Calibration from runs ``[runs, n, ky, kx]`` as they were recorded, without their faults."""
    sound = left_out.repaired(runs)
    finite = np.isfinite(sound).all(axis=(0, 1)) if sound.dtype.kind == "f" else True
    broken = left_out.mask | ~np.broadcast_to(finite, left_out.mask.shape)
    return measure_counting(sound, broken, left_out.saturated)


def measure_counting(
    runs: NDArray[Any], hidden: NDArray[np.bool_], full: float | None = None
) -> Counting:
    """Find the counts of one electron from patterns of neighbouring positions.

    Runs are ``[runs, n, ky, kx]``; pixels that are hidden ``[ky, kx]`` are left out, and what
    reaches the count `full`, at which pixels are saturated: it has no noise.
    """
    order = min(ORDER, runs.shape[1] - 1)
    if order < 1:
        return Counting(math.nan, FEW)
    if full is not None:
        hidden = hidden | (runs >= full).any(axis=(0, 1))
    variance, mean, joined = noise(runs, order)
    used = ~hidden & np.isfinite(variance) & (mean > 0)
    samples = runs.shape[0] * (runs.shape[1] - order)
    unit, doubt = _unit(variance[used], mean[used], samples)
    counts = float(mean[used].sum())
    spread = float(variance[used].sum()) / counts if counts > 0 else math.nan
    whole = _whole(runs)
    if doubt:
        return Counting(math.nan, doubt, spread)
    if whole and unit < NOISELESS:
        return Counting(math.nan, SMOOTH, spread)
    unit = 1.0 if whole and unit < ONE[1] else unit
    readout = _readout(variance[used], mean[used], samples, unit)
    if unit == 1.0 and whole:
        return Counting(unit, "", spread, readout)
    lower = noise(runs, max(order - 2, 1))[0]
    bright = used & (mean >= np.percentile(mean[used], BRIGHT))
    alike = float(joined[bright].sum() / (variance[bright] / mean[bright]).sum())
    if _unit(lower[used], mean[used], samples)[0] > WHITE * unit or order < 3 or alike > JOINED:
        return Counting(math.nan, CHANGING, spread)
    return Counting(unit, "", spread, readout)


def noise(runs: NDArray[Any], order: int) -> tuple[Map, Map, Map]:
    """Noise of each pixel by differences along the runs: variance, mean and joined, ``[ky, kx]``.

    Mean has the weights of the variance; `joined` is what each pixel has in common with the next
    one, over the roots of both means.
    """
    weights = np.array([(-1.0) ** k * math.comb(order, k) for k in range(order + 1)])
    weights = (weights / np.sqrt((weights**2).sum())).astype(np.float32)
    count = runs.shape[1] - order
    variance, mean, joined = (np.zeros(runs.shape[2:]) for _ in range(3))
    for run in runs:
        values = run.astype(np.float32)
        for start in range(count):
            part = values[start : start + order + 1]
            difference = np.tensordot(weights, part, 1).astype(np.float64)
            variance += difference**2
            mean += np.tensordot(weights**2, part, 1)
            joined[:, :-1] += difference[:, 1:] * difference[:, :-1]
    variance, mean, joined = (each / (len(runs) * count) for each in (variance, mean, joined))
    scale = np.sqrt(np.maximum(mean, 0))
    scale[:, :-1] *= scale[:, 1:]
    joined = np.divide(joined, scale, out=np.zeros_like(joined), where=scale > 0)
    return variance, mean, joined


def neighbouring_runs(data: Any) -> NDArray[Any]:
    """Patterns of neighbouring positions from all over a scan, ``[runs, n, ky, kx]``.

    Of a dask array a few chunks are read.
    """
    pixels = int(data.shape[2] * data.shape[3])
    if not hasattr(data, "dask"):
        return _runs_of(data, _wanted(pixels, _length(data.shape)))
    from dask.base import compute

    whole = data.rechunk({2: -1, 3: -1})
    blocks = whole.to_delayed().reshape(whole.numblocks[:2])
    shapes = [
        (rows, columns, place)
        for place in np.ndindex(*whole.numblocks[:2])
        for rows, columns in [(whole.chunks[0][place[0]], whole.chunks[1][place[1]])]
    ]
    longest = max(_length(shape[:2]) for shape in shapes)
    fitting = [place for *shape, place in shapes if _length(tuple(shape)) == longest]
    size = max(1, math.prod(whole.chunksize) * data.dtype.itemsize)
    count = min(len(fitting), max(1, min(CHUNKS, CHUNK_BYTES // size)))
    middle = (np.arange(count) * 2 + 1) * len(fitting) // (2 * count)
    each = -(-_wanted(pixels, longest) // count)
    with decoding():
        found = compute(*[blocks[fitting[i]] for i in middle])
    return np.concatenate([_runs_of(block, each, longest) for block in found])


def _whole(runs: NDArray[Any]) -> bool:
    return runs.dtype.kind in "bui" or bool((runs == np.rint(runs)).all())


def _length(shape: tuple[int, ...]) -> int:
    return min(RUN, max(shape[:2]))


def _wanted(pixels: int, length: int) -> int:
    return int(np.clip(VALUES // (pixels * length), 2, MOST_RUNS))


def _runs_of(data: Any, wanted: int, length: int | None = None) -> NDArray[Any]:
    """Runs along the longer axis of a scan, from all over it."""
    along = 1 if data.shape[1] >= data.shape[0] else 0
    length = _length(data.shape) if length is None else length
    lines, places = data.shape[1 - along], data.shape[along]
    count = min(wanted, lines * max(places // length, 1))
    chosen = np.unique(np.linspace(0, lines - 1, min(count, lines)).round().astype(int))
    free = places - length
    runs = []
    for number, line in enumerate(chosen):
        start = (number * 7919) % (free + 1)  # a prime: in no rhythm with the scan
        part = slice(start, start + length)
        run = data[line, part] if along else data[part, line]
        runs.append(next(iterate_blocks(np.asarray(np.ma.filled(run, 0))))[1])
    return np.stack(runs).astype(native_type(data.dtype), copy=False)


def _readout(variance: Map, mean: Map, samples: int, unit: float) -> float:
    """Variance of the dimmest pixels beyond that of their electrons, 0 where it may be chance."""
    dim = mean <= np.percentile(mean, 100 / CLASSES)
    found, level = float(variance[dim].mean()), float(mean[dim].mean())
    rest = found - unit * level
    fourth = 2 * found**2 + unit**3 * level  # of a squared difference, few electrons included
    error = math.sqrt(OVERLAP * fourth / (int(dim.sum()) * samples))
    return rest if rest > STANDS_OUT * error else 0.0


def _unit(variance: Map, mean: Map, samples: int) -> tuple[float, str]:
    """Least slope of the variance over the mean, of pixels of like brightness, or a reason."""
    if not mean.size:
        return math.nan, FEW
    classes = int(np.clip(mean.size * samples // EACH, 1, min(CLASSES, mean.size)))
    parts = np.array_split(np.argsort(mean), classes)
    levels = np.array([mean[part].mean() for part in parts])
    spread = np.array([variance[part].mean() for part in parts])
    errors = spread * np.sqrt([2 / (len(part) * samples) for part in parts])
    brighter = levels > max(BRIGHTER * levels[0], DIMMEST * levels[-1])
    slopes, electrons, smooth = [], 0.0, False
    for index, part in enumerate(parts):
        if brighter.any() and not brighter[index]:
            continue
        level, found, error = levels[index], spread[index], errors[index]
        slope = found / level
        if brighter[index]:
            slope = min(slope, (found - spread[0]) / (level - levels[0]))
            error, level = math.hypot(error, errors[0]), level - levels[0]
        smooth |= found < NOISELESS * levels[index]
        enough = levels[index] * len(part) * samples / max(slope, 1e-30)
        electrons = max(electrons, enough)
        if enough >= ENOUGH and slope > STANDS_OUT * error / level:
            slopes.append(slope)
    if slopes:
        return float(min(slopes)), ""
    if smooth and electrons >= ENOUGH:
        return math.nan, SMOOTH
    return math.nan, FEW if electrons < ENOUGH else READOUT
