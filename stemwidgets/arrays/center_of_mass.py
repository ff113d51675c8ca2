"""Centre of mass of diffraction patterns, ⟨k⟩: the deflection that a DPC detector sees.

Müller et al., Nat. Commun. 5, 5653 (2014), doi:10.1038/ncomms6653.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.blocks import iterate_blocks, read_pieces
from stemwidgets.arrays.checks import require_finite, require_patterns
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.moments import kept_moments, plain_moments, weighted_moments

BLOCK_BYTES = 16 * 2**20
BLOCKS = 64  # of the data at least, all cores taken together: a block may have to be copied
NEGATIVE_SHARE = 0.5  # of the positive sums: more than any noise, less than a subtracted mean

Map = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Deflection:
    """Centre of mass about its reference, in the detector frame; every map is ``[iy, ix]``.

    Parameters
    ----------
    x, y : ndarray
        Components along +kx and +ky (down), in the units of the detector axes.
    magnitude : ndarray
        Length of (x, y).
    angle : ndarray
        Direction [rad, in (-π, π]]; positive turns +kx towards +ky.
    units : str
        Units of `x`, `y` and `magnitude`.
    """

    x: Map
    y: Map
    magnitude: Map
    angle: Map
    units: str


def center_of_mass(
    data: Any,
    mask: Any = None,
    threshold: float | None = None,
    background: ArrayLike | None = None,
) -> Map:
    """Centre of mass of every pattern, in pixels about the centre of pixel (0, 0).

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        Counts; numpy or dask (read one chunk at a time).
    mask, threshold, background
        As for :func:`moments`.

    Returns
    -------
    ndarray of float64, shape [..., 2]
        ``(y, x)`` of each pattern, as :func:`centroids` gives it.

    Raises
    ------
    InputError
        As :func:`moments`.
    """
    return centroids(moments(data, mask, threshold, background), data.shape[-2:])


def moments(
    data: Any,
    mask: Any = None,
    threshold: float | None = None,
    background: ArrayLike | None = None,
) -> Map:
    """Sums ``(Σ J, Σ J·y, Σ J·x)`` of each pattern, with J = w (I − background).

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        Counts I; numpy, read by all cores (``dask.config.set(num_workers=1)``: by one), or dask,
        whose scheduler reads chunk after chunk. Negative counts, as the subtraction of a dark image
        leaves, count as they are.
    mask : ndarray of shape [ky, kx], or detector, optional
        Weight w of each pixel, or an object with ``mask(shape)`` that gives it; 0 leaves a pixel
        out, whatever it holds.
    threshold : float, optional
        A pixel with fewer counts than this above the background counts nothing (J = 0); the
        others are not lowered. It keeps noise out, and dim parts of the pattern with it.
    background : float or ndarray of shape [ky, kx], optional
        Counts to subtract from each pixel. The result is not clipped at 0, so that noise does not
        pull the centre of mass.

    Returns
    -------
    ndarray of float64, shape [..., 3]

    Raises
    ------
    InputError
        If `data` holds no patterns, or patterns of which a mean was subtracted; if a pixel is not
        finite, or mask, threshold or background do not fit.
    """
    require_patterns(data)
    shape = (int(data.shape[-2]), int(data.shape[-1]))
    weights = None if mask is None else _weights(mask, shape)
    dark = None if background is None else _background(background, shape)
    if threshold is not None and not np.isfinite(threshold):
        raise InputError(f"Expected a threshold in counts, got {threshold!r}.")
    sums = np.empty((*data.shape[:-2], 3))
    for where, piece in read_pieces(data, lambda part: _read(part, weights, threshold, dark)):
        sums[where] = piece
    require_finite(sums[..., 0])
    _require_counts(sums[..., 0])
    return sums


def centroids(moments: Map, shape: tuple[int, int] | None = None) -> Map:
    """``(y, x)`` from the sums ``(Σ I, Σ I·y, Σ I·x)``.

    NaN where Σ I is not positive and, if the `shape` of the pattern is given, where the centroid
    lies outside it, as only negative counts can make it.
    """
    total = np.where(moments[..., :1] > 0, moments[..., :1], np.nan)
    with np.errstate(over="ignore"):
        found = moments[..., 1:] / total
    if shape is None:
        return found
    slack = 1e-9 * max(shape)
    inside = (found > -slack) & (found < np.array(shape) - 1 + slack)
    return np.where(inside.all(axis=-1, keepdims=True), found, np.nan)


def calibrated(com: Map, axes: Axes, reference: ArrayLike) -> Deflection:
    """Turn pixel positions into a deflection in the units of the detector.

    Parameters
    ----------
    com : ndarray, shape [iy, ix, 2]
        ``(y, x)`` in pixels, from `center_of_mass`.
    axes : Axes
        Calibration of the scan.
    reference : (float, float) or ndarray of shape [iy, ix, 2]
        ``(y, x)`` in pixels of no deflection: the COM of the mean pattern, as a rule.

    Returns
    -------
    Deflection
        It points towards nuclei.
    """
    origin = np.asarray(reference, dtype=float)
    y = (com[..., 0] - origin[..., 0]) * axes.ky.scale + 0.0  # no -0.0, whose angle would be -π
    x = (com[..., 1] - origin[..., 1]) * axes.kx.scale + 0.0
    return Deflection(x, y, np.hypot(x, y), np.arctan2(y, x), axes.kx.units)


def pattern_moments(
    patterns: NDArray[Any],
    mask: Any = None,
    threshold: float | None = None,
    background: NDArray[np.float64] | None = None,
) -> Map:
    """The sums of :func:`moments` of patterns in memory, of a type that numba knows."""
    shape = (patterns.shape[-2], patterns.shape[-1])
    flat = patterns.reshape(-1, *shape)
    weights = None if mask is None else _weights(mask, shape)
    if threshold is not None or background is not None:
        weights = np.ones(shape) if weights is None else weights.astype(float)
        dark = np.zeros(shape) if background is None else background
        sums = weighted_moments(flat, weights, dark, -np.inf if threshold is None else threshold)
    elif weights is None:
        sums = plain_moments(flat)
    elif weights.dtype == bool:
        sums = kept_moments(flat, weights)
    else:
        sums = weighted_moments(flat, weights, np.zeros(shape), -np.inf)
    return sums.reshape(*patterns.shape[:-2], 3)


def _read(data: Any, *options: Any) -> Map:
    sums = np.empty((*data.shape[:-2], 3))
    for where, patterns in iterate_blocks(data, min(BLOCK_BYTES, data.nbytes // BLOCKS)):
        sums[where] = pattern_moments(patterns, *options)
    return sums


def _weights(mask: Any, shape: tuple[int, int]) -> NDArray[Any]:
    """The mask as bool where every pixel counts once or not at all, else as float64."""
    weights = np.asarray(mask.mask(shape) if callable(getattr(mask, "mask", None)) else mask)
    if weights.shape != shape:
        raise InputError(
            f"Expected a mask of the pattern's shape {shape}, got {weights.shape}. "
            "Make it with one weight for each detector pixel [ky, kx]."
        )
    if weights.dtype.kind not in "buif" or not np.isfinite(weights).all() or (weights < 0).any():
        raise InputError("Expected a mask of weights that are finite and not negative.")
    if not weights.any():
        raise InputError(
            f"Expected a mask that leaves pixels of the {shape[0]}×{shape[1]} pattern to count, "
            "got one that leaves none. Move the detector or widen it; True keeps a pixel."
        )
    keep = weights != 0
    return keep if (weights[keep] == 1).all() else weights.astype(float)


def _background(background: ArrayLike, shape: tuple[int, int]) -> NDArray[np.float64]:
    counts = np.asarray(background)
    if counts.shape not in ((), shape) or counts.dtype.kind not in "buif":
        raise InputError(
            f"Expected a background as a number of counts or an image of the pattern's shape "
            f"{shape}, got {background!r}."
        )
    if not np.isfinite(counts).all():
        raise InputError("Expected a background of finite counts, got NaN or infinity.")
    return np.broadcast_to(counts, shape).astype(float)


def _require_counts(totals: Map) -> None:
    negative, positive = -totals[totals < 0].sum(), totals[totals > 0].sum()
    if negative > NEGATIVE_SHARE * positive:
        raise InputError(
            "Expected counts, got patterns whose sums are as negative as they are positive: a mean "
            "or too much background was subtracted. The centre of mass is that of the recorded "
            "counts."
        )
