"""Picture of a spectrum as SVG: power over scan frequency, the noise floor, and the limit."""

import math
from html import escape
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.words import number

LEFT, RIGHT, TOP, BOTTOM = 62, 14, 20, 44  # CSS px: margins, with the labels of the axes
LABEL = 110  # CSS px: room of a label beside an arrow
LOWEST = 0.1  # of the noise: less power is chance
MOST_DECADES = 7  # that have a label
SHOWN = 2.2  # times the limit: the frequencies that are drawn
POWER, FLOOR, LIMIT, SEEN = "#1565c0", "#8a8a8a", "#c62828", "#1b8a5a"  # colours


Map = NDArray[np.float64]


class Plotted(Protocol):
    """Spectrum to draw: see `stemwidgets.arrays.band_limit.spectrum.ScanSpectrum`."""

    @property
    def edges(self) -> Map: ...  # noqa: D102
    @property
    def power(self) -> Map: ...  # noqa: D102
    @property
    def error(self) -> Map: ...  # noqa: D102
    @property
    def units(self) -> str: ...  # noqa: D102
    @property
    def counted(self) -> bool: ...  # noqa: D102
    @property
    def limit(self) -> float | None: ...  # noqa: D102
    @property
    def cutoff(self) -> float | None: ...  # noqa: D102
    @property
    def words(self) -> str: ...  # noqa: D102


def drawn(spectrum: Plotted, width: int = 460, height: int = 250) -> str:
    """Draw a spectrum; empty where there is none.

    Parameters
    ----------
    spectrum : Plotted
        The spectrum.
    width, height : int
        Size of the picture [CSS px].
    """
    if not spectrum.power.size:
        return ""
    paper = _Paper(spectrum, width, height)
    parts = [*paper.frame(), *paper.limit(), *paper.floor(), *paper.curve(), *paper.cutoff()]
    return (
        f"<svg width='{width}' height='{height}' viewBox='0 0 {width} {height}' role='img' "
        f"aria-label='{escape(spectrum.words)}' fill='currentColor' font-size='12' "
        "font-family='sans-serif' style='max-width:100%;height:auto'>" + "".join(parts) + "</svg>"
    )


