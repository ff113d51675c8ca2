"""Agreement of the maps from trainings with different seeds."""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.circular import compare_angles

UNUSED = 1e-3  # standard deviation of a latent variable, whose prior has 1
WIDEST = math.pi / math.sqrt(3)  # rad, standard deviation of an angle that may be any

Map = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AngleSpread:
    """Agreement of angle maps that know neither zero nor sense of rotation.

    Parameters
    ----------
    spread : ndarray, shape [iy, ix]
        Circular standard deviation of one map [rad], at most π/√3 / symmetry, which stands for any
        angle; NaN where fewer than two maps have one.
    correlation : ndarray, shape [n, n]
        Circular correlation of each pair of maps; 1 on the diagonal, NaN where there is nothing to
        compare.
    """

    spread: Map
    correlation: Map


def angle_spread(
    angles: NDArray[np.floating],
    weights: NDArray[np.floating] | None = None,
    symmetry: int = 1,
) -> AngleSpread:
    """Compare angle maps pair by pair, each up to one offset and a handedness.

    Two draws of an angle with the mean resultant length ρ differ by an angle whose mean cosine is
    ρ²: the spread is √(-2 ln ρ) (Mardia & Jupp, Directional Statistics, 2000, section 2.3), without
    a map to refer to, and does not grow with the number of maps. Maps ``[n, iy, ix]`` [rad] are NaN
    where undefined, and compared modulo 2π / symmetry; weights for the offset, the confidence for
    example, are not negative. An InputError if there are fewer than two maps, or the symmetry is no
    whole number from 1.
    """
    angles = np.asarray(angles, dtype=float)
    _require_two(angles, 3, "angle maps [n, iy, ix]")
    weights = np.ones(angles.shape) if weights is None else np.asarray(weights, dtype=float)
    correlation = np.eye(len(angles))
    total, pairs = np.zeros(angles.shape[1:]), np.zeros(angles.shape[1:])
    for one, other in combinations(range(len(angles)), 2):
        try:
            found = compare_angles(
                angles[one], angles[other], weights[one] * weights[other], symmetry
            )
        except InputError:
            correlation[one, other] = correlation[other, one] = np.nan
            continue
        correlation[one, other] = correlation[other, one] = found.correlation
        cosine = np.cos(symmetry * found.difference(angles[one], angles[other]))
        total += np.nan_to_num(cosine)
        pairs += np.isfinite(cosine)
    mean = np.divide(total, pairs, out=np.full(total.shape, np.nan), where=pairs > 0)
    least = math.exp(-(WIDEST**2))
    spread = np.sqrt(np.maximum(0.0, -np.log(np.clip(mean, least, 1.0)))) / symmetry
    return AngleSpread(spread, correlation)


@dataclass(frozen=True, eq=False)
class LatentSpread:
    """Agreement of the latent variables of several trainings.

    Parameters
    ----------
    stability : ndarray, shape [n, d]
        Share of the variance of each variable of each training that a linear map of another
        training's variables explains, mean over the others, from 0 to 1. NaN for a variable that
        is not used.
    spread : ndarray, shape [iy, ix]
        Remainder of such maps, root mean square over variables and pairs, in units of the
        standard deviation of a variable; NaN where it is not defined.
    canonical : ndarray, shape [d]
        Canonical correlations, mean over the pairs: those of the best matched directions of the
        two latent spaces, in falling order.
    """

    stability: Map
    spread: Map
    canonical: Map


def latent_spread(latents: NDArray[np.floating]) -> LatentSpread:
    """Match latent variables of trainings, which are known up to order, sign and mixing at best.

    They are ``[n, iy, ix, d]``, NaN where undefined. An InputError if there are fewer than two
    trainings.
    """
    latents = np.asarray(latents, dtype=float)
    _require_two(latents, 4, "latent variables [n, iy, ix, d]")
    known = np.isfinite(latents).all(axis=(0, -1))
    points = latents[:, known] - latents[:, known].mean(axis=1, keepdims=True)
    width = points.std(axis=1) if known.any() else np.zeros((len(latents), latents.shape[-1]))
    used = width > UNUSED
    unit = np.where(used[:, None], points / np.where(used, width, 1.0)[:, None], 0.0)
    count, size = len(latents), latents.shape[-1]
    explained, left, directions = np.zeros((count, size)), np.zeros(unit.shape[1]), []
    for one in range(count):
        for other in set(range(count)) - {one}:
            linear = np.linalg.lstsq(unit[other], unit[one], rcond=None)[0]
            rest = unit[one] - unit[other] @ linear
            explained[one] += 1 - (rest**2).mean(axis=0) if known.any() else 0.0
            left += (rest[:, used[one]] ** 2).sum(axis=1)
        directions += [canonical_correlations(unit[one], unit[k]) for k in range(one)]
    terms = max(1, int(used.sum()) * (count - 1))
    spread = np.full(latents.shape[1:3], np.nan)
    spread[known] = np.sqrt(left / terms)
    stability = np.where(used, np.clip(explained / (count - 1), 0, 1), np.nan)
    return LatentSpread(stability, spread, np.mean(directions, axis=0))


def canonical_correlations(a: Map, b: Map) -> Map:
    """Correlations of the best matched directions of two clouds of points (Hotelling, 1936).

    Centred coordinates ``[points, d]`` of the same points give d numbers from 1 to 0; 0 for
    directions in which there is no width.
    """
    bases = []
    for cloud in (a, b):
        left, width, _ = np.linalg.svd(cloud, full_matrices=False)
        bases.append(left[:, width > 1e-9 * max(1.0, width.max(initial=0.0))])
    found = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
    result = np.zeros(a.shape[1])
    result[: len(found)] = np.clip(found, 0, 1)
    return result


def _require_two(maps: NDArray[np.floating], dimensions: int, words: str) -> None:
    if maps.ndim != dimensions or len(maps) < 2:
        raise InputError(f"Expected {words} of two trainings or more, got the shape {maps.shape}.")
