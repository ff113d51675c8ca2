"""Whole patterns of a scan without the shot noise beyond its band limit."""

from typing import Any

import dask.array as da
import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray

from stemwidgets.arrays.band_limit.neighbours import Neighbours, Window
from stemwidgets.arrays.blocks import native

PIXELS = 4096  # of the patterns of a window, fitted at once: about 70 MB

Float = NDArray[np.float32]


def limited_patterns(data: Any, neighbours: Neighbours) -> Any:
    """Patterns of a scan as their neighbours say.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        numpy, or dask, which is read window by window, and again for the margins around them.
    neighbours : Neighbours
        Neighbours in the scan.

    Returns
    -------
    array of float32, shape [iy, ix, ky, kx]
        Of dask for a dask array. Counts, which may be negative by as much as noise is left; 0
        where a pattern has no counts.
    """
    if not hasattr(data, "dask"):
        whole = np.empty(data.shape, np.float32)
        for window in neighbours.windows:
            part = whole[window.rows, window.columns][window.inner]
            part[...] = _fitted(data[window.rows, window.columns], neighbours, window)
        return whole
    rows: dict[int, list[Any]] = {}
    read = delayed(_fitted, pure=False)
    for window in neighbours.windows:
        down, along = window.inner
        shape = (down.stop - down.start, along.stop - along.start, *data.shape[2:])
        block = read(data[window.rows, window.columns], neighbours, window)
        first = window.rows.start + down.start
        rows.setdefault(first, []).append(da.from_delayed(block, shape, np.float32))
    return da.concatenate([da.concatenate(blocks, axis=1) for blocks in rows.values()])


def _fitted(part: Any, neighbours: Neighbours, window: Window) -> Float:
    patterns = native(part)
    flat = patterns.reshape(*patterns.shape[:2], -1)
    missing = ~(flat.sum(axis=-1, dtype=np.float64) > 0)
    height, width = (inner.stop - inner.start for inner in window.inner)
    fitted = np.zeros((height, width, flat.shape[-1]), np.float32)
    for start in range(0, flat.shape[-1] if not missing.all() else 0, PIXELS):
        pixels = slice(start, start + PIXELS)
        maps = flat[..., pixels].astype(np.float32)
        fitted[..., pixels] = neighbours.waves.fit(maps, missing)[window.inner]
    fitted[missing[window.inner]] = 0
    return fitted.reshape(height, width, *patterns.shape[2:])
