"""Painting of a channel or a pattern, and the legend that explains its colours."""

import math
from collections.abc import Callable
from functools import cache, partial
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.maps.circular import period
from stemwidgets.state.channels import Channel
from stemwidgets.views.parts.words import category, interval, number, percent
from stemwidgets.views.pictures import colors
from stemwidgets.views.pictures.display import DIVERGING, Display, Limits
from stemwidgets.views.pictures.raster import uri

Counts = NDArray[np.floating]

AS_SUITS = Display()


def paint(
    channel: Channel, display: Display = AS_SUITS, limits: Limits | None = None
) -> tuple[colors.RGBA, str]:
    """Picture of a channel and its legend in HTML.

    Angles and categories have colours of their own, whatever the display. `limits` are taken from
    another picture for comparison.
    """
    values = channel.values
    if channel.kind == "angle":
        return colors.cyclic(values, channel.confidence, channel.fold), _wheel(channel)
    if not np.isfinite(values).any():
        return colors.sequential(values, 0, 1), "nothing is defined here"
    if channel.kind == "category":
        return colors.qualitative(values, channel.confidence), _swatches(channel)
    suited = suited_colors(channel)
    limits = limits_of(channel, display) if limits is None else limits
    table = display.table(suited)
    picture = colors.looked_up(values, limits, table, partial(display.tone, suited=suited))
    return picture, _bar_of(display, suited, limits, channel.units)


def limits_of(channel: Channel, display: Display) -> Limits:
    """Values of a channel that have the first and the last colour."""
    return display.limits_of(channel.values, suited_colors(channel))


def suited_colors(channel: Channel) -> str:
    """Name of the colours that suit a channel of numbers."""
    return DIVERGING if channel.kind == "signed" else "viridis"


def on_screen(units: str) -> tuple[float, str]:
    """Factor for writing numbers of these units, and the units written."""
    return (180 / math.pi, "degrees") if units == "rad" else (1.0, units)


def _bar_of(display: Display, suited: str, limits: Limits, units: str) -> str:
    factor, units = on_screen(units)
    low, high = (factor * limit for limit in limits)
    if display.scaling == "linear":
        return bar(display.table(suited), low, high, units)
    steps = np.linspace(0, 1, 1001)
    middle = low + (high - low) * float(np.interp(0.5, display.tone(steps, suited), steps))
    return bar(display.table(suited), low, high, number(middle)) + (
        f"<div>{escape(', '.join(filter(None, (units, display.scaling))))}</div>"
    )


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
    """Value that all but a thousandth of the values stay below; 1 if there is none."""
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


def _wheel(channel: Channel) -> str:
    lines = ["0° is +x, 90° is +y"]
    if channel.fold > 1:
        lines.append(f"modulo {period(channel.fold)}")
    return (
        "<div style='display:flex;align-items:center;gap:12px;line-height:1.3'>"
        f"<img alt='colour wheel' width=64 height=64 src='{_wheel_picture(channel.fold)}'>"
        f"<span>{'<br>'.join(lines + _notes(channel))}</span></div>"
    )


def _swatches(channel: Channel) -> str:
    found, counts = np.unique(channel.values[np.isfinite(channel.values)], return_counts=True)
    items = []
    for value, color, share in zip(
        found, colors.qualitative(found), counts / counts.sum(), strict=True
    ):
        items.append(
            "<span style='white-space:nowrap'>"
            "<span style='display:inline-block;width:14px;height:14px;vertical-align:-2px;"
            f"margin-right:6px;background:{colors.css(color)}'></span>"
            f"{escape(category(channel.name, int(value)))}: {percent(float(share))}</span>"
        )
    return (
        "<div style='max-width:276px;line-height:1.4'>"
        f"<div style='display:flex;flex-wrap:wrap;gap:0 16px'>{''.join(items)}</div>"
        f"{', '.join(_notes(channel))}</div>"
    )


def _notes(channel: Channel) -> list[str]:
    notes = []
    if channel.confidence is not None:
        notes.append("faint where uncertain")
    if not np.isfinite(channel.values).all():
        notes.append("grey where undefined" if channel.kind == "angle" else "grey: undefined")
    return notes


@cache
def _wheel_picture(fold: int) -> str:
    return uri(colors.wheel(128, fold))
