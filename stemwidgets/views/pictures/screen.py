"""Places on screen: the one place where array order turns into x, y on a figure.

Array indices are ``(i, j)``, rows down; a figure wants ``x, y`` with y up.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from bqplot import Axis as FigureAxis
from bqplot import LinearScale
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axis

Values = NDArray[np.floating]

MARGIN = {"left": 57, "right": 13, "top": 14, "bottom": 56}  # left + right = top + bottom
CHARACTER = 7.5  # CSS px, width of a digit of a tick's label


@dataclass(frozen=True)
class Frame:
    """A window on a plane between the coordinates of its edges, with labels of its axes.

    Width and height are those on screen, without margins [CSS px].
    """

    left: float
    right: float
    top: float
    bottom: float
    width: int
    height: int
    x_label: str = ""
    y_label: str = ""

    def scales(self) -> dict[str, LinearScale]:
        """Scales of a figure that shows the window."""
        scales = {
            "x": LinearScale(allow_padding=False, stabilized=False),
            "y": LinearScale(allow_padding=False, stabilized=False),
        }
        self.fit(scales)
        return scales

    def fit(self, scales: dict[str, LinearScale]) -> None:
        """Make existing scales show the window."""
        x, y = scales["x"], scales["y"]
        x.reverse, y.reverse = bool(self.left > self.right), bool(self.bottom > self.top)
        x.min, x.max = sorted((float(self.left), float(self.right)))
        y.min, y.max = sorted((float(self.bottom), float(self.top)))

    def axes(self, scales: dict[str, LinearScale]) -> list[FigureAxis]:
        """Axes with labels, below and to the left of the window."""
        look = {"grid_lines": "none", "tick_format": ".4~r"}
        across = FigureAxis(scale=scales["x"], label_offset="36px", **look)
        down = FigureAxis(scale=scales["y"], label_offset="44px", side="left", **look)
        self.label([across, down])
        return [across, down]

    def label(self, axes: list[FigureAxis]) -> None:
        """Give existing axes the labels of the window, and ticks at round numbers."""
        for axis, text, edges, pixels in (
            (axes[0], self.x_label, (self.left, self.right), self.width),
            (axes[1], self.y_label, (self.bottom, self.top), self.height),
        ):
            axis.label = text
            axis.tick_values = ticks(min(edges), max(edges), max(2, pixels // 50))
        whole = [value for value in axes[0].tick_values if self._fits(value)]
        axes[0].tick_values = whole or axes[0].tick_values

    def _fits(self, value: float) -> bool:
        """True if a tick's label, centred below it, ends before the figure does."""
        across = (value - self.left) / (self.right - self.left) * self.width
        return across + len(f"{value:.4g}") * CHARACTER / 2 <= self.width + MARGIN["right"]

    def counts(self, x: Values, y: Values, bins: int) -> NDArray[np.float64]:
        """Number of points in each of ``bins × bins`` cells, the top row of the window first."""
        good = np.isfinite(x) & np.isfinite(y)
        window = [sorted((self.bottom, self.top)), sorted((self.left, self.right))]
        cells, _, _ = np.histogram2d(y[good], x[good], bins=bins, range=window)
        return self.from_top(cells)

    def from_top(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Rows ``[y, ...]`` in the order of rising y, the one at the top of the window first."""
        return rows[::-1] if self.top > self.bottom else rows

    def at(self, across: float, down: float) -> tuple[float, float]:
        """Coordinates ``x, y`` of a point so many CSS px from the top left corner of the figure."""
        right = (across - MARGIN["left"]) / self.width
        below = (down - MARGIN["top"]) / self.height
        return (
            self.left + right * (self.right - self.left),
            self.top + below * (self.bottom - self.top),
        )

    def holds(self, x: float, y: float) -> bool:
        """True if a point lies in the window."""
        right = (x - self.left) / (self.right - self.left)
        below = (y - self.top) / (self.bottom - self.top)
        return bool(0 <= right <= 1 and 0 <= below <= 1)

    @property
    def extent(self) -> dict[str, Any]:
        """Corners of a picture that fills the window."""
        return {"x": (self.left, self.right), "y": (self.bottom, self.top)}


@dataclass(frozen=True)
class Grid:
    """Two array axes on screen: pixels are squares of their physical size, row 0 at the top."""

    rows: Axis
    columns: Axis

    def frame(self, size: int, names: tuple[str, str] = ("y", "x")) -> Frame:
        """The window that shows all pixels, within a square of `size` CSS px."""
        height, width = self.physical_size()
        zoom = size / max(height, width)
        return Frame(
            left=self.columns.coordinate(-0.5),
            right=self.columns.coordinate(self.columns.size - 0.5),
            top=self.rows.coordinate(-0.5),
            bottom=self.rows.coordinate(self.rows.size - 0.5),
            width=max(round(width * zoom), 24),
            height=max(round(height * zoom), 24),
            x_label=f"{names[1]} ({self.columns.units})",
            y_label=f"{names[0]} ({self.rows.units})",
        )

    def point(self, i: Any, j: Any) -> tuple[Any, Any]:
        """Coordinates ``x, y`` of an array position ``(i, j)``, or of many."""
        return self.columns.coordinate(j), self.rows.coordinate(i)

    def position(self, x: float, y: float) -> tuple[float, float]:
        """Array position ``(i, j)`` of coordinates ``x, y``."""
        return (
            (y - self.rows.offset) / self.rows.scale,
            (x - self.columns.offset) / self.columns.scale,
        )

    def physical_size(self) -> tuple[float, float]:
        """Height and width in the units of the axes; in pixels where these differ."""
        if self.rows.units != self.columns.units:
            return float(self.rows.size), float(self.columns.size)
        return (
            self.rows.size * abs(self.rows.scale),
            self.columns.size * abs(self.columns.scale),
        )


def ticks(low: float, high: float, most: int) -> list[float]:
    """At most so many round numbers from `low` to `high`."""
    span = high - low if high > low else 1.0
    power = 10.0 ** np.floor(np.log10(span / most))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step * most >= span)
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [float(index * step) for index in np.arange(first, last + 1)]


def round_length(most: float) -> float:
    """The longest of 1, 2 or 5 times a power of ten that is not longer."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(step * power for step in (1, 2, 5) if step * power <= most * (1 + 1e-9)))
