"""Colours of directions, and pictures of vector maps.

Directions take a circle in OKLab (Ottosson 2020, https://bottosson.github.io/posts/oklab/) whose
hue turns evenly and whose lightness distinguishes red from green, so that people who do not see the
difference of those hues can read it too.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.errors import InputError

GREY = (128, 128, 128)  # RGB, of undefined values: it is no colour of the wheel
PALE = (0.93, 0.93, 0.93)  # RGB from 0 to 1, of vectors of length 0: set off from a white page


def vector_image(y: ArrayLike, x: ArrayLike, limit: float | None = None) -> NDArray[np.uint8]:
    """RGB picture of a vector map: colour for the direction, paler for shorter vectors.

    Components `y` (down) and `x` are maps ``[iy, ix]``; grey where one is not finite. Colours are
    full from the length `limit` on, the 95th percentile of all lengths if not given; an InputError
    if it is not positive.
    """
    if limit is not None and not (np.isfinite(limit) and limit > 0):
        raise InputError(f"Expected the length of full colour as limit, got {limit!r}.")
    y, x = np.asarray(y, dtype=float), np.asarray(x, dtype=float)
    length = np.hypot(y, x)
    known = np.isfinite(length)
    if limit is None:
        limit = float(np.percentile(length[known], 95)) if known.any() else 0.0
    full = np.clip(np.where(known, length, 0.0) / (limit or 1.0), 0, 1)[..., None]
    turn = np.arctan2(np.where(known, y, 0.0), np.where(known, x, 0.0)) / (2 * np.pi)
    hue = CYCLIC[np.rint(turn * len(CYCLIC)).astype(int) % len(CYCLIC)]
    picture = np.rint(255 * (full * hue + (1 - full) * np.array(PALE))).astype(np.uint8)
    picture[~known] = GREY
    return picture


def oklab_to_rgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours of OKLab as sRGB from 0 to 1, clipped to what a screen has."""
    to_lms = np.array(
        [
            [1, 0.3963377774, 0.2158037573],
            [1, -0.1055613458, -0.0638541728],
            [1, -0.0894841775, -1.2914855480],
        ]
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear: NDArray[np.float64] = np.clip((lab @ to_lms.T) ** 3 @ to_rgb.T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _circle(steps: int = 256) -> NDArray[np.float64]:
    hue = 2 * np.pi * np.arange(steps) / steps + np.radians(20)
    lightness = 0.68 - 0.10 * np.cos(hue)
    chroma = 0.14 + 0.02 * np.cos(hue + np.radians(30))  # as much as sRGB has for every hue
    lab = [lightness, chroma * np.cos(hue), chroma * np.sin(hue)]
    return oklab_to_rgb(np.stack(lab, axis=-1))


CYCLIC = _circle()
