"""How a channel is painted, and the legend that explains its colours."""

import base64

import numpy as np
from numpy.typing import NDArray

from stemwidgets.state.channels import Channel
from stemwidgets.views import colors
from stemwidgets.views.raster import png
from stemwidgets.views.words import interval


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


def bar(table: NDArray[np.floating], low: float, high: float, middle: str) -> str:
    """A colour bar in HTML, with the values of its ends and a word between them."""
    left, right = interval(low, high)
    return (
        "<div style='width:240px;line-height:1.3'>"
        f"<div style='height:12px;background:{colors.css_gradient(table)}'></div>"
        "<div style='display:flex;justify-content:space-between;gap:8px'>"
        f"<span>{left}</span><span>{middle}</span><span>{right}</span></div></div>"
    )


def _wheel(fades: bool) -> str:
    fading = "<br>pale where it means little" if fades else ""
    return (
        "<div style='display:flex;align-items:center;gap:12px;line-height:1.3'>"
        f"<img alt='colour wheel' width=64 height=64 src='{_WHEEL}'>"
        f"<span>0° to the right,<br>90° down{fading}</span></div>"
    )


_WHEEL = "data:image/png;base64," + base64.b64encode(png(colors.wheel(128))).decode()
