"""How good angles and latent variables are, where the truth is known."""

import numpy as np
from numpy.typing import NDArray
from rotated_patterns import RotatedPatterns
from scipy.sparse import csr_array, diags_array, triu
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import eigsh
from scipy.spatial import cKDTree

from stemwidgets.arrays.maps.circular import compare_angles, wrap

Array = NDArray[np.float64]

CONVENTION_WAVES = 12
NEIGHBOURS = (5, 10, 20, 40, 80)
LEAK_NEIGHBOURS = 50
GRAPH_NEIGHBOURS = 8
BRIDGE = 1e-3


def angle_error(angle: Array, truth: Array, symmetry: int) -> Array:
    """Raw error [rad]: what one global offset and a handedness leave, modulo 2π/symmetry."""
    found, known = symmetry * np.asarray(angle, dtype=float), symmetry * truth
    fit = compare_angles(found, known)
    return wrap(fit.handedness * found + fit.offset - known) / symmetry


def without_convention(error: Array, truth: RotatedPatterns, symmetry: int) -> Array:
    """Convention-free error [rad]: less a smooth function of class and factor.

    No unsupervised model can know which frame the generator of the patterns gave to each of them.
    The function is a sum of 12 cosines of f per class, fitted to exp(i error) by least squares; the
    rest is widened by the degrees of freedom that the fit took.
    """
    rest = np.empty_like(error)
    for kind in (0, 1):
        rows = truth.kind == kind
        waves = np.cos(np.pi * np.arange(CONVENTION_WAVES) * truth.factor[rows, None])
        vector = np.exp(1j * symmetry * error[rows])
        weights = np.linalg.lstsq(waves, vector, rcond=None)[0]
        left = wrap(np.angle(vector) - np.angle(waves @ weights)) / symmetry
        rest[rows] = left * np.sqrt(rows.sum() / (rows.sum() - CONVENTION_WAVES))
    return rest


def factor_r2(train_z: Array, train_f: Array, test_z: Array, test_f: Array) -> float:
    """R² of f predicted from z by the mean of the nearest neighbours in the training draw.

    Their number is the one that predicts the second half of the training draw best from the first.
    """
    half = len(train_z) // 2
    count = max(
        NEIGHBOURS,
        key=lambda k: r2(
            _neighbour_mean(train_z[:half], train_f[:half], train_z[half:], k), train_f[half:]
        ),
    )
    return r2(_neighbour_mean(train_z, train_f, test_z, count), test_f)


def leak_r2(train_z: Array, train_angle: Array, test_z: Array, test_angle: Array) -> float:
    """R² of (cos θ, sin θ) predicted from z by 50 neighbours, at least 0.

    A mean of k values that have nothing to do with z misses by (1 + 1/k) times their variance; that
    factor is divided out, so that no leak gives 0 and not -1/k.
    """
    known, asked = (np.stack([np.cos(a), np.sin(a)], 1) for a in (train_angle, test_angle))
    guess = _neighbour_mean(train_z, known, test_z, LEAK_NEIGHBOURS)
    excess = 1 + 1 / LEAK_NEIGHBOURS
    return max(0.0, 1 - (1 - r2(guess, asked)) / excess)


def told_apart(latent: Array, kind: NDArray[np.int_]) -> float:
    """Share of patterns in the right one of two clusters of z, whichever is called 0.

    Spectral clustering: the patterns are a graph of nearest neighbours, its pieces tied together by
    faint bridges so that a few lone points are no cluster, and cut where the normalised cut is
    smallest. Curves that keep about 6.5 times their width apart are two clusters however bent they
    are; closer ones may be cut across.
    """
    graph = _neighbour_graph(latent)
    degree = np.asarray(graph.sum(axis=1)).ravel()
    scale = diags_array(1 / np.sqrt(degree))
    start = np.random.default_rng(0).standard_normal(len(degree))
    value, vector = eigsh(scale @ graph @ scale, k=2, sigma=1 + 1e-6, v0=start)
    order = np.argsort(vector[:, np.argmin(value)] / np.sqrt(degree))
    cluster = np.empty(len(degree), dtype=int)
    last = _smallest_cut(graph[order][:, order], degree[order])
    cluster[order] = np.arange(len(degree)) > last
    agreement = float(np.mean(cluster == kind))
    return max(agreement, 1 - agreement)


def class_from_neighbours(
    train_z: Array, train_kind: NDArray[np.int_], test_z: Array, test_kind: NDArray[np.int_]
) -> float:
    """Share of classes that 15 labelled neighbours would tell: what z knows, clustering aside."""
    guess = _neighbour_mean(train_z, train_kind.astype(float), test_z, 15) > 0.5
    return float(np.mean(guess == test_kind))


def _neighbour_graph(latent: Array) -> csr_array:
    _, nearest = cKDTree(latent).query(latent, k=GRAPH_NEIGHBOURS + 1)
    rows = np.repeat(np.arange(len(latent)), GRAPH_NEIGHBOURS)
    shape = (len(latent), len(latent))
    graph = csr_array((np.ones(len(rows)), (rows, nearest[:, 1:].ravel())), shape=shape)
    graph = graph.maximum(graph.T)
    while True:
        pieces, piece = connected_components(graph)
        if pieces == 1:
            return graph
        inside = piece == np.argmin(np.bincount(piece))
        near, far = np.flatnonzero(inside), np.flatnonzero(~inside)
        distance, other = cKDTree(latent[far]).query(latent[near])
        ends = near[np.argmin(distance)], far[other[np.argmin(distance)]]
        bridge = csr_array(([BRIDGE], ([ends[0]], [ends[1]])), shape=shape)
        graph = graph + bridge + bridge.T


def _smallest_cut(graph: csr_array, degree: Array) -> int:
    """Index after which an ordered graph is cut, where the normalised cut is smallest."""
    inside = np.cumsum(degree)
    upper = triu(graph)
    # edges that cross each place: those that have begun less those that have ended
    after = np.cumsum(np.asarray(upper.sum(axis=1) - upper.sum(axis=0)).ravel())
    cut = after[:-1] * (1 / inside[:-1] + 1 / (inside[-1] - inside[:-1]))
    return int(np.argmin(cut))


def _neighbour_mean(known_z: Array, known: Array, z: Array, count: int) -> Array:
    _, nearest = cKDTree(known_z).query(z, k=count)
    return known[nearest].mean(axis=1)


def r2(guess: Array, truth: Array) -> float:
    """Share of the variance of the truth that a guess explains."""
    return float(1 - np.mean((guess - truth) ** 2) / np.mean((truth - truth.mean(axis=0)) ** 2))
