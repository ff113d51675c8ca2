"""Clusters of scan positions, as calibrated signals."""

from dataclasses import dataclass
from typing import Any

import hyperspy.api as hs
import numpy as np

from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.decomposition import clusters as arrays
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import clean_scan
from stemwidgets.signals.conversion import to_arrays
from stemwidgets.signals.maps.decomposition import Decomposition, pca
from stemwidgets.signals.maps.rrvae_maps import Maps
from stemwidgets.signals.maps.scan_signals import map_signal, map_stack_signal, pattern_stack_signal
from stemwidgets.signals.metadata.units import scan_axis


@dataclass(frozen=True, eq=False)
class Clusters:
    """Groups of scan positions that are alike; the largest is number 0.

    Parameters
    ----------
    labels : Signal2D
        Number of the cluster of each position, ``[iy, ix]``; -1 where it is not defined.
    counts : ndarray of int, shape [clusters]
        Number of positions in each.
    centers : ndarray, shape [clusters, d]
        Mean features of each.
    probability : Signal2D or None
        Probability of each cluster, ``[clusters, iy, ix]``, for ``method="gmm"``.
    patterns : ElectronDiffraction2D or None
        Mean pattern of each cluster, ``[clusters, ky, kx]``, if the scan is known.
    """

    labels: Any
    counts: np.ndarray
    centers: np.ndarray
    probability: Any = None
    patterns: Any = None

    def __repr__(self) -> str:
        """Name the clusters and their sizes."""
        rows, columns = self.labels.data.shape
        sizes = ", ".join(str(count) for count in self.counts)
        return f"<Clusters, scan {rows}×{columns}: {sizes} positions>"


def cluster(
    source: Any,
    n_clusters: int,
    method: str = "kmeans",
    signal: Any = None,
    seed: int = 0,
) -> Clusters:
    """Sort scan positions into groups that are alike.

    Parameters
    ----------
    source : Decomposition, Maps, signal, path or array
        Quantities that positions are compared by: the maps of :func:`stemwidgets.pca` or
        :func:`stemwidgets.nmf`; the latent variables of an rrVAE's maps; a stack of maps
        ``[d, iy, ix]`` as a signal; or an array ``[iy, ix, d]``. They count as they are: bring
        quantities of different units to one scale first. Of a scan, 20 principal components are
        taken.
    n_clusters : int
        Number of clusters.
    method : {"kmeans", "gmm"}
        k-means, for round clusters of one size; or a mixture of Gaussians, for elongated ones that
        overlap, with the probability of each.
    signal : signal, path or array, optional
        The scan, for the mean pattern of each cluster; not needed if `source` is one.
    seed : int
        The same seed and features give the same clusters.

    Returns
    -------
    Clusters
        ``.labels``, -1 where a position is not defined, ``.probability``, ``.patterns`` …

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If a parameter is out of range, there are fewer different positions than clusters, or
        `signal` is another scan.

    Examples
    --------
    >>> groups = sw.cluster(sw.pca(signal, 13), 4, signal=signal)
    >>> groups.labels.plot()
    >>> groups.patterns.plot()
    """
    features, axes, scan = _features(source)
    scan = to_arrays(signal)[:2] if signal is not None else scan
    found = arrays.cluster(features, n_clusters, method, seed)
    patterns = None
    if scan is not None:
        clean = clean_scan(scan[0])
        means = arrays.mean_patterns(clean.data, found.labels, n_clusters)
        axes = scan[1]
        patterns = pattern_stack_signal(means, axes, "mean pattern of each cluster", "cluster")
    probability = None
    if found.probability is not None:
        title = "cluster probability"
        probability = map_stack_signal(found.probability, axes, title, "cluster", "")
    known = found.labels[found.labels >= 0]
    return Clusters(
        map_signal(found.labels, axes, "clusters", "cluster", ""),
        np.bincount(known, minlength=n_clusters),
        found.centers,
        probability,
        patterns,
    )


def _features(source: Any) -> tuple[np.ndarray, Axes, tuple[Any, Axes] | None]:
    """Features ``[iy, ix, d]``, axes of which the scan axes hold, and the scan if it is known."""
    if isinstance(source, Decomposition):
        source = source.maps
    elif isinstance(source, Maps):
        source = source.latent
    if isinstance(source, hs.signals.BaseSignal) and source.data.ndim == 3:
        return _of_stack(source)
    if not isinstance(source, hs.signals.BaseSignal) and getattr(source, "ndim", 4) != 4:
        features = np.asarray(source)
        if features.ndim != 3:
            raise InputError(
                f"Expected features [iy, ix, d], got {features.ndim} dimensions with shape "
                f"{features.shape}. A single map is values[..., None]."
            )
        shape = (*features.shape[:2], 1, 1)
        return features, Axes.uncalibrated(shape), None
    data, axes, _ = to_arrays(source)
    return pca(source).maps.data.transpose(1, 2, 0), axes, (data, axes)


def _of_stack(stack: Any) -> tuple[np.ndarray, Axes, None]:
    if len(stack.axes_manager.signal_axes) != 2:
        raise InputError(
            "Expected a stack of maps with the scan as signal axes, got "
            f"{len(stack.axes_manager.signal_axes)} signal axes. Pass signal.transpose(2)."
        )
    x, y = stack.axes_manager.signal_axes
    rows, columns = (
        scan_axis(Axis(axis.size, float(axis.scale), float(axis.offset), str(axis.units)))
        for axis in (y, x)
    )
    index = [axis.index_in_array for axis in (y, x)]
    last = ({0, 1, 2} - set(index)).pop()
    axes = Axes(rows, columns, Axis(1), Axis(1))
    return np.asarray(stack.data.transpose(*index, last)), axes, None
