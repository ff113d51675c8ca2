"""Principal components and non-negative factors of a scan, as calibrated signals."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import hyperspy.api as hs
import numpy as np
from numpy.typing import ArrayLike

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.decomposition import nmf as nonnegative
from stemwidgets.arrays.decomposition import pca as arrays
from stemwidgets.arrays.faults.clean import FIND, clean_scan
from stemwidgets.arrays.faults.left_out import LeftOut
from stemwidgets.signals.conversion import arrays_to_signal, to_arrays
from stemwidgets.signals.maps.scan_signals import map_stack_signal, pattern_stack_signal
from stemwidgets.signals.metadata.left_out import record_left_out


@dataclass(frozen=True, eq=False)
class Decomposition:
    """A scan as ``mean + Σ map × pattern``, each a HyperSpy signal.

    Parameters
    ----------
    method : str
        ``"PCA"`` or ``"NMF"``.
    maps : Signal2D
        Weight of each component in each pattern, ``[k, iy, ix]`` with the axes of the scan.
        NaN where a pattern has no counts.
    patterns : ElectronDiffraction2D
        Component patterns ``[k, ky, kx]`` with the axes of the detector. NaN where a pixel was left
        out.
    mean : ElectronDiffraction2D
        Mean pattern, ``[1, ky, kx]``; 0 for NMF.
    explained_variance : Signal1D
        Variance of the scan along each component, summed over pixels.
    explained_variance_ratio : Signal1D
        The same, over the variance of the whole scan. Components of an NMF are not orthogonal:
        ratios do not add up.
    left_out : LeftOut or None
        Faults of the detector that are left out; its `words` describe them.
    """

    method: str
    maps: Any
    patterns: Any
    mean: Any
    explained_variance: Any
    explained_variance_ratio: Any
    _found: arrays.Decomposition = field(repr=False)
    _axes: Axes = field(repr=False)
    _title: str = field(repr=False)
    _lazy: bool = field(repr=False)
    left_out: LeftOut | None = None

    def __repr__(self) -> str:
        """Name the method, the number of components and what they explain."""
        rows, columns = self.maps.data.shape[1:]
        count = len(self.maps.data)
        words = f"{count} component{'s' if count > 1 else ''}, scan {rows}×{columns}"
        if self.method == "PCA":
            share = float(self.explained_variance_ratio.data.sum())
            words += f", {100 * share:.1f} % of the variance"
        left_out = "" if self.left_out is None else self.left_out.words
        return f"<{self.method}: {words}{left_out and f'. {left_out}'}>"

    def denoised(self, components: int | Iterable[int] | None = None) -> Any:
        """The scan, put together again from some of the components.

        Parameters
        ----------
        components : int or sequence of int, optional
            Number of components from the first, or a list of them (from 0); all if not given.

        Returns
        -------
        ElectronDiffraction2D
            Lazy if the scan was, and then never held whole. A denoised pixel may be a little below
            0 after a PCA. 0 in patterns without counts; NaN in pixels that were left out.

        Raises
        ------
        InputError
            If there are no such components.
        """
        data = self._found.denoised(components, lazy=self._lazy)
        return arrays_to_signal(data, self._axes, f"{self._title}, denoised".removeprefix(", "))


def pca(
    source: Any,
    n_components: int | None = None,
    weighting: str = "none",
    mask: ArrayLike | None = None,
    faulty: Any = FIND,
) -> Decomposition:
    """Principal components of a scan, its strongest variations from pattern to pattern.

    Parameters
    ----------
    source : signal, path or array
        A HyperSpy or pyxem signal, a file, or a numpy or dask array ``[iy, ix, ky, kx]``; lazy data
        are streamed: twice, or, for patterns of more than 1600 pixels, up to twelve times. Bin
        these first where that is enough, by :class:`stemwidgets.Preparation`.
    n_components : int, optional
        Number of components; 20 if not given, or as many as there are.
    weighting : {"none", "poisson"}
        ``"poisson"`` divides each pixel by the root of its mean first, so that counting noise is
        alike in bright and dark pixels (Keenan and Kotula, Surf. Interface Anal. 36, 203 (2004),
        doi:10.1002/sia.1657, for a dose that is the same everywhere).
    mask, faulty
        As for :func:`stemwidgets.center_of_mass`.

    Returns
    -------
    Decomposition
        ``.maps .patterns .explained_variance`` …, and ``.denoised(13)``. A component that moves the
        pattern moves it towards +k where its map is positive. Patterns without counts are left out.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If `source` is no scan, has too few patterns or none that differ, or a pixel is not finite.

    Examples
    --------
    >>> components = sw.pca(signal, 20)
    >>> components.explained_variance_ratio.plot()
    >>> clean = components.denoised(13)
    """
    return _decomposed(arrays.pca, source, n_components, weighting, mask, faulty)


def nmf(
    source: Any,
    n_components: int | None = None,
    weighting: str = "none",
    mask: ArrayLike | None = None,
    faulty: Any = FIND,
) -> Decomposition:
    """Non-negative matrix factorisation of a scan: patterns as sums of patterns.

    Parameters
    ----------
    source, weighting, mask, faulty
        As for :func:`pca`.
    n_components : int, optional
        Number of components; 5 if not given, or as many as there are.

    Returns
    -------
    Decomposition
        Patterns add up to 1, so that maps are in counts; the strongest comes first. The same data
        always give the same result: nothing is left to chance.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If a pixel is negative, and as for :func:`pca`.

    Examples
    --------
    >>> factors = sw.nmf(signal, 8)
    >>> factors.patterns.plot()
    """
    return _decomposed(nonnegative.nmf, source, n_components, weighting, mask, faulty)


def _decomposed(
    method: Callable[..., arrays.Decomposition],
    source: Any,
    n_components: int | None,
    weighting: str,
    mask: ArrayLike | None,
    faulty: Any,
) -> Decomposition:
    data, axes, title = to_arrays(source)
    clean = clean_scan(data, faulty, mask)
    found = method(clean.data, n_components, weighting, clean.mask)
    name = f"{title}: {found.method}" if title else found.method
    maps = map_stack_signal(found.maps, axes, f"{name} maps", "component", "")
    patterns = pattern_stack_signal(found.patterns, axes, f"{name} patterns", "component")
    left_out = clean.told
    record_left_out(left_out, maps, patterns)
    return Decomposition(
        found.method,
        maps,
        patterns,
        pattern_stack_signal(found.mean[None], axes, f"{name} mean", "mean"),
        _spectrum(found.explained_variance, f"{name} explained variance"),
        _spectrum(found.explained_variance_ratio, f"{name} explained variance ratio"),
        found,
        axes,
        title,
        hasattr(data, "dask"),
        left_out,
    )


def _spectrum(values: np.ndarray, title: str) -> Any:
    index = {"name": "component", "size": len(values), "navigate": False}
    return hs.signals.Signal1D(values, axes=[index], metadata={"General": {"title": title}})
