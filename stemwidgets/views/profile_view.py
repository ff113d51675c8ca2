"""A channel along the line that is drawn on a map."""

import math
import re
from dataclasses import replace
from html import escape
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps import line_profile as arrays
from stemwidgets.state.channels import Channel
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.channel_choice import ChannelChoice
from stemwidgets.views.parts.controls import control
from stemwidgets.views.parts.values import mean_of
from stemwidgets.views.parts.view import View, caption, require_channel
from stemwidgets.views.parts.words import caption_of, decimals, power_of_ten, quantity, waiting_for
from stemwidgets.views.pictures.raster import Raster, curve, place
from stemwidgets.views.pictures.screen import Frame, ticks

NO_LINE = "choose Line above a map and drag"
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)")


class ProfileView(View):
    """One channel against the distance along the session's line, averaged across it.

    The line is drawn on a map, or typed as row and column of both ends. Between positions, maps are
    interpolated; undefined positions are left out. Angles are averaged around the circle and not
    unwrapped: the curve is interrupted where they pass from one end of the circle to the other.
    Classes are read at the nearest position, without a mean.

    Parameters
    ----------
    session : Session
        Session to show.
    channel : str
        Name of the channel shown first; it may be one that training will bring.
    averaged : float
        Full width of the strip over which is averaged, in the units of the scan axes.
    width, height : int
        Size of the plot on screen, without margins [CSS px].

    Raises
    ------
    InputError
        For an unknown keyword or channel, or a negative width.

    Examples
    --------
    >>> sw.ProfileView(session, "COM magnitude", averaged=0.5)
    """

    kept = ("channel",)

    def __init__(
        self,
        session: ScanSession,
        channel: str = "sum",
        averaged: float = 0.0,
        width: int = 276,
        height: int = 200,
        **unknown: Any,
    ) -> None:
        super().__init__(session, unknown)
        require_channel(session, channel)
        scan_y, scan_x = session.scan.axes.scan_y, session.scan.axes.scan_x
        self._units = scan_x.units
        self._steps = (scan_y.scale, scan_x.scale)
        if not 0 <= averaged < math.inf:
            raise InputError(f"Expected a width of 0 or more {self._units}, got {averaged!r}.")
        frame = Frame(0, 1, 1, 0, width, height, f"distance ({self._units})", "")
        scales = frame.scales()
        self._curve = curve(scales, "#1565c0", stroke_width=2)
        self.raster = Raster(frame, marks=[self._curve], scales=scales)
        self.raster.figure.remove_class("stemwidgets-picture")
        self._choice = ChannelChoice(session, channel, layout=ipywidgets.Layout(width="220px"))
        smaller = min(abs(step) for step in self._steps)
        self._width = control(
            ipywidgets.BoundedFloatText,
            f"averaged over ({self._units})",
            230,
            "initial",
            value=averaged,
            max=smaller * max(session.scan.shape[:2]),
            step=smaller,
        )
        hints = {"placeholder": "0, 0 to 5, 8", "continuous_update": False}
        self._ends = control(ipywidgets.Text, "ends (row, column)", 320, "initial", **hints)
        self._label = ipywidgets.HTML()
        self._words = ipywidgets.HTML(layout=ipywidgets.Layout(max_width=f"{width + 70}px"))
        self.parts = {
            "channel": self._choice,
            "width": self._width,
            "ends": self._ends,
            "figure": self.raster.figure,
            "curve": self._curve,
            "label": self._label,
            "words": self._words,
        }
        heading = ipywidgets.HBox([caption("profile"), self._choice])
        heading.layout.grid_gap = "16px"
        self.fill(heading, self._label, self.raster.figure, self._words, self._width, self._ends)
        self.listen(self._choice, self._draw)
        self.listen(self._width, self._draw)
        self.listen(self._ends, self._typed)
        self.look(self._choice.offer, "channels")
        self.look(self._draw, "channels")
        self.look(self._draw, "line", at=session.selection)
        self._draw()

    def _typed(self) -> None:
        text = self._ends.value.strip()
        numbers = [float(number) for number in NUMBER.findall(text)]
        if text == _in_words(self.session.selection.line):
            return
        if text and len(numbers) != 4:
            raise InputError(
                f"Expected row and column of both ends, such as 0, 0 to 5, 8, got {text!r}."
            )
        rows, columns = (size - 1 for size in self.session.scan.shape[:2])
        ends = np.clip(np.reshape(numbers, (-1, 2)), 0, (rows, columns)).tolist()
        self.session.selection.line = ends or None

    def _draw(self) -> None:
        channel, line = self._choice.channel, self.session.selection.line
        self._ends.value = _in_words(line)
        self._curve.visible = False
        self._label.value = self._words.value = ""
        if line is None or line[0] == line[1]:
            self.raster.clear(NO_LINE)
        elif channel is None:
            self.raster.clear(waiting_for(self.session.training.active))
        else:
            self._show(channel, self._read(channel, line))

    def _read(self, channel: Channel, line: Any) -> arrays.LineProfile:
        start, end = line
        values, steps, width = channel.values, self._steps, self._width.value
        if channel.kind == "category":
            return arrays.nearest_profile(values, start, end, steps)
        if channel.kind == "angle":
            return arrays.angle_profile(values, start, end, steps, width, channel.fold)
        return arrays.line_profile(values, start, end, steps, width)

    def _show(self, channel: Channel, profile: arrays.LineProfile) -> None:
        distance, values = profile.distance, profile.values
        length = quantity(float(distance[-1]), self._units)
        self._words.value = escape(f"{length} long, mean {mean_of(channel, values)}")
        if not np.isfinite(values).any():
            self.raster.clear("nothing is defined here")
            return
        if channel.kind == "angle":
            jumps = np.flatnonzero(arrays.crossed(values, channel.fold)) + 1
            distance = np.insert(distance, jumps, distance[jumps])
            values = np.insert(values, jumps, np.nan)
        values, units = _readable(values, channel.units)
        name = caption_of(channel.name)
        self._label.value = escape(f"{name} ({units})" if units else name)
        if channel.kind == "angle":
            marks = np.linspace(-180, 180, 5) / channel.fold
        else:
            marks = _marks(values, self.raster.frame.height)
        self.raster.clear()
        old = self.raster.frame
        bottom, top, right = float(marks[0]), float(marks[-1]), float(distance[-1])
        frame = replace(old, right=right, top=top, bottom=bottom)
        axis = self.raster.axes[1]
        axis.tick_format = f".{decimals(marks[1] - marks[0])}f"  # a browser needs it before values
        self.raster.move_to(frame)
        axis.tick_values = marks
        place(self._curve, (distance, values))


def _marks(values: NDArray[np.float64], height: int) -> NDArray[np.float64]:
    """Round numbers, of which the first and the last enclose the values."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if not high - low > 1e-6 * abs(high):
        low, high = low - (0.05 * abs(low) or 1.0), high + (0.05 * abs(high) or 1.0)
    some = ticks(low, high, height // 40)
    step = some[1] - some[0]
    return np.arange(np.floor(low / step + 1e-6), np.ceil(high / step - 1e-6) + 1) * step


def _readable(values: NDArray[np.float64], units: str) -> tuple[NDArray[np.float64], str]:
    """Angles in degrees, and large and small numbers with their power of ten in the unit."""
    if units == "rad":
        return np.degrees(values), "°"
    largest = float(np.nanmax(np.abs(values)))
    power = math.floor(math.log10(largest)) if largest > 0 else 0
    if -3 < power < 4:
        return values, units
    return values / 10.0**power, f"{power_of_ten(power)} {units}".strip()


def _in_words(line: Any) -> str:
    if line is None:
        return ""
    start, end = (f"{round(iy, 1):g}, {round(ix, 1):g}" for iy, ix in line)
    return f"{start} to {end}"
