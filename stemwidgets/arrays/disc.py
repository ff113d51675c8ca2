"""Where the bright-field disc lies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stemwidgets.arrays.errors import InputError


@dataclass(frozen=True)
class Disc:
    """The bright-field disc.

    Parameters
    ----------
    center : (float, float)
        ``(ky, kx)`` in pixels about the centre of pixel (0, 0).
    radius : float
        Radius along kx, in pixels; along ky it is ``radius * pixel_width / pixel_height``.
    """

    center: tuple[float, float]
    radius: float


def find_disc(
    mean_pattern: NDArray[np.floating], pixel_size: tuple[float, float] = (1.0, 1.0)
) -> Disc:
    """Find the bright-field disc in the mean pattern.

    Its edge is taken where the intensity falls to half of the intensity-weighted mean, its centre
    at the centre of mass of what lies within.

    Parameters
    ----------
    mean_pattern : ndarray, shape [ky, kx]
        Mean over the scan.
    pixel_size : (float, float)
        Height and width of a pixel, in one unit.

    Returns
    -------
    Disc
        Centre and radius.

    Raises
    ------
    InputError
        If the pattern is empty.
    """
    pattern = np.asarray(mean_pattern, dtype=float)
    background = np.percentile(pattern, 1)
    pattern = np.clip(pattern - max(background, 0.0), 0.0, None)
    total = pattern.sum()
    if not total > 0:
        raise InputError(
            "Expected a mean pattern with counts, got one without contrast: every pixel is alike. "
            "Check that the file holds diffraction patterns and not a blank detector."
        )
    level = 0.5 * (pattern**2).sum() / total
    labels, count = ndimage.label(pattern >= level)
    sizes = ndimage.sum_labels(np.ones_like(pattern), labels, np.arange(1, count + 1))
    disc = labels == 1 + int(np.argmax(sizes))
    aspect = pixel_size[0] / pixel_size[1]
    radius = float(np.sqrt(disc.sum() * aspect / np.pi))
    y, x = np.indices(pattern.shape)
    center = _weighted_center(disc.astype(float), y, x)
    for _ in range(10):
        distance = np.hypot((y - center[0]) * aspect, x - center[1])
        soft_disc = np.clip(1.1 * radius + 0.5 - distance, 0.0, 1.0)
        center = _weighted_center(pattern * soft_disc, y, x)
    return Disc(center, radius)


def _weighted_center(
    weights: NDArray[np.floating], y: NDArray[np.int_], x: NDArray[np.int_]
) -> tuple[float, float]:
    total = weights.sum()
    return float((weights * y).sum() / total), float((weights * x).sum() / total)
