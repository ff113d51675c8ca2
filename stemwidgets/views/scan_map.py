"""A map over the scan: any channel, with its colour bar or colour wheel and a crosshair."""

import base64
from typing import Any

import ipywidgets
import numpy as np

from stemwidgets.arrays.errors import InputError
from stemwidgets.state.channels import Channel
from stemwidgets.state.session import Session
from stemwidgets.views import colors
from stemwidgets.views.raster import Raster, png
from stemwidgets.views.screen import Grid
from stemwidgets.views.view import View
from stemwidgets.views.words import caption_of, quantity

_NOT_YET = {
    "virtual detector": "choose a detector",
    "sum": "reading the scan …",
}


class ScanMap(View):
    """One channel of the session over the scan. A click moves the session's position.

    Parameters
    ----------
    session : Session
        What it shows.
    channel : str
        Name of the channel shown first; it may be one that training will bring.
    size : int
        Longer side of the map on screen [CSS px].

    Raises
    ------
    InputError
        For an unknown keyword.
    """

    def __init__(
        self, session: Session, channel: str = "COM angle", size: int = 280, **unknown: Any
    ) -> None:
        super().__init__(session, unknown)
        if not isinstance(channel, str):
            raise InputError(f"a channel is chosen by its name, not {channel!r}")
        self._grid = Grid(session.axes.scan_y, session.axes.scan_x)
        self.raster = Raster(self._grid.frame(size), on_click=self._clicked)
        self._shown: Channel | None = None
        self._choice = ipywidgets.Dropdown(
            options=_options(session, channel),
            value=channel,
            layout=ipywidgets.Layout(width="220px"),
        )
        self._legend = ipywidgets.HTML(layout=ipywidgets.Layout(margin="0 0 0 56px"))
        self.parts = {"channel": self._choice, "figure": self.raster.figure, "legend": self._legend}
        self.fill(self._choice, self.raster.figure, self._legend)
        self.listen(self._choice, self._draw)
        self.look(self._offer, "channels")
        self.look(self._cross, "position")
        self._draw()

    @property
    def channel(self) -> str:
        """Name of the channel that is chosen."""
        return str(self._choice.value)

    @channel.setter
    def channel(self, name: str) -> None:
        self._choice.options = _options(self.session, name)
        self._choice.value = name

    def _clicked(self, x: float, y: float) -> None:
        self.go_to(*self._grid.position(x, y))

    def _offer(self) -> None:
        options = _options(self.session, self.channel)
        if options != list(self._choice.options):
            name = self.channel
            with self._choice.hold_trait_notifications():
                self._choice.options = options
                self._choice.value = name
        self._draw()

    def _cross(self) -> None:
        if self._shown is not None:
            self.raster.cross(*self._grid.point(*self.session.position))

    def _draw(self) -> None:
        channel = self.session.channels.get(self.channel)
        if channel is self._shown and channel is not None:
            return
        self._shown = channel
        if channel is None:
            self.raster.clear(_NOT_YET.get(self.channel, "press Train"))
            self._legend.value = ""
            return
        picture, self._legend.value = render(channel)
        self.raster.show(picture)
        self._cross()


def render(channel: Channel) -> tuple[colors.RGBA, str]:
    """The picture of a channel and its legend in HTML."""
    values, units = channel.values, channel.units
    finite = values[np.isfinite(values)]
    if channel.kind == "angle":
        return colors.cyclic(values, channel.confidence), _wheel(channel.confidence is not None)
    if finite.size == 0:
        return colors.sequential(values, 0, 1), "nothing is defined here"
    if channel.kind == "signed":
        limit = float(np.percentile(np.abs(finite), 99.5)) or 1.0
        return colors.diverging(values, limit), _bar(colors.DIVERGING, -limit, limit, units)
    low, high = (float(edge) for edge in np.percentile(finite, [0.5, 99.5]))
    return colors.sequential(values, low, high), _bar(colors.SEQUENTIAL, low, high, units)


def _options(session: Session, name: str) -> list[tuple[str, str]]:
    names = [*session.channels] + [name] * (name not in session.channels)
    return [(caption_of(known), known) for known in names]


def _bar(table: Any, low: float, high: float, units: str) -> str:
    return (
        "<div style='width:200px;line-height:1.3'>"
        f"<div style='height:12px;background:{colors.css_gradient(table)}'></div>"
        "<div style='display:flex;justify-content:space-between'>"
        f"<span>{quantity(low, '')}</span><span>{units}</span><span>{quantity(high, '')}</span>"
        "</div></div>"
    )


def _wheel(fades: bool) -> str:
    fading = "<br>pale: little to tell it by" if fades else ""
    return (
        "<div style='display:flex;align-items:center;gap:12px;line-height:1.3'>"
        f"<img alt='colour wheel' width=64 height=64 src='{_WHEEL}'>"
        f"<span>0° → right, 90° ↓ down{fading}</span></div>"
    )


_WHEEL = "data:image/png;base64," + base64.b64encode(png(colors.wheel(128))).decode()
