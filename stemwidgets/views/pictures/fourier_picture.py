"""Fourier transform of a map, in which a press shows the spacing of a frequency."""

import math
from html import escape

import ipywidgets
import numpy as np
from bqplot import Scatter

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.maps.fourier import direction_spectrum, reciprocal, spectrum
from stemwidgets.state.channels import Channel
from stemwidgets.views.parts.controls import legend
from stemwidgets.views.parts.view import REST, View
from stemwidgets.views.parts.words import caption_of, quantity
from stemwidgets.views.pictures.colors import RGBA
from stemwidgets.views.pictures.display import Display
from stemwidgets.views.pictures.pointer import Phase
from stemwidgets.views.pictures.raster import Raster, place, ring
from stemwidgets.views.pictures.screen import Grid

# % of the values: the weaker half is noise
SUITED = Display(percentiles=(50.0, 100.0), colors="inferno")
UNITS = "decades"


class FourierPicture:
    """Log magnitude of a map's frequencies.

    Its `box` is to be displayed: the picture `raster`, and in `line` the name of the transformed
    quantity and the spacing at the last press.
    """

    def __init__(self, view: View, size: int) -> None:
        self._view = view
        self._axes: Axes = view.session.scan.axes
        empty = spectrum(np.zeros(self._axes.shape[:2]), self._axes.scan_y, self._axes.scan_x)
        self._grid = Grid(empty.qy, empty.qx)
        frame = self._grid.frame(size, ("qy", "qx"))
        scales = frame.scales()
        self._spot: Scatter = ring(scales, "#39d0ff")
        self.raster = Raster(
            frame, marks=[self._spot], scales=scales, on_drag=self._dragged, units=empty.qx.units
        )
        self.line = legend(max_width=f"{size}px")
        self.box = ipywidgets.VBox([self.raster.box, self.line])
        self._of: tuple[Channel, Channel] | None = None
        self._what = ""

    def transformed(self, channel: Channel) -> Channel:
        """Values of the picture, for a channel that is no category."""
        if self._of is None or self._of[0] is not channel:
            y, x = self._axes.scan_y, self._axes.scan_x
            if channel.kind == "angle":
                found = direction_spectrum(channel.values, y, x, channel.confidence, channel.fold)
            else:
                found = spectrum(channel.values, y, x)
            values = found.decades.astype(np.float32)
            self._of = channel, Channel(f"FFT of {channel.name}", values, UNITS)
        return self._of[1]

    def show(self, picture: RGBA, channel: Channel) -> None:
        """Show the painted transform of a channel."""
        self.raster.show(picture)
        self._what = what_is_transformed(channel)
        self._tell(None)

    def clear(self, words: str) -> None:
        """Show words instead."""
        self._spot.visible = False
        self.raster.clear(words)
        self.line.value = ""

    def _dragged(self, _: Phase, x: float, y: float) -> None:
        self._view.session.mailbox.post(f"spot {id(self)}", lambda: self._tell((x, y)), rest=REST)

    def _tell(self, point: tuple[float, float] | None) -> None:
        place(self._spot, None if point is None else ([point[0]], [point[1]]))
        if point is None or self.raster.message:
            self.line.value = _line(f"{escape(self._what)}; press a spot for its spacing")
            return
        x, y = point
        units = self._grid.columns.units
        q = math.hypot(x, y)
        words = f"q = {quantity(q, units)}"
        if q > self._grid.columns.scale / 2:
            words += f": spacing <b>{quantity(1 / q, reciprocal(units))}</b>"
        self.line.value = _line(f"{words}, {quantity(math.atan2(y, x), 'rad')}")


def what_is_transformed(channel: Channel) -> str:
    """The transformed quantity, in words."""
    name = caption_of(channel.name)
    if channel.kind != "angle":
        return f"FFT of {name}"
    turn = "i" if channel.fold == 1 else f"{channel.fold}i"
    weight = "" if channel.confidence is None else " × confidence"
    return f"FFT of exp({turn} {name}){weight}"


def _line(words: str) -> str:
    return f"<div style='line-height:1.3;min-height:2.6em'>{words}</div>"
