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
from stemwidgets.arrays.detectors import Detector
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.scan import RepairedScan, checked_moments
from stemwidgets.arrays.kernels.limits import Watch
from stemwidgets.arrays.kernels.moments import kept_moments
from stemwidgets.arrays.kernels.weighted_moments import weighted_moments
from stemwidgets.arrays.masks import require_mask

BLOCK_BYTES = 16 * 2**20  # of patterns, summed by one core at a time
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
    mask: NDArray[np.bool_] | None = None,
    threshold: float | None = None,
    background: ArrayLike | None = None,
    weights: NDArray[Any] | Detector | None = None,
) -> Map:
    """Centre of mass of every pattern, in pixels about the centre of pixel (0, 0).

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        Counts; numpy or dask (read one chunk at a time).
    mask, threshold, background, weights
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
    return centroids(moments(data, mask, threshold, background, weights), data.shape[-2:])


def moments(
    data: Any,
    mask: NDArray[np.bool_] | None = None,
    threshold: float | None = None,
    background: ArrayLike | None = None,
    weights: NDArray[Any] | Detector | None = None,
) -> Map:
    """Sums ``(Σ J, Σ J·y, Σ J·x)`` of each pattern, with J = w (I − background).

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        Counts I; numpy, read by all cores (``dask.config.set(num_workers=1)``: by one), or dask,
        whose scheduler reads chunk after chunk. Negative counts, as the subtraction of a dark image
        leaves, count as they are.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out, whatever it holds.
    threshold : float, optional
        A pixel with fewer counts than this above the background counts nothing (J = 0); the
        others are not lowered. It keeps noise out, and dim parts of the pattern with it.
    background : float or ndarray of shape [ky, kx], optional
        Counts to subtract from each pixel. The result is not clipped at 0, so that noise does not
        pull the centre of mass.
    weights : ndarray of shape [ky, kx], or Detector, optional
        Weight w of each pixel; 1 if not given. 0 leaves a pixel out, whatever it holds.

    Returns
    -------
    ndarray of float64, shape [..., 3]

    Raises
    ------
    InputError
        If `data` holds no patterns, or patterns of which a mean was subtracted; if a pixel is not
        finite, or mask, threshold, background or weights do not fit.
    """
    require_patterns(data)
    shape = (int(data.shape[-2]), int(data.shape[-1]))
    counted = counting(mask, weights, shape)
    dark = None if background is None else _background(background, shape)
    if threshold is not None and not np.isfinite(threshold):
        raise InputError(f"Expected a threshold in counts, got {threshold!r}.")
    sums = np.empty((*data.shape[:-2], 3))
    for where, piece in read_pieces(data, lambda part: _read(part, counted, threshold, dark)):
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
    """Turn centres of mass in pixels into deflections towards nuclei, in units of the detector.

    `com` is ``(y, x)`` from `center_of_mass`, ``[iy, ix, 2]``; the reference is that of no
    deflection in pixels: as a rule the COM of the mean pattern, or one for each position.
    """
    origin = np.asarray(reference, dtype=float)
    y = (com[..., 0] - origin[..., 0]) * axes.ky.scale + 0.0  # no -0.0, whose angle would be -π
    x = (com[..., 1] - origin[..., 1]) * axes.kx.scale + 0.0
    return Deflection(x, y, np.hypot(x, y), np.arctan2(y, x), axes.kx.units)


def pattern_moments(
    patterns: NDArray[Any],
    weights: NDArray[Any] | None = None,
    threshold: float | None = None,
    background: NDArray[np.float64] | None = None,
    watch: Watch | None = None,
) -> Map:
    """The sums of :func:`moments` of patterns in memory, of a type that numba knows.

    The `weights` are those of :func:`counting`; `watch` compares the patterns with limits on the
    way.
    """
    shape = (patterns.shape[-2], patterns.shape[-1])
    flat = patterns.reshape(-1, *shape)
    if background is not None and threshold is None and flat.dtype.kind != "f":
        sums = pattern_moments(flat, weights, watch=watch)
        sums -= pattern_moments(background[None], weights)
    elif background is None and (weights is None or weights.dtype == bool):
        sums = kept_moments(flat, weights, threshold, watch)
    else:
        full = np.ones(shape) if weights is None else weights.astype(np.float64)
        sums = weighted_moments(flat, full, background, threshold, watch)
    return sums.reshape(*patterns.shape[:-2], 3)


def _read(
    data: Any,
    weights: NDArray[Any] | None,
    threshold: float | None,
    background: NDArray[np.float64] | None,
) -> Map:
    def moments_of(patterns: NDArray[Any], watch: Watch | None = None) -> Map:
        return pattern_moments(patterns, weights, threshold, background, watch)

    if isinstance(data, RepairedScan):
        return checked_moments(data, moments_of)
    sums = np.empty((*data.shape[:-2], 3))
    for where, patterns in iterate_blocks(data, min(BLOCK_BYTES, data.nbytes // BLOCKS)):
        sums[where] = moments_of(patterns)
        del patterns  # which may be a copy, before the next one is made
    return sums


def counting(
    mask: NDArray[np.bool_] | None,
    weights: NDArray[Any] | Detector | None,
    shape: tuple[int, int],
) -> NDArray[Any] | None:
    """Weight of each pixel ``[ky, kx]``: bool where it is 0 or 1 everywhere, else float64.

    Mask and weights are those of :func:`moments`; None where every pixel counts once. An InputError
    if they do not fit, or leave no pixel.
    """
    keep = None if mask is None else ~require_mask(mask, shape)
    if weights is None:
        return None if keep is None or keep.all() else keep
    given = np.asarray(weights.pixels(shape) if isinstance(weights, Detector) else weights)
    if given.shape != shape:
        raise InputError(
            f"Expected weights of the pattern's shape {shape}, got {given.shape}. "
            "Make them with one number for each detector pixel [ky, kx]."
        )
    if given.dtype.kind not in "buif" or not np.isfinite(given).all() or (given < 0).any():
        raise InputError("Expected weights that are finite and not negative.")
    if keep is not None:
        given = np.where(keep, given, given.dtype.type(0))
    used = given != 0
    if not used.any():
        raise InputError(
            f"Expected weights that let pixels of the {shape[0]}×{shape[1]} pattern count, got "
            "some by which none counts. Move the detector or widen it."
        )
    return used if (given[used] == 1).all() else given.astype(np.float64)


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
