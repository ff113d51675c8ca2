"""Principal components, non-negative factors and clusters of a session's scan, as channels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from traitlets import Instance, Tuple

from stemwidgets.arrays.decomposition import nmf, pca
from stemwidgets.arrays.decomposition.clusters import cluster, mean_patterns
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import CleanScan
from stemwidgets.state.background.worker import Mailbox
from stemwidgets.state.channel_store import ChannelStore
from stemwidgets.state.channels import CLUSTERS, DECOMPOSITIONS, Channel, latents
from stemwidgets.state.scan.computing import Computing
from stemwidgets.state.scan.scan import Scan


@dataclass(frozen=True, eq=False)
class Parts:
    """Result of one decomposition of a scan.

    Parameters
    ----------
    method : str
        Name in `METHODS`.
    names : tuple of str
        Names of the parts; those of PCA and NMF are also the names of their channels.
    patterns : ndarray of float32, shape [k, ky, kx]
        Component patterns, or the mean pattern of each cluster.
    shares : tuple of float
        Share of each in the variance of the scan, or in its positions; from 0 to 1.
    channels : tuple of Channel
        The maps.
    """

    method: str
    names: tuple[str, ...]
    patterns: NDArray[np.float32]
    shares: tuple[float, ...]
    channels: tuple[Channel, ...]

    @property
    def family(self) -> str:
        """Family of the method: results of PCA, NMF or clusters replace others of their family."""
        return self.method if self.method in DECOMPOSITIONS else CLUSTERS


class Decomposing(Computing):
    """Decomposition of a scan in the background, with maps among the session's channels.

    Parameters
    ----------
    scan, mailbox
        As for `Computing`.
    channels : ChannelStore
        Receives the maps; clusters are made of the latent variables in it.

    Attributes
    ----------
    found : Parts or None
        The latest result.
    shown : tuple of Parts
        All results whose maps are channels, the latest last.
    """

    found = Instance(Parts, allow_none=True, read_only=True)
    shown = Tuple(read_only=True)

    def __init__(self, scan: Scan, mailbox: Mailbox, channels: ChannelStore) -> None:
        super().__init__(scan, mailbox)
        self._channels = channels

    def start(self, method: str = "PCA", n_components: int = 5) -> None:
        """Compute components or clusters in the background.

        Parameters
        ----------
        method : {"PCA", "NMF", "k-means on PCA", "k-means on latents"}
            Principal components; non-negative factors; clusters of positions by their first 20
            principal components, or by the latent variables of the rrVAE.
        n_components : int
            Number of components, or of clusters.

        Raises
        ------
        InputError
            If there is no such method. If the data are refused it fails: see `problem`, or let
            `wait` raise it.
        """
        if method not in METHODS:
            raise InputError(f"a scan is taken apart by {', '.join(METHODS)}, not by {method!r}")
        scan = self._scan
        codes = [channel.values for channel in latents(self._channels.channels)]
        self._compute(lambda: METHODS[method](scan.cleaned(), n_components, codes), self._keep)

    def again(self) -> None:
        """Repeat the latest decomposition, with other pixels left out; drop the others."""
        latest = self.found
        self.restore(())
        if latest is not None:
            self.start(latest.method, len(latest.names))

    def restore(self, shown: tuple[Parts, ...]) -> None:
        """Show results that were found before, and no others."""
        self._channels.replace("decomposition")
        self.set_trait("shown", ())
        self.set_trait("found", None)
        for parts in shown:
            self._keep(parts)

    def _keep(self, parts: Parts) -> None:
        replaced = [each for each in self.shown if each.family == parts.family]
        old = tuple(channel.name for each in replaced for channel in each.channels)
        self._channels.put(*parts.channels, drop=old)
        others = tuple(each for each in self.shown if each not in replaced)
        self.set_trait("shown", (*others, parts))
        self.set_trait("found", parts)


def named(
    method: str,
    names: tuple[str, ...],
    patterns: NDArray[np.float32],
    shares: tuple[float, ...],
    maps: NDArray[np.float32],
) -> Parts:
    """Parts whose maps ``[iy, ix, k]`` have the names and colours that go with the method.

    Parameters
    ----------
    method, names, patterns, shares
        As for `Parts`.
    maps : ndarray, shape [iy, ix, k]
        Map of each component; of clusters there is one map, of their indices.
    """
    if method not in DECOMPOSITIONS:
        channels: tuple[Channel, ...] = (
            Channel(CLUSTERS, maps[..., 0], "", "category", source="decomposition"),
        )
    else:
        kind: Any = "signed" if method == "PCA" else "scalar"
        channels = tuple(
            Channel(name, maps[..., index], "counts", kind, source="decomposition")
            for index, name in enumerate(names)
        )
    return Parts(method, names, patterns, shares, channels)


def _components(found: pca.Decomposition) -> Parts:
    names = tuple(f"{found.method} {index + 1}" for index in range(len(found.patterns)))
    shares = tuple(float(share) for share in found.explained_variance_ratio)
    return named(found.method, names, found.patterns, shares, found.maps)


def _pca(scan: CleanScan, n_components: int, _: list[Any]) -> Parts:
    return _components(pca.pca(scan.data, n_components, mask=scan.mask))


def _nmf(scan: CleanScan, n_components: int, _: list[Any]) -> Parts:
    return _components(nmf.nmf(scan.data, n_components, mask=scan.mask))


def _clusters_of_components(scan: CleanScan, clusters: int, _: list[Any]) -> Parts:
    maps = pca.pca(scan.data, mask=scan.mask).maps
    return _clustered("k-means on PCA", scan.data, clusters, maps)


def _clusters_of_latents(scan: CleanScan, clusters: int, latents: list[Any]) -> Parts:
    if not latents:
        raise InputError("There are no latent variables yet: train an rrVAE first.")
    return _clustered("k-means on latents", scan.data, clusters, np.stack(latents, axis=-1))


def _clustered(method: str, data: Any, clusters: int, features: NDArray[np.floating]) -> Parts:
    labels = cluster(features, clusters).labels
    values = np.where(labels >= 0, labels, np.nan).astype(np.float32)
    counts = np.bincount(labels[labels >= 0], minlength=clusters)
    return named(
        method,
        tuple(f"cluster {index}" for index in range(clusters)),
        mean_patterns(data, labels, clusters),
        tuple(float(count) for count in counts / max(1, counts.sum())),
        values[..., None],
    )


METHODS: dict[str, Callable[[CleanScan, int, list[Any]], Parts]] = {
    "PCA": _pca,
    "NMF": _nmf,
    "k-means on PCA": _clusters_of_components,
    "k-means on latents": _clusters_of_latents,
}
