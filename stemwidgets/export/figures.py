"""Pictures for print and page: maps and patterns in the screen's colours, with a scale bar."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes as Panel
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.maps.circular import period
from stemwidgets.state.channels import Channel
from stemwidgets.views.parts.words import caption_of, category, interval, number, percent
from stemwidgets.views.pictures import colors
from stemwidgets.views.pictures.display import Display
from stemwidgets.views.pictures.painting import AS_SUITS, limits_of, on_screen, paint, suited_colors
from stemwidgets.views.pictures.screen import Grid, round_length

Bar = tuple[NDArray[Any], tuple[str, str], str]

_SIDE = 3.2  # inches, longer side of a map
# inches: what surrounds a map
_MARGIN, _TITLE, _SCALE, _BAR, _WHEEL, _LINE = 0.3, 0.35, 0.4, 0.35, 1.25, 0.22
# points and fonts; text stays text in SVG
_STYLE: Any = {"font.family": "DejaVu Sans", "font.size": 10, "svg.fonttype": "none"}
_DPI = 150  # pixels per inch: a map of 3.2 inches has 480


def of_channel(channel: Channel, axes: Axes, display: Display = AS_SUITS) -> Figure:
    """A map with its name, scale bar, and colour bar, colour wheel or list of categories."""
    rgba, scale = _painted(channel, display)
    found = np.unique(channel.values[np.isfinite(channel.values)])
    legend = {"angle": _WHEEL, "category": _LINE * max(len(found), 1)}.get(channel.kind, _BAR)
    picture = _Picture(axes.scan_y, axes.scan_x, caption_of(channel.name), legend)
    picture.show(rgba)
    if channel.kind == "angle":
        picture.wheel(channel.fold, undefined=not np.isfinite(channel.values).all())
    elif scale is not None:
        picture.bar(*scale)
    elif not len(found):
        picture.note("nothing is defined here")
    else:
        shares = [float(np.mean(channel.values == value)) for value in found]
        words = [category(channel.name, int(value)) for value in found]
        picture.swatches(
            [f"{word}: {percent(share)}" for word, share in zip(words, shares, strict=True)],
            colors.qualitative(found),
        )
    return picture.figure


def of_pattern(pattern: NDArray[Any], axes: Axes, title: str) -> Figure:
    """A diffraction pattern, brightened logarithmically over three decades."""
    finite = pattern[np.isfinite(pattern)]
    high = (float(np.percentile(finite, 99.9)) if finite.size else 0.0) or 1.0
    picture = _Picture(axes.ky, axes.kx, title, _BAR)
    picture.show(_brightened(pattern, high))
    picture.bar(colors.INTENSITY, (number(high / 1000), number(high)), "counts, logarithmic")
    return picture.figure


def of_manifold(patterns: NDArray[Any], z2: NDArray[Any], z1: NDArray[Any], axes: Axes) -> Figure:
    """Decoded patterns ``[z2, z1, ky, kx]``, less their mean, in one frame; z1 to the right."""
    rows, columns = patterns.shape[:2]
    difference = patterns - patterns.mean(axis=(0, 1))
    known = np.abs(difference[np.isfinite(difference)])
    limit = (float(np.percentile(known, 99.5)) if known.size else 0.0) or 1.0
    height, width = Grid(axes.ky, axes.kx).physical_size()
    side = 1.05 / max(height, width)
    size = (0.7 + columns * width * side, 1.15 + rows * height * side)
    figure = Figure(figsize=size, dpi=_DPI)
    for row, column in np.ndindex(rows, columns):
        panel = figure.add_axes(
            (
                (0.6 + column * width * side) / size[0],
                1 - (0.1 + (row + 1) * height * side) / size[1],
                0.96 * width * side / size[0],
                0.96 * height * side / size[1],
            ),
            xticks=[],
            yticks=[],
        )
        panel.imshow(
            colors.diverging(difference[row, column], limit), aspect="auto", interpolation="nearest"
        )
        panel.spines[:].set_visible(False)
        if row == rows - 1:
            panel.set_xlabel(f"z1 = {z1[column]:.2f}".replace("-", "−"), fontsize=9)
        if column == 0 and rows > 1:
            panel.set_ylabel(f"z2 = {z2[row]:.2f}".replace("-", "−"), fontsize=9)
    panel = figure.add_axes(
        (0.6 / size[0], 0.55 / size[1], min(2.4 / size[0], 0.6), 0.12 / size[1])
    )
    _draw_bar(panel, colors.DIVERGING, interval(-limit, limit), "counts")
    return figure


def save(figure: Figure, stem: Path) -> None:
    """Write a figure as ``stem.png`` and ``stem.svg``, the latter with words as words."""
    for suffix in (".png", ".svg"):
        stem.with_name(stem.name + suffix).write_bytes(_drawn(figure, suffix))


def as_uri(figure: Figure) -> str:
    """A figure as PNG inside an address, for a page of one file."""
    return "data:image/png;base64," + base64.b64encode(_drawn(figure, ".png")).decode()


class _Picture:
    """A figure in the making: title, picture, scale bar, legend, one below the other."""

    def __init__(self, rows: Axis, columns: Axis, title: str, legend: float) -> None:
        sides = Grid(rows, columns).physical_size()
        height, width = (_SIDE * side / max(sides) for side in sides)
        self._across, self._columns = max(width, 0.75 * _SIDE), columns
        self.size = (
            self._across + 2 * _MARGIN,
            height + _TITLE + _SCALE + legend + 2 * _MARGIN,
        )
        self.figure = Figure(figsize=self.size, dpi=_DPI)
        self._width, self._top = width, self.size[1] - _MARGIN
        self._strip(_TITLE).text(0, 0.4, title, weight="bold", fontsize=11)
        self._panel = self._strip(height, width)
        self._scale_bar(self._strip(_SCALE, width))

    def show(self, rgba: colors.RGBA) -> None:
        self._panel.imshow(rgba, aspect="auto", interpolation="nearest")

    def bar(self, table: Any, ends: tuple[str, str], middle: str) -> None:
        _draw_bar(self._strip(0.12), table, ends, middle)

    def wheel(self, fold: int, undefined: bool) -> None:
        panel = self._strip(_WHEEL, _WHEEL)
        panel.imshow(colors.wheel(256, fold), extent=(-1, 1, -1, 1))
        panel.set(xlim=(-2, 2), ylim=(-1.6, 1.6))
        for turn, (x, y), across, up in (
            (0, (1.1, 0), "left", "center"),
            (90, (0, -1.1), "center", "top"),
            (180, (-1.1, 0), "right", "center"),
            (-90, (0, 1.1), "center", "bottom"),
        ):
            words = f"{turn / fold:g}°".replace("-", "−")
            panel.text(x, y, words, ha=across, va=up, fontsize=9)
        notes = [f"modulo {period(fold)}"] * (fold > 1) + ["faint where uncertain"]
        notes += ["grey where undefined"] * undefined
        panel.text(2.4, 0, "\n".join(notes), va="center", fontsize=9)

    def note(self, words: str) -> None:
        self._strip(_LINE).text(0, 0.5, words, va="center")

    def swatches(self, words: list[str], shades: colors.RGBA) -> None:
        panel = self._strip(_LINE * len(words))
        panel.set(xlim=(0, self._across), ylim=(-len(words), 0))
        for line, (text, shade) in enumerate(zip(words, shades, strict=True)):
            panel.fill_between([0, 0.15], -line - 0.85, -line - 0.15, color=shade / 255, lw=0)
            panel.text(0.25, -line - 0.5, text, va="center")

    def _strip(self, height: float, width: float | None = None) -> Panel:
        """Axes without ticks, below what is there already [inches]."""
        self._top -= height
        left, bottom = _MARGIN / self.size[0], self._top / self.size[1]
        across = (self._across if width is None else width) / self.size[0]
        panel = self.figure.add_axes((left, bottom, across, height / self.size[1]))
        panel.set_axis_off()
        return panel

    def _scale_bar(self, panel: Panel) -> None:
        span = self._columns.size * abs(self._columns.scale)
        length = round_length(span / 3)
        panel.set(xlim=(0, span), ylim=(0, 1))
        panel.fill_between([0, length], 0.42, 0.58, color="black", lw=0)
        panel.text(
            length + 0.1 * span / self._width, 0.5, f"{length:g} {self._columns.units}", va="center"
        )


def _draw_bar(panel: Panel, table: Any, ends: tuple[str, str], middle: str) -> None:
    panel.set_axis_on()
    panel.imshow(table[None], aspect="auto", extent=(0, 1, 0, 1), interpolation="nearest")
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_visible(False)
    for x, words, side in ((0, ends[0], "left"), (0.5, middle, "center"), (1, ends[1], "right")):
        panel.text(x, -0.4, words, ha=side, va="top", fontsize=9)


def _painted(channel: Channel, display: Display) -> tuple[colors.RGBA, Bar | None]:
    rgba, _ = paint(channel, display)
    if channel.kind in ("angle", "category") or not np.isfinite(channel.values).any():
        return rgba, None
    factor, units = on_screen(channel.units)
    low, high = (factor * limit for limit in limits_of(channel, display))
    scaling = "" if display.scaling == "linear" else display.scaling
    words = ", ".join(filter(None, (units, scaling)))
    return rgba, (display.table(suited_colors(channel)), interval(low, high), words)


def _brightened(pattern: NDArray[Any], high: float) -> colors.RGBA:
    decades = np.log10(np.maximum(np.nan_to_num(pattern, nan=0.0) / high, 1e-3)) + 3
    return colors.intensity(np.where(np.isfinite(pattern), decades, np.nan), 0, 3)


def _drawn(figure: Figure, suffix: str) -> bytes:
    buffer = io.BytesIO()
    with rc_context(_STYLE):
        figure.savefig(buffer, format=suffix[1:], dpi=_DPI)
    return buffer.getvalue()
