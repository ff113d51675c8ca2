"""Position of the direct beam on the detector, and its certainty."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.disc.circles import without_spikes
from stemwidgets.arrays.disc.search import Search
from stemwidgets.arrays.disc.shape import CIRCLE, Disc, Ellipse
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.masks import filled_in, require_mask

__all__ = ["CIRCLE", "Disc", "Ellipse", "find_disc", "given_disc"]

Array = NDArray[np.floating]


def find_disc(
    mean_pattern: NDArray[np.floating],
    pixel_size: tuple[float, float] = (1.0, 1.0),
    mask: NDArray[np.bool_] | None = None,
) -> Disc:
    """Find the direct beam in the mean pattern: the bright-field disc.

    Circles that edges lie on are sought at all sizes, their edges followed along rays, and the one
    is taken whose edge is clearest all round and whose inside is brightest against what surrounds
    it. Centre, radius and ellipse are those of the steepest descent along rays. Where another disc
    could be the direct beam as well, or little of an edge is seen, `Disc.doubt` says so.

    Parameters
    ----------
    mean_pattern : ndarray, shape [ky, kx]
        Mean over the scan; a pixel that is not finite is left out.
    pixel_size : (float, float)
        Height and width of a pixel, in one unit.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out, whatever it holds.

    Returns
    -------
    Disc
        Centre, radius and shape.

    Raises
    ------
    InputError
        If the pattern is empty, or the mask does not fit.
    """
    pattern = np.asarray(mean_pattern, dtype=float)
    nothing = np.zeros(pattern.shape, dtype=bool)
    mask = nothing if mask is None else require_mask(mask, pattern.shape)
    if not np.isfinite(pattern).all():
        mask = mask | ~np.isfinite(pattern)
    pattern = filled_in(pattern, mask, pixel_size)
    background = np.percentile(pattern, 1)
    pattern = np.clip(pattern - max(background, 0.0), 0.0, None)
    if not pattern.sum() > 0:
        raise InputError(
            "Expected a mean pattern with counts, got one without contrast: every pixel is alike. "
            "Check that the file holds diffraction patterns and not a blank detector."
        )
    return Search(without_spikes(pattern), mask, pixel_size[0] / pixel_size[1]).disc()


def given_disc(disc: Any, shape: tuple[int, int]) -> Disc:
    """The direct beam as a person gives it, ((ky, kx), radius along kx) in pixels, or a Disc.

    An InputError if it is something else, or lies off the detector of this shape ``[ky, kx]``.
    """
    if isinstance(disc, Disc):
        return disc
    try:
        (y, x), radius = disc
        y, x, radius = float(y), float(x), float(radius)
    except (TypeError, ValueError):
        y = x = radius = math.nan
    on = -0.5 <= y <= shape[0] - 0.5 and -0.5 <= x <= shape[1] - 0.5
    if not (on and 0 < radius < math.inf):
        raise InputError(
            "Expected disc=((ky, kx), radius), the centre of the direct beam on the detector of "
            f"{shape[0]}×{shape[1]} pixels and a positive radius in pixels, got {disc!r}."
        )
    return Disc((y, x), radius, given=True)
