"""Correction of half pixels at sharp edges, fitted to the patterns themselves.

The dependence of each edge pixel on the beam's place is fitted beside its dependence on what the
specimen deflects. A slow change of the specimen along the scan looks the same; so no more is taken
for edges than a share of what half pixels say that the edge changes there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.center_of_mass import centroids, pattern_moments
from stemwidgets.arrays.centring.half_pixels import MovedPatterns, at_rest

LINEAR = 0.1  # px, up to which a pixel on the sharpest edge changes in proportion
BENT = 6  # order beyond: with 4, what is left of sharp edges passes for components of the patterns
DEFLECTED = 2  # order in which a pixel depends on the centre of mass
TOLD = 0.3  # of the least singular value of powers of places in a square: planes reach 0.8
EDGE = 0.1  # of the largest change with the beam's place: what changes less is no edge
SHARE = 0.5  # of what half pixels say: an edge within one of them is off by as much
# places [-1, 1]² in which the beam falls evenly, the best to fit powers to: 16 × 16 of them
SQUARE = np.stack(np.meshgrid(*[np.linspace(-1, 1, 16)] * 2), axis=-1).reshape(-1, 2)

Map = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SharpEdges:
    """Change of edge pixels with the beam's place, beyond what half pixels show.

    Parameters
    ----------
    order : int
        Highest total power of the place.
    pixels : ndarray of int, shape [n, 2]
        Pixels on edges, ``(ky, kx)``.
    slopes : ndarray, shape [n, terms]
        Change of each with each of the `powers`, at the mean dose.
    """

    order: int
    pixels: NDArray[np.intp]
    slopes: Map


def fit_sharp_edges(sample: MovedPatterns, half_pixels: Map, jumps: bool) -> SharpEdges:
    """Fit the correction of sharp edges to the mean pattern in half pixels.

    `jumps` is True if the beam jumps: its places may be few, and determine no high powers.
    """
    patterns, dose, rest = sample.patterns, sample.dose, sample.rest
    left, com = np.empty_like(patterns), np.empty((len(rest), 2))
    size = np.zeros(patterns.shape[1:])
    still = at_rest(half_pixels)
    for i, model in sample.expected(half_pixels):
        whole = np.where(sample.seen[i], patterns[i], dose[i, None, None] * model)
        com[i] = centroids(pattern_moments(whole.astype(np.float32), None)) - rest[i]
        left[i] = whole - dose[i, None, None] * model
        size += len(i) * (model - still) ** 2
    size = np.sqrt(size / len(rest))
    pixels = np.argwhere((size > EDGE * size.max()) & sample.seen.any(axis=0))
    terms = powers(rest, order := _order(rest, jumps))
    lit = np.isfinite(com).all(axis=1)
    beside = powers(com[lit] - com[lit].mean(axis=0), DEFLECTED) if lit.any() else terms[:0, :0]
    fitted = dose[lit, None] * np.column_stack([np.ones(lit.sum()), terms[lit], beside])
    values = left[:, *pixels.T][lit].astype(float)
    slopes = np.linalg.lstsq(fitted, values, rcond=None)[0][1 : 1 + terms.shape[1]]
    found = np.sqrt(((terms @ slopes) ** 2).mean(axis=0))
    share = np.minimum(1, SHARE * size[*pixels.T] / np.maximum(found, np.finfo(float).tiny))
    return SharpEdges(order, pixels, (slopes * share).T)


def powers(place: Map, order: int) -> Map:
    """Products of ``(y, x)`` up to an order, ``[n, terms]``: y, x, y², yx, x², and on.

    The places ``[n, 2]`` [px] are departures of the beam that whole pixels leave, or centres of
    mass.
    """
    y, x = place.T
    pairs = [(total - a, a) for total in range(1, order + 1) for a in range(total + 1)]
    return np.stack([y**down * x**along for down, along in pairs], axis=-1)


def _order(rest: Map, jumps: bool) -> int:
    highest, order = 1 if np.abs(rest).max() <= LINEAR else BENT, 1
    while order < highest and (not jumps or _told(rest, order + 1)):
        order += 1
    return order


def _told(rest: Map, order: int) -> bool:
    """True if powers of these places ``[n, 2]`` are nearly as unlike as of those in a square."""
    return _unlikeness(rest, order) > TOLD * _unlikeness(SQUARE, order)


def _unlikeness(rest: Map, order: int) -> float:
    """Least singular value of normalized powers, whatever the size and direction of the places."""
    places, _, _ = np.linalg.svd(rest - rest.mean(axis=0), full_matrices=False)
    terms = np.column_stack([np.ones(len(rest)), powers(places * np.sqrt(len(rest)), order)])
    sizes = np.maximum(np.linalg.norm(terms, axis=0), np.finfo(float).tiny)
    return float(np.linalg.svd(terms / sizes, compute_uv=False)[-1])