class _Paper:
    """Places of frequencies and powers on a picture."""

    def __init__(self, spectrum: Plotted, width: int, height: int) -> None:
        self.spectrum = spectrum
        self.left, self.right = LEFT, width - RIGHT
        self.top, self.bottom = TOP, height - BOTTOM
        last = float(spectrum.edges[-1])
        self.last = last if spectrum.limit is None else min(last, SHOWN * spectrum.limit)
        highest = max(float(spectrum.power.max()), 10.0)
        self.high = math.log10(highest) + 0.15
        self.low = math.log10(LOWEST)

    def x(self, frequency: float) -> float:
        """Place of a frequency, from the left [CSS px]."""
        share = min(frequency / self.last, 1.0)
        return self.left + share * (self.right - self.left)

    def y(self, power: float) -> float:
        """Place of a power, from the top [CSS px]."""
        level = math.log10(max(power, LOWEST))
        share = (level - self.low) / (self.high - self.low)
        return self.bottom - share * (self.bottom - self.top)

    def frame(self) -> list[str]:
        """Axes with ticks and labels."""
        units = "cycles per step" if self.spectrum.units == "1/step" else self.spectrum.units
        middle, half = (self.left + self.right) / 2, (self.top + self.bottom) / 2
        power = "power over that of shot noise" if self.spectrum.counted else "power over noise"
        parts = [
            _line(self.left, self.bottom, self.right, self.bottom, "currentColor"),
            _line(self.left, self.top, self.left, self.bottom, "currentColor"),
            _text(middle, self.bottom + 36, f"scan frequency ({units})"),
            f"<text transform='translate(14 {half:.0f}) rotate(-90)' text-anchor='middle'>"
            f"{power}</text>",
        ]
        for tick in _ticks(self.last):
            at = self.x(tick)
            parts.append(_line(at, self.bottom, at, self.bottom + 4, "currentColor"))
            parts.append(_text(at, self.bottom + 17, f"{tick:.4g}"))
        decades = range(math.ceil(self.low), math.floor(self.high) + 1)
        for decade in list(decades)[:: -(-len(decades) // MOST_DECADES)]:
            at = self.y(10.0**decade)
            parts.append(_line(self.left - 4, at, self.left, at, "currentColor"))
            parts.append(_text(self.left - 7, at + 4, number(10.0**decade, 1), "end"))
        return parts

    def floor(self) -> list[str]:
        """Level of the noise."""
        at = self.y(1.0)
        name = "shot noise" if self.spectrum.counted else "noise"
        return [
            _line(self.left, at, self.right, at, FLOOR, "stroke-dasharray='6 4'"),
            _text(self.left + 6, at - 5, name, "start", FLOOR),
        ]

    def limit(self) -> list[str]:
        """Limit of the probe, with what lies beyond it shaded."""
        limit = self.spectrum.limit
        if limit is None or limit >= self.last:
            return []
        at, name = self.x(limit), f"2α/λ = {number(limit, 3)}"
        return [
            f"<rect x='{at:.1f}' y='{self.top}' width='{self.right - at:.1f}' "
            f"height='{self.bottom - self.top}' fill='{LIMIT}' opacity='0.07'/>",
            _line(at, self.top, at, self.bottom, LIMIT, "stroke-width='1.5'"),
            _text(min(at, self.right - LABEL / 2), self.top - 6, name, "middle", LIMIT),
        ]

    def curve(self) -> list[str]:
        """Power in steps, and dots with errors in their middle."""
        spectrum, points, dots = self.spectrum, [], []
        for start, end, power, error in zip(
            spectrum.edges[:-1], spectrum.edges[1:], spectrum.power, spectrum.error, strict=True
        ):
            if start >= self.last:
                break
            level, middle = self.y(power), self.x((start + min(end, self.last)) / 2)
            points += [f"{self.x(start):.1f},{level:.1f}", f"{self.x(end):.1f},{level:.1f}"]
            spread = power * error  # a relative one, of the sum of so many squares
            low, high = self.y(power - spread), self.y(power + spread)
            dots.append(_line(middle, low, middle, high, POWER))
        path = " ".join(points)
        return [*dots, f"<polyline points='{path}' fill='none' stroke='{POWER}' stroke-width='2'/>"]

    def cutoff(self) -> list[str]:
        """Frequency up to which power is seen."""
        found = self.spectrum.cutoff
        if found is None or found > self.last:
            return []
        at, end = self.x(found), self.bottom - 3
        fits = at - self.left > LABEL
        anchor, beside = ("end", (at - 7, end - 8)) if fits else ("start", (at + 7, end - 8))
        return [
            f"<path d='M{at:.1f} {end - 18} V{end} M{at - 4:.1f} {end - 7} L{at:.1f} {end} "
            f"L{at + 4:.1f} {end - 7}' fill='none' stroke='{SEEN}' stroke-width='1.5'/>",
            _text(*beside, f"seen up to {number(found, 3)}", anchor, SEEN),
        ]


def _ticks(last: float) -> NDArray[np.float64]:
    """At most seven round numbers from 0."""
    power = 10.0 ** math.floor(math.log10(last / 6))
    step = next(s * power for s in (1, 2, 5, 10) if s * power * 6 >= last)
    return np.asarray(np.arange(math.floor(last / step + 1e-9) + 1) * step, dtype=np.float64)


def _line(x: float, y: float, to_x: float, to_y: float, color: str, look: str = "") -> str:
    return (
        f"<line x1='{x:.1f}' y1='{y:.1f}' x2='{to_x:.1f}' y2='{to_y:.1f}' stroke='{color}' {look}/>"
    )


def _text(x: float, y: float, text: str, anchor: str = "middle", color: str = "") -> str:
    fill = f" fill='{color}'" if color else ""
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'{fill}>{escape(text)}</text>"
