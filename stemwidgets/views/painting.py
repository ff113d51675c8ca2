"""How a channel or a pattern is painted, and the legend that explains its colours."""

import base64
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.state.channels import Channel
from stemwidgets.views import colors
from stemwidgets.views.raster import png
from stemwidgets.views.words import interval

Counts = NDArray[np.floating]


def paint(channel: Channel) -> tuple[colors.RGBA, str]:
    """The picture of a channel and its legend in HTML."""
    values, units = channel.values, channel.units
    finite = values[np.isfinite(values)]
    if channel.kind == "angle":
        return colors.cyclic(values, channel.confidence), _wheel(channel.confidence is not None)
    if finite.size == 0:
        return colors.sequential(values, 0, 1), "nothing is defined here"
    if channel.kind == "signed":
        limit = float(np.percentile(np.abs(finite), 99.5)) or 1.0
        return colors.diverging(values, limit), bar(colors.DIVERGING, -limit, limit, units)
    low, high = (float(edge) for edge in np.percentile(finite, [0.5, 99.5]))
    return colors.sequential(values, low, high), bar(colors.SEQUENTIAL, low, high, units)


def paint_counts(
    counts: Counts, like: Counts, scale: Callable[[Any], Any], words: str
) -> tuple[colors.RGBA, str]:
    """A pattern, brightened by `scale` within the range of another, and its legend."""
    high = highest(like)
    relative = np.clip(1000 * counts / high, 0, None)  # three decades in a logarithm
    picture = colors.intensity(scale(relative), 0, float(scale(1000.0)))
    return picture, bar(colors.INTENSITY, 0, high, words)


def paint_difference(difference: Counts, words: str) -> tuple[colors.RGBA, str]:
    """A difference of patterns and its legend."""
    limit = highest(np.abs(difference))
    return colors.diverging(difference, limit), bar(colors.DIVERGING, -limit, limit, words)


def highest(values: Counts) -> float:
    """What all but a thousandth of the values stay below; 1 if there is none."""
    finite = values[np.isfinite(values)]
    return (float(np.percentile(finite, 99.9)) if finite.size else 0.0) or 1.0


def bar(table: NDArray[np.floating], low: float, high: float, middle: str) -> str:
    """A colour bar in HTML, with the values of its ends and a word between them."""
    left, right = interval(low, high)
    return (
        "<div style='width:240px;line-height:1.3'>"
        f"<div style='height:12px;background:{colors.css_gradient(table)}'></div>"
        "<div style='display:flex;justify-content:space-between;gap:8px'>"
        f"<span>{left}</span><span>{escape(middle)}</span><span>{right}</span></div></div>"
    )


def _wheel(fades: bool) -> str:
    fading = "<br>pale where it means little" if fades else ""
    return (
        "<div style='display:flex;align-items:center;gap:12px;line-height:1.3'>"
        f"<img alt='colour wheel' width=64 height=64 src='{_WHEEL}'>"
        f"<span>0° to the right,<br>90° down{fading}</span></div>"
    )


_WHEEL = "data:image/png;base64," + base64.b64encode(png(colors.wheel(128))).decode()
