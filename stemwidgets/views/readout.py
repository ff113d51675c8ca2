"""Every channel's value at the position, in words and units."""

import math
from html import escape
from typing import Any

import ipywidgets

from stemwidgets.state.channels import Channel
from stemwidgets.state.session import Session
from stemwidgets.views.view import View, caption
from stemwidgets.views.words import caption_of, category, number, percent, quantity, uncertain_angle

_TOLD_WITH_ANOTHER = ("angle std", "symmetry confidence", "class confidence")


class Readout(View):
    """A table: where one looks, and what every channel says there.

    Parameters
    ----------
    session : Session
        What it shows.

    Raises
    ------
    InputError
        For an unknown keyword.
    """

    def __init__(self, session: Session, **unknown: Any) -> None:
        super().__init__(session, unknown)
        self._table = ipywidgets.HTML()
        self.parts = {"table": self._table}
        self.fill(caption("at the position"), self._table)
        self.look(self._draw, "position", "channels")
        self._draw()

    def _draw(self) -> None:
        iy, ix = self.session.position
        axes = self.session.axes
        rows = [("row, column", f"{iy}, {ix}")]
        if axes.scan_x.units != "px":
            rows += [
                ("y", f"{number(axes.scan_y.coordinate(iy))} {axes.scan_y.units}"),
                ("x", f"{number(axes.scan_x.coordinate(ix))} {axes.scan_x.units}"),
            ]
        rows += [
            (caption_of(name), self._value(channel))
            for name, channel in self.session.channels.items()
            if name not in _TOLD_WITH_ANOTHER
        ]
        cells = "".join(
            f"<tr><td>{escape(name)}</td><td style='text-align:right'>{escape(value)}</td></tr>"
            for name, value in rows
        )
        self._table.value = f"<table>{cells}</table>"

    def _value(self, channel: Channel) -> str:
        here = self.session.position
        value = float(channel.values[here])
        if channel.name == "angle":
            std = self.session.channels["angle std"].values[here]
            return uncertain_angle(value, float(std), channel.fold)
        if channel.kind == "category" and math.isfinite(value):
            words = category(channel.name, int(value))
            sure = channel.confidence
            return words if sure is None else f"{words} ({percent(float(sure[here]))})"
        return quantity(value, channel.units)
