"""Colours of maps and patterns: values in, RGBA pictures out.

Angles use the circle of `stemwidgets.arrays.color_wheel`, in OKLab (Ottosson 2020,
https://bottosson.github.io/posts/oklab/). Signed values run from blue through white to orange in
the same space. Maps of other values use viridis and patterns inferno (van der Walt & Smith 2015,
CC0), or, by choice, cividis (Nuñez, Anderton & Renslow 2018, doi:10.1371/journal.pone.0199239),
each between 17 of its colours, or greys that are even in OKLab. Categories take nine colours that
lie at least 0.1 apart in OKLab, and from grey and white, for normal vision and for each of the
three colour blindnesses as modelled by Machado, Oliveira & Fernandes (2009,
doi:10.1109/TVCG.2009.113); a tenth category takes the first again.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.color_wheel import CYCLIC, GREY, PALE, oklab_to_rgb

RGBA = NDArray[np.uint8]
Tone = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_VIRIDIS = (
    "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c "
    "1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725"
)
_INFERNO = (
    "000004 0b0724 210c4a 3d0965 57106e 71196e 8a226a a32c61 bc3754 "
    "d24644 e45a31 f1731d f98e09 fcac11 f9cb35 f2ea69 fcffa4"
)
_CIVIDIS = (
    "00224e 002e6a 1a386f 32436d 434e6c 535a6d 61656f 6f7073 7d7c78 "
    "8c8878 9b9476 aba072 bcae6c cdbb63 dec958 f0d846 fee838"
)
_NINE = "ebc43b 3b62c4 00c49d d87600 b19dff 4e6200 893b76 3b1476 620000"


def looked_up(
    values: NDArray[np.floating],
    limits: tuple[float, float],
    table: NDArray[np.floating],
    tone: Tone | None = None,
) -> RGBA:
    """Colours of a table, between two limits; grey where not finite.

    `tone` maps each fraction of the way between the limits to one along the table (0 to 1);
    the same if not given.
    """
    fraction = _fraction(values, *limits)
    picture = _look_up(table, fraction if tone is None else tone(fraction))
    return _grey_where_undefined(picture, values)


def sequential(values: NDArray[np.floating], low: float, high: float) -> RGBA:
    """Colours of a map, from dark blue at `low` to yellow at `high`; grey where not finite."""
    return looked_up(values, (low, high), SEQUENTIAL)


def intensity(values: NDArray[np.floating], low: float, high: float) -> RGBA:
    """Colours of a pattern, from black at `low` to pale yellow at `high`; grey where not finite."""
    return looked_up(values, (low, high), INTENSITY)


def diverging(values: NDArray[np.floating], limit: float) -> RGBA:
    """Colours from blue at ``-limit`` through white at zero to orange at `limit`."""
    return looked_up(values, (-limit, limit), DIVERGING)


def cyclic(
    angle: NDArray[np.floating], confidence: NDArray[np.floating] | None = None, fold: int = 1
) -> RGBA:
    """Colours of angles [rad], fainter where the confidence (0 to 1) is low.

    They go once round the circle while the angle turns by 2π / fold.
    """
    turn = fold * np.nan_to_num(angle, posinf=0, neginf=0).astype(float) / (2 * np.pi)
    index = np.rint(turn * len(CYCLIC)).astype(int) % len(CYCLIC)
    return _grey_where_undefined(_as_bytes(_faded(CYCLIC[index], confidence)), angle)


def qualitative(
    values: NDArray[np.floating], confidence: NDArray[np.floating] | None = None
) -> RGBA:
    """One colour for each whole number from 0, fainter where the confidence is low."""
    index = np.nan_to_num(values, posinf=0, neginf=0).astype(int) % len(QUALITATIVE)
    return _grey_where_undefined(_as_bytes(_faded(QUALITATIVE[index], confidence)), values)


def wheel(size: int = 96, fold: int = 1) -> RGBA:
    """Legend of `cyclic`: angle around, confidence from the centre outwards; clear outside."""
    coordinate = (np.arange(size) + 0.5) / size * 2 - 1
    y, x = coordinate[:, None], coordinate[None, :]
    radius = np.hypot(y, x)
    picture = cyclic(np.arctan2(y, x), np.clip(radius, 0, 1), fold)
    picture[..., 3] = np.rint(255 * np.clip((1 - radius) * size / 2, 0, 1))
    return picture


def css_gradient(table: NDArray[np.floating]) -> str:
    """The table as a CSS gradient from left to right, for a colour bar."""
    stops = _as_bytes(table[:: max(1, len(table) // 16)])
    return f"linear-gradient(to right,{','.join(css(color) for color in stops)})"


def css(color: NDArray[np.uint8]) -> str:
    """One colour as CSS writes it."""
    return "#" + "".join(f"{channel:02x}" for channel in color[:3])


def _fraction(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.float64]:
    span = high - low if high > low else 1.0
    return np.clip(np.nan_to_num((np.asarray(values, dtype=float) - low) / span), 0, 1)


def _look_up(table: NDArray[np.floating], fraction: NDArray[np.float64]) -> RGBA:
    picture: RGBA = _as_bytes(table)[np.rint(fraction * (len(table) - 1)).astype(int)]
    return picture


def _faded(
    colors: NDArray[np.float64], confidence: NDArray[np.floating] | None
) -> NDArray[np.float64]:
    if confidence is None:
        return colors
    weight = np.clip(np.nan_to_num(np.asarray(confidence, dtype=float)), 0, 1)[..., None]
    return np.asarray(weight * colors + (1 - weight) * np.array(PALE))


def _grey_where_undefined(picture: RGBA, values: NDArray[np.floating]) -> RGBA:
    picture[~np.isfinite(values), :3] = GREY
    return picture


def _as_bytes(colors: NDArray[np.floating]) -> RGBA:
    picture = np.full((*colors.shape[:-1], 4), 255, dtype=np.uint8)
    picture[..., :3] = np.rint(255 * np.clip(colors, 0, 1))
    return picture


def _between(*anchors: tuple[float, float, float], steps: int = 256) -> NDArray[np.float64]:
    at = np.linspace(0, len(anchors) - 1, steps)
    lab = [np.interp(at, range(len(anchors)), column) for column in zip(*anchors, strict=True)]
    return oklab_to_rgb(np.stack(lab, axis=-1))


def _from_hex(colors: str, steps: int = 256) -> NDArray[np.float64]:
    anchors = _rgb(colors)
    at = np.linspace(0, len(anchors) - 1, steps)
    return np.stack([np.interp(at, range(len(anchors)), column) for column in anchors.T], axis=-1)


def _rgb(colors: str) -> NDArray[np.float64]:
    return np.array([list(bytes.fromhex(color)) for color in colors.split()]) / 255


INTENSITY = _from_hex(_INFERNO)
SEQUENTIAL = _from_hex(_VIRIDIS)
DIVERGING = _between(  # OKLab; lightness rises and falls alike on both sides of white
    (0.38, -0.02, -0.15), (0.70, -0.03, -0.10), (0.97, 0, 0), (0.72, 0.07, 0.11), (0.45, 0.10, 0.09)
)
QUALITATIVE = _rgb(_NINE)
TABLES = {  # each from dark to bright; grey in OKLab
    "viridis": SEQUENTIAL,
    "inferno": INTENSITY,
    "cividis": _from_hex(_CIVIDIS),
    "grey": _between((0.05, 0, 0), (1.0, 0, 0)),
    "blue–white–orange": DIVERGING,
}
