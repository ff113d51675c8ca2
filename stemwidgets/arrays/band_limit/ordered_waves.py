"""Power of a map over its scan frequency, without leakage from low frequencies to high ones.

A scan is not periodic, so that the Fourier transform of a map has strong power spill over all
frequencies. Here waves are made orthogonal on the positions of the scan in the order of their
frequency, slow ones first, as sines and cosines of a field 1.5 times as large: what a map holds
below a frequency is spanned by the waves up to it, whatever its edges, and the waves beyond see
nothing of it. White noise has the same variance in each wave. The waves below the limit are the
subspace of Slepian's sequences (Slepian, Bell Syst. Tech. J. 57, 1371 (1978),
doi:10.1002/j.1538-7305.1978.tb02104.x), for a disc of frequencies; sorting them gives a spectrum.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

FIELD = 1.5  # times the field that is scanned: that of the waves, so that edges need not match
NEW = 0.1  # of a wave's length: what of it has to be orthogonal to all slower ones
MOST = 64  # positions of a tile along an axis, where some frequencies are asked for, and where
MOST_OF_ALL = 48  # all are: the time, 0.1 s then, grows with their sixth power

Map = NDArray[np.float64]
Pair = tuple[float, float]


class Powers(NamedTuple):
    """Power of maps by scan frequency.

    Parameters
    ----------
    edges : ndarray, shape [bins + 1]
        Frequencies between which the bins lie, in cycles per unit of the steps. The last bin holds
        all that is faster than the others.
    power : ndarray, shape [bins, n]
        Mean square of the coefficients of each map; the variance of one position for white noise.
    waves : ndarray of int, shape [bins]
        Number of the coefficients.
    resolution : float
        Width of a bin if the field were as wide as its shorter side: a wave is found so much too
        low at most.
    """

    edges: Map
    power: Map
    waves: NDArray[np.int64]
    resolution: float


def power_by_frequency(maps: Map, steps: Pair, highest: float | None = None) -> Powers:
    """Measure the power of maps by scan frequency.

    Parameters
    ----------
    maps : ndarray, shape [iy, ix, n]
        Maps without NaN; larger ones are cut into tiles, whose powers are averaged.
    steps : (float, float)
        Scan steps along y and x, in one unit.
    highest : float, optional
        Frequency up to which it is resolved [1 / unit]; all if not given. Less takes less time.
    """
    shape = maps.shape[:2]
    most = MOST_OF_ALL if highest is None else MOST
    parts = [-(-size // most) for size in shape]
    tile = (shape[0] // parts[0], shape[1] // parts[1])
    bases, edges = _bases(tile, steps, highest)
    power = np.zeros((len(edges) - 1, maps.shape[2]))
    waves = np.zeros(len(edges) - 1, dtype=np.int64)
    for part in np.ndindex(*parts):
        down, along = (slice(p * t, (p + 1) * t) for p, t in zip(part, tile, strict=True))
        part_of = maps[down, along] - maps[down, along].mean(axis=(0, 1))
        for odd, (basis, bins) in bases.items():
            values = _folded(_folded(part_of, 0, odd[0]), 1, odd[1]).reshape(len(basis), -1)
            squares = (basis.T @ values) ** 2
            np.add.at(power, bins, squares)
            np.add.at(waves, bins, 1)
            power[-1] += (values**2).sum(axis=0) - squares.sum(axis=0)
            waves[-1] += len(basis) - len(bins)
    waves[0] -= math.prod(parts)  # the mean, which was subtracted
    held = waves > 0
    starts = np.flatnonzero(held)
    edges = np.append(edges[:-1][starts], edges[-1])  # a bin without waves belongs to the one below
    edges[0] = 0.0
    resolution = 1 / (FIELD * min(size * step for size, step in zip(tile, steps, strict=True)))
    return Powers(edges, power[held] / waves[held, None], waves[held], resolution)


@lru_cache(maxsize=4)
def _bases(
    shape: tuple[int, int], steps: Pair, highest: float | None
) -> tuple[dict[tuple[int, int], tuple[NDArray[np.float32], NDArray[np.int64]]], Map]:
    """Orthonormal waves of each parity with the bins that they belong to, and edges of the bins."""
    width = 1 / (FIELD * max(size * step for size, step in zip(shape, steps, strict=True)))
    corner = math.hypot(0.5 / steps[0], 0.5 / steps[1])
    stop = corner if highest is None else min(highest, corner)
    edges = np.append(np.arange(math.ceil(stop / width)) * width, corner)
    bases = {}
    for odd in np.ndindex(2, 2):
        (down, fy), (along, fx) = (
            _waves(size, step, o) for size, step, o in zip(shape, steps, odd, strict=True)
        )
        shell = np.ceil(np.hypot(fy[:, None], fx) / width - 1e-9).astype(int)
        shell = np.maximum(shell - 1, 0)
        shell[shell >= len(edges) - 1] = -1  # faster than is asked for
        bases[odd] = _orthogonal(down, along, shell)
    return bases, edges


def _waves(size: int, step: float, odd: int) -> tuple[Map, Map]:
    """Waves along one axis, even or odd about its middle, ``[half, waves]``; their frequencies."""
    place = np.arange(size)[size // 2 :] - (size - 1) / 2
    frequency = np.arange(odd, math.floor(FIELD * size / 2) + 1) / (FIELD * size)
    angle = 2 * np.pi * np.outer(place, frequency)
    waves = np.sin(angle) if odd else np.cos(angle)
    if size % 2:  # the position in the middle, which has no twin
        waves = waves[1:] if odd else waves * np.where(place == 0, math.sqrt(0.5), 1.0)[:, None]
    return waves, frequency / step


def _folded(maps: Map, axis: int, odd: int) -> Map:
    """The even or odd half of maps about the middle of an axis; both keep the sum of squares."""
    maps = np.moveaxis(maps, axis, 0)
    half = len(maps) // 2
    ahead, behind = maps[len(maps) - half :], np.flip(maps[:half], axis=0)
    folded = (ahead - behind if odd else ahead + behind) * math.sqrt(0.5)
    if len(maps) % 2 and not odd:
        folded = np.concatenate([maps[half : half + 1], folded])
    return np.moveaxis(folded, 0, axis)


def _orthogonal(
    down: Map, along: Map, shell: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Gram-Schmidt, shell after shell; what of a shell is not new is left out."""
    size = len(down) * len(along)
    basis = np.zeros((size, size), dtype=np.float32, order="F")
    bins = np.zeros(size, dtype=np.int64)
    count = 0
    for number in range(int(shell.max(initial=-1)) + 1):
        i, j = np.nonzero(shell == number)
        if not len(i) or count == size:
            continue
        waves = (down[:, None, i] * along[None, :, j]).reshape(size, -1)
        length = np.linalg.norm(waves, axis=0)
        waves = (waves[:, length > 0] / length[length > 0]).astype(np.float32)
        known = basis[:, :count]
        left, sizes, _ = linalg.svd(waves - known @ (known.T @ waves), full_matrices=False)
        new = left[:, : min(int((sizes > NEW).sum()), size - count)]
        if not new.shape[1]:
            continue
        new = linalg.qr(new - known @ (known.T @ new), mode="economic")[0]  # twice is enough
        end = count + new.shape[1]
        basis[:, count:end], bins[count:end] = new, number
        count = end
    return basis[:, :count], bins[:count]
