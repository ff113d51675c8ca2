"""Patterns at any position of a periodic scan that is band-limited and has two mirrors."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axis
from stemwidgets.samples.detector import shares_of_pixels

Pair = tuple[float, float]


class BandLimitedScan(NamedTuple):
    """A specimen's scan as a series of cosines and sines over its cell.

    The wave behind the specimen is linear in the probe, and the probe holds no frequency beyond
    α/λ: so the intensity of a detector pixel, as a function of the position, holds none beyond
    2α/λ, and a scan with steps finer than λ/4α fixes it everywhere. Two mirrors through the origin,
    with which the pattern turns over too, leave a quarter of the scan to simulate, and split it
    into parts that are even or odd along y and x, of position and pattern alike.

    Parameters
    ----------
    frequencies : tuple of four ndarrays, shape [terms, 2]
        Frequencies of the terms of the parts even-even, even-odd, odd-even, odd-odd, (y, x) [1/Å].
    terms : tuple of four ndarrays, shape [terms, ky / 2, kx / 2]
        Patterns of the terms, from the middle of the detector outwards.
    ky, kx : Axis
        Pixels of the whole patterns [1/Å].
    """

    frequencies: tuple[NDArray[np.float64], ...]
    terms: tuple[NDArray[np.float32], ...]
    ky: Axis
    kx: Axis

    def blurred(self, source_size: float) -> "BandLimitedScan":
        """The scan with a Gaussian source of this full width at half maximum [Å]."""
        sigma = source_size / np.sqrt(8 * np.log(2))
        passes = [
            np.exp(-2 * (np.pi * sigma) ** 2 * (frequency**2).sum(axis=1))
            for frequency in self.frequencies
        ]
        terms = (
            np.asarray(term * share[:, None, None], dtype=np.float32)
            for term, share in zip(self.terms, passes, strict=True)
        )
        return self._replace(terms=tuple(terms))

    def folded(self, places: NDArray[np.float64]) -> NDArray[np.float32]:
        """Patterns at places (y, x) from the origin [Å], in parts that are even and odd.

        Their shape is ``[n, 2 halves of ky, 2 halves of kx]``.
        """
        down, along = self.ky.size // 2 + 1, self.kx.size // 2 + 1
        patterns = np.empty((len(places), 2 * down, 2 * along), dtype=np.float32)
        for part, (frequency, term) in enumerate(zip(self.frequencies, self.terms, strict=True)):
            waves = np.ones((len(places), len(frequency)))
            for axis, odd in enumerate((part // 2, part % 2)):
                wave = (np.cos, np.sin)[odd]
                waves *= wave(2 * np.pi * places[:, axis, None] * frequency[:, axis])
            y, x = part // 2 * down, part % 2 * along
            values = waves.astype(np.float32) @ term.reshape(len(term), -1)
            patterns[:, y : y + down, x : x + along] = values.reshape(-1, down, along)
        return patterns

    def seen(
        self,
        folded: NDArray[np.float32],
        shift: NDArray[np.float64],
        shape: tuple[int, int],
        pixel: float,
    ) -> NDArray[np.float32]:
        """Patterns that a detector records, ``[n, ky, kx]``; no counts are lost between pixels.

        Parameters
        ----------
        folded : ndarray
            Result of `folded`.
        shift : ndarray, shape [n, 2] or [1, 2]
            Shift of each pattern, or of all, (y, x) [pixels of the detector].
        shape : (int, int)
            Pixels of the detector (ky, kx), the optic axis at size // 2.
        pixel : float
            Size of a pixel [1/Å].
        """
        down, along = (
            _folded_shares(size, pixel, axis, moved)
            for size, axis, moved in zip(shape, (self.ky, self.kx), shift.T, strict=True)
        )
        return np.asarray(down @ folded @ along.transpose(0, 2, 1))


def band_limited(
    quarter: NDArray[np.float64], cell: Pair, band: float, ky: Axis, kx: Axis
) -> BandLimitedScan:
    """Series of a scan.

    Parameters
    ----------
    quarter : ndarray, shape [ny / 2 + 1, nx / 2 + 1, ky, kx]
        Patterns from the origin, where both mirrors meet, to the middle of the cell. Of odd numbers
        of pixels, the optic axis in the middle one.
    cell : (float, float)
        Height and width of the cell [Å].
    band : float
        Highest frequency of the scan [1/Å].
    ky, kx : Axis
        Pixels of the patterns.
    """
    parts = [quarter]
    for axis in (0, 1):
        parts = [half for part in parts for half in _halves(part, axis)]
    frequencies, terms = [], []
    for part, values in enumerate(parts):
        down = _transform(quarter.shape[0], odd=part // 2)
        along = _transform(quarter.shape[1], odd=part % 2)
        series = np.einsum("mj,ni,jikl->mnkl", down, along, values, optimize=True)
        waves = [np.arange(n) / length for n, length in zip(series.shape, cell, strict=False)]
        frequency = np.stack(np.meshgrid(*waves, indexing="ij"), axis=-1)
        inside = np.linalg.norm(frequency, axis=-1) <= band
        frequencies.append(frequency[inside])
        terms.append(series[inside].astype(np.float32))
    return BandLimitedScan(tuple(frequencies), tuple(terms), ky, kx)


def _halves(patterns: NDArray[np.float64], axis: int) -> tuple[NDArray[np.float64], ...]:
    """The even and the odd part of patterns, along ky or kx, from the middle on."""
    patterns = np.moveaxis(patterns, 2 + axis, -1)
    middle = patterns.shape[-1] // 2
    ahead, behind = patterns[..., middle:], patterns[..., middle::-1]
    return tuple(
        np.moveaxis(part, -1, 2 + axis) for part in ((ahead + behind) / 2, (ahead - behind) / 2)
    )


def _transform(count: int, odd: int) -> NDArray[np.float64]:
    """A series from the values in the first half of a period, ``[terms, count]``."""
    period = 2 * (count - 1)
    j = np.arange(count)
    angles = 2 * np.pi * np.outer(j, j) / period
    ends = np.where((j == 0) | (j == count - 1), 1.0, 2.0)
    if odd:
        return 2 * ends * np.sin(angles) / period
    return ends[:, None] * ends * np.cos(angles) / period


def _folded_shares(
    size: int, pixel: float, axis: Axis, shift: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Shares of `shares_of_pixels` for the even and odd halves, ``[n, size, halves]``."""
    shares = shares_of_pixels(size, pixel, axis.size, axis.scale, shift)
    middle = axis.size // 2
    ahead, behind = shares[:, :, middle:], shares[:, :, middle::-1].copy()
    behind[:, :, 0] = 0
    return np.concatenate([ahead + behind, ahead - behind], axis=2).astype(np.float32)
