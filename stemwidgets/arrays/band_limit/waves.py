"""Fit of the waves that a probe can make in a scan: shot noise beyond them is removed.

The wave behind the specimen is linear in the probe, which holds no spatial frequency beyond α/λ. So
the intensity of a detector pixel, as a function of the position of the probe, holds no scan
frequency beyond 2α/λ, whatever the specimen (Rodenburg & Bates, Phil. Trans. R. Soc. A 339, 521
(1992), doi:10.1098/rsta.1992.0050). Shot noise is white over all of them.

A scan is not periodic. Its waves are fitted by least squares, as a Gaussian process (Rasmussen &
Williams, Gaussian Processes for Machine Learning, 2006, eq. 2.23) whose prior is the physics of the
probe: a scan frequency q comes from pairs of points of the aperture that lie q apart, and is as
strong as there are such pairs, 2/π (acos x − x √(1 − x²)) with x = qλ/2α. Beyond the limit there
are none. The mean of the scan is free. Without noise a band-limited scan comes back unchanged; at
the edges the result is never noisier than the data, and nothing leaks from one edge to the other.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

Array = NDArray[Any]
Float = NDArray[np.float64]
Indices = NDArray[np.intp]
Places = tuple[Indices, Indices]

BEYOND = 2.0  # shortest waves, from each edge of the scan to where the fitted waves repeat
PARITIES = ((0, 0), (0, 1), (1, 0), (1, 1))  # even or odd about the middle, along y and x
ROUNDING = 1e-9  # relative: a wave that lies on the limit is within it
FEWEST_PAIRS = 1e-3  # of those at frequency 0: a wave close to the limit is weak, but not absent


@dataclass(frozen=True, eq=False)
class Waves:
    """Plane waves within the limit, fitted to a scan or to a window of it.

    Parameters
    ----------
    shape : (int, int)
        Positions (rows, columns).
    limit : (float, float)
        Highest frequency along y and x [waves per scan step].
    noise : float
        Variance of the shot noise over that of the strongest signal, at one position.
    periodic : bool
        True if the scan goes on at its other edge.
    """

    shape: tuple[int, int]
    limit: tuple[float, float]
    noise: float
    periodic: bool = False

    def fit(self, maps: Array, missing: NDArray[np.bool_] | None = None) -> Array:
        """Maps ``[iy, ix, n]`` as the waves fit them, of the same type.

        Positions that are `missing`, ``[iy, ix]``, count nothing, whatever the maps hold there.
        They are given what their neighbours say; 0 beyond the last row or column that is known.
        """
        if missing is None or not missing.any():
            mean = maps.mean(axis=(0, 1))
            return self._fit(maps - mean) + mean
        known = _known_part(missing)
        if missing[known].shape != self.shape:
            fitted = np.zeros_like(maps)
            fitted[known] = self._of_part(missing[known].shape).fit(maps[known], missing[known])
            return fitted
        mean = maps[~missing].mean(axis=0)
        return self._fit(self._with_filled(maps - mean, missing)) + mean

    def _of_part(self, shape: tuple[int, ...]) -> "Waves":
        """Waves of a part of the scan, as of one that was broken off."""
        return _waves((shape[0], shape[1]), self.limit, self.noise)

    def _fit(self, maps: Array) -> Array:
        rows, _, count = maps.shape
        down, along = (each.astype(maps.dtype) for each in self._series)
        by_x = np.matmul(along.T, maps)
        both = (down.T @ by_x.reshape(rows, -1)).reshape(len(down.T), len(along.T), count)
        fitted = np.zeros_like(both)
        for (y, x), root in zip(self._pairs, self._roots, strict=True):
            small = root.astype(maps.dtype)
            fitted[y, x] = small.T @ (small @ both[y, x])
        by_x = (down @ fitted.reshape(len(fitted), -1)).reshape(rows, -1, count)
        return np.matmul(along, by_x)

    def _with_filled(self, maps: Array, missing: NDArray[np.bool_]) -> Array:
        """Fill missing positions with values that the fit gives back: they then count nothing."""
        maps = np.where(missing[..., None], np.zeros((), maps.dtype), maps)
        at = _places(missing)
        hat = self._columns(at)[at]
        gain = np.eye(len(hat)) - hat
        maps[at] = linalg.solve(gain, self._fit(maps)[at], assume_a="pos")
        return maps

    def weights(self, position: tuple[int, int]) -> Float:
        """Weight of each position, ``[iy, ix]``, in what the fit gives at one of them."""
        at = (np.array([position[0]]), np.array([position[1]]))
        of_waves = self._columns(at)[..., 0]
        return of_waves + (1 - of_waves.sum()) / of_waves.size

    @cached_property
    def residual_freedom(self) -> float:
        """Sum over the scan of what is left, squared, of white noise of unit variance."""
        trace = sum(
            float(np.einsum("ij,ji->", root.T @ root, gram))
            for root, gram in zip(self._roots, self._grams, strict=True)
        )
        return math.prod(self.shape) - 2 * trace + float(self._variance.sum())

    def _columns(self, at: Places) -> Float:
        """Response ``[iy, ix, k]`` of the fit to a value at each of these positions."""
        impulses = np.zeros((*self.shape, len(at[0])))
        impulses[(*at, np.arange(len(at[0])))] = 1.0
        return self._fit(impulses)

    def variance(self, missing: NDArray[np.bool_] | None = None) -> Float:
        """Share of the variance of white noise that is left at each position, ``[iy, ix]``.

        1 beyond the last row or column that is known.
        """
        if missing is not None and missing.any():
            part = _known_part(missing)
            if missing[part].shape != self.shape:
                share = np.ones(self.shape)
                share[part] = self._of_part(missing[part].shape).variance(missing[part])
                return share
        alone = self._zero_mean_variance(missing)
        known = np.ones(self.shape) if missing is None else 1.0 - missing
        flat = known[..., None]
        if missing is not None and missing.any():
            flat = self._with_filled(flat, missing)
        return alone + (1 - self._fit(flat)[..., 0] ** 2) / known.sum()

    def _zero_mean_variance(self, missing: NDArray[np.bool_] | None) -> Float:
        """Share of the variance that is left if the mean of the maps is known to be zero."""
        if missing is None or not missing.any():
            return self._variance
        at = _places(missing)
        response = self._columns(at)
        others = np.where(missing[..., None], 0.0, response)
        # f = A y + R (I - A_mm)^-1 A_mo y, with R = A at the missing positions: rows of A and of R
        weights = linalg.inv(np.eye(len(at[0])) - response[at])
        filled = others @ weights.T
        through = self._fit(filled)
        kept = self._variance - (response**2).sum(axis=-1)
        mixed = response @ np.tensordot(filled, filled, ((0, 1), (0, 1)))
        return kept + 2 * (response * through).sum(axis=-1) + (mixed * response).sum(axis=-1)

    @cached_property
    def _variance(self) -> Float:
        """The same of a whole window, from the quarter of it that symmetry leaves."""
        near = tuple((size + 1) // 2 for size in self.shape)
        down, along = (series[:n] for series, n in zip(self._series, near, strict=True))
        parts = {}
        for parity, (y, x), root, gram in zip(
            PARITIES, self._pairs, self._roots, self._grams, strict=True
        ):
            waves = (down[:, None, y] * along[None, :, x]).reshape(math.prod(near), len(y))
            solved = waves @ root.T @ root
            parts[parity] = ((solved @ gram) * solved).sum(axis=1).reshape(near)
        quarter = sum(parts.values())
        rows, columns = (np.minimum(np.arange(s), s - 1 - np.arange(s)) for s in self.shape)
        return quarter[np.ix_(rows, columns)]

    @cached_property
    def independent(self) -> float:
        """Share of the positions that are independent of each other, by their noise.

        With the covariance C of the noise it is (tr C)² / (n tr C²), see Satterthwaite, Biometrics
        Bull. 2, 110 (1946), doi:10.2307/3002019.
        """
        hats = [root.T @ root @ gram for root, gram in zip(self._roots, self._grams, strict=True)]
        square = sum(float((hat @ hat).trace()) for hat in hats)
        fourth = sum(float(np.einsum("ij,ji->", hat @ hat, hat @ hat)) for hat in hats)
        return min(1.0, square**2 / (fourth * math.prod(self.shape)))

    @cached_property
    def _periods(self) -> tuple[float, float]:
        """Lengths after which the fitted waves repeat [scan steps]."""
        beyond = 0.0 if self.periodic else 2 * BEYOND
        rows, columns = (n + beyond / f for n, f in zip(self.shape, self.limit, strict=True))
        return rows, columns

    @cached_property
    def _highest(self) -> tuple[int, int]:
        """Highest number of waves along each axis."""
        down, along = (
            math.floor(min(f, 0.5) * period + ROUNDING)
            for f, period in zip(self.limit, self._periods, strict=True)
        )
        return down, along

    @cached_property
    def _series(self) -> tuple[Float, Float]:
        """Cosines, then sines, about the middle, along y and x, ``[positions, waves]``."""
        found = []
        for size, highest, period in zip(self.shape, self._highest, self._periods, strict=True):
            place = np.arange(size) - (size - 1) / 2
            phase = 2 * np.pi / period * place[:, None] * np.arange(highest + 1)
            cos, sin = math.sqrt(2) * np.cos(phase), math.sqrt(2) * np.sin(phase)
            cos[:, 0] = 1.0
            found.append(np.concatenate([cos, sin[:, 1:]], axis=1))
        return found[0], found[1]

    @cached_property
    def _pairs(self) -> list[tuple[Indices, Indices]]:
        """Columns of the series along y and x whose product is within the limit, by parity."""
        pairs = []
        for odd in PARITIES:
            waves = [np.arange(o, most + 1) for o, most in zip(odd, self._highest, strict=True)]
            fy, fx = (
                wave / period / limit
                for wave, period, limit in zip(waves, self._periods, self.limit, strict=True)
            )
            y, x = np.nonzero(np.hypot(fy[:, None], fx) <= 1 + ROUNDING)
            start = [(most + 1) * o for o, most in zip(odd, self._highest, strict=True)]
            pairs.append((y + start[0], x + start[1]))
        return pairs

    @cached_property
    def _grams(self) -> list[Float]:
        """Overlaps of the waves on the scan, by parity: between parities they vanish."""
        down, along = (series.T @ series for series in self._series)
        return [down[np.ix_(y, y)] * along[np.ix_(x, x)] for y, x in self._pairs]

    @cached_property
    def _roots(self) -> list[Float]:
        """Matrices R, by parity, with RᵀR the inverse of overlap plus noise."""
        strength = [self._strength(y, x) for y, x in self._pairs]
        noise = self.noise * sum(float(each.sum()) for each in strength)
        roots = []
        for gram, of_waves in zip(self._grams, strength, strict=True):
            lower = np.linalg.cholesky(gram + np.diag(noise / of_waves))
            roots.append(linalg.solve_triangular(lower, np.eye(len(gram)), lower=True))
        return roots

    def _strength(self, y: Indices, x: Indices) -> Float:
        """Prior variance of waves: the share of pairs of points of the aperture so far apart."""
        fy, fx = (
            np.where(column > most, column - most, column) / period / limit
            for column, most, period, limit in zip(
                (y, x), self._highest, self._periods, self.limit, strict=True
            )
        )
        apart = np.minimum(np.hypot(fy, fx), 1.0)
        pairs = 2 / np.pi * (np.arccos(apart) - apart * np.sqrt(1 - apart**2))
        return np.maximum(pairs, FEWEST_PAIRS)


@lru_cache(maxsize=8)  # windows along the end of a scan have the same part
def _waves(shape: tuple[int, int], limit: tuple[float, float], noise: float) -> Waves:
    return Waves(shape, limit, noise)


def _known_part(missing: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns from the first to the last with a position that is known."""
    rows, columns = (np.flatnonzero(~missing.all(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _places(missing: NDArray[np.bool_]) -> Places:
    y, x = np.nonzero(missing)
    return y, x
