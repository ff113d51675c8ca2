"""Groups of scan positions that are alike."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from stemwidgets.arrays.blocks import iterate_blocks
from stemwidgets.arrays.errors import InputError

METHODS = ("kmeans", "gmm")
# random starts, of which the best is kept; each of a mixture is a k-means
STARTS = {"kmeans": 10, "gmm": 4}


@dataclass(frozen=True, eq=False)
class Clusters:
    """Cluster of each position; the largest cluster is number 0.

    Parameters
    ----------
    labels : ndarray of int16, shape [...]
        Number of the cluster; -1 where a feature is not finite.
    centers : ndarray, shape [clusters, d]
        Mean features of each cluster.
    probability : ndarray of float32, shape [..., clusters], or None
        Probability of each cluster (GMM only); NaN where a feature is not finite.
    """

    labels: NDArray[np.int16]
    centers: NDArray[np.float64]
    probability: NDArray[np.float32] | None


def cluster(features: Any, n_clusters: int, method: str = "kmeans", seed: int = 0) -> Clusters:
    """Sort positions, described by features ``[..., d]``, into clusters, see `stemwidgets.cluster`.

    An InputError if there are fewer different positions than clusters, or a parameter is out of
    range.
    """
    values = _require_features(features)
    _require(n_clusters, method, seed)
    flat = values.reshape(-1, values.shape[-1])
    known = np.isfinite(flat).all(axis=1)
    points = flat[known]
    different = len(np.unique(points, axis=0))
    if different < n_clusters:
        raise InputError(
            f"Expected at least {n_clusters} positions that differ for {n_clusters} clusters, got "
            f"{different}. Ask for fewer clusters."
        )
    middle = points.mean(axis=0)
    size = max(float(np.sqrt(np.square(points - middle).sum(axis=1).mean())), 1e-300)
    fit = _kmeans if method == "kmeans" else _gmm
    found, centers, chances = fit((points - middle) / size, n_clusters, int(seed))
    order = np.argsort(-np.bincount(found, minlength=n_clusters), kind="stable")
    labels = np.full(len(flat), -1, dtype=np.int16)
    labels[known] = np.argsort(order)[found]
    probability = None
    if chances is not None:
        probability = np.full((len(flat), n_clusters), np.nan, dtype=np.float32)
        probability[known] = chances[:, order]
        probability = probability.reshape(*values.shape[:-1], n_clusters)
    return Clusters(labels.reshape(values.shape[:-1]), centers[order] * size + middle, probability)


def mean_patterns(data: Any, labels: NDArray[np.int16], clusters: int) -> NDArray[np.float32]:
    """Mean pattern of each cluster, ``[clusters, ky, kx]``; NaN for a cluster without positions.

    Patterns ``[..., ky, kx]`` of a dask array are read once, block by block. Negative labels belong
    to none. An InputError if there is not one label for each pattern.
    """
    if tuple(data.shape[:-2]) != labels.shape:
        raise InputError(
            f"Expected patterns of the same scan, {labels.shape}, got {tuple(data.shape[:-2])}."
        )
    sums = np.zeros((clusters, int(np.prod(data.shape[-2:]))))
    for where, patterns in iterate_blocks(data):
        flat, names = patterns.reshape(-1, sums.shape[1]), labels[where].ravel()
        for name in range(clusters):
            sums[name] += flat[names == name].sum(axis=0, dtype=np.float64)
    counts = np.bincount(labels[labels >= 0].ravel(), minlength=clusters)
    with np.errstate(invalid="ignore"):
        means = sums / counts[:, None]
    return means.reshape(clusters, *data.shape[-2:]).astype(np.float32)


def _kmeans(
    points: NDArray[np.float64], clusters: int, seed: int
) -> tuple[NDArray[Any], NDArray[np.float64], None]:
    model = KMeans(clusters, n_init=STARTS["kmeans"], random_state=seed).fit(points)
    return model.labels_, model.cluster_centers_, None


def _gmm(
    points: NDArray[np.float64], clusters: int, seed: int
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]:
    model = GaussianMixture(clusters, n_init=STARTS["gmm"], max_iter=300, random_state=seed)
    with warnings.catch_warnings():
        # a mixture that still creeps after 300 rounds is as good as any
        warnings.simplefilter("ignore", ConvergenceWarning)
        chances = model.fit(points).predict_proba(points)
    return chances.argmax(axis=1), model.means_, chances


def _require_features(features: Any) -> NDArray[np.float64]:
    values = np.asarray(features)
    if values.dtype.kind not in "buif" or values.ndim < 2 or 0 in values.shape:
        raise InputError(
            "Expected numbers that describe each position, [iy, ix, d], got "
            f"{values.dtype} of shape {values.shape}."
        )
    return values.astype(np.float64)


def _require(clusters: Any, method: Any, seed: Any) -> None:
    if isinstance(clusters, bool) or not isinstance(clusters, (int, np.integer)):
        raise InputError(f"Expected clusters to be a whole number, got {clusters!r}.")
    if not 1 <= clusters <= 1000:
        raise InputError(f"Expected between 1 and 1000 clusters, got {clusters}.")
    if method not in METHODS:
        raise InputError(f'Expected method to be "kmeans" or "gmm", got {method!r}.')
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise InputError(f"Expected seed to be a whole number from 0 to 2³² - 1, got {seed!r}.")
