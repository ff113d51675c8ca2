"""Every channel's value at the position and over the region, in words and units."""

from html import escape
from typing import Any

import ipywidgets
import numpy as np

from stemwidgets.state.channels import BAND_LIMITED
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.values import mean_of, place_of, value_at
from stemwidgets.views.parts.view import ASIDE, View, caption
from stemwidgets.views.parts.words import caption_of, left

HERE, REGION = "at the position", "over the region"
_ERRORS = ("COM angle std", "angle std", "symmetry confidence", "class confidence")
_TOLD_WITH_ANOTHER = (*_ERRORS, f"COM angle std{BAND_LIMITED}")


class ReadoutView(View):
    """A table of the values of all channels at the position, or over the region.

    Over the region it is mean ± standard deviation, around the circle for angles, and the most
    frequent class with its share. A new region is shown at once, and a new position again.

    Parameters
    ----------
    session : Session
        Session to show.

    Examples
    --------
    >>> sw.ReadoutView(session)
    """

    def __init__(self, session: ScanSession, **unknown: Any) -> None:
        super().__init__(session, unknown)
        self._table = ipywidgets.HTML()
        self._choice = ipywidgets.ToggleButtons(
            options=[HERE, REGION], style={"button_width": "auto"}
        )
        self._choice.add_class("stemwidgets-tools")
        self.parts = {"table": self._table, "where": self._choice}
        heading = ipywidgets.HBox([caption("values"), self._choice])
        heading.layout.grid_gap = "16px"
        self.fill(heading, self._table)
        self.listen(self._choice, self._draw)
        self.look(self._turn_to_position, "position", delay=ASIDE)
        self.look(self._turn_to_region, "region", at=session.selection)
        self.look(self._draw, "channels")
        self.look(self._draw, "opening", "left_out", "leave_out", at=session.scan)
        self._turn_to_region()
        self._draw()

    def _turn_to_position(self) -> None:
        self._choice.value = HERE
        self._draw()

    def _turn_to_region(self) -> None:
        there = self.session.selection.region is not None
        self._choice.value = REGION if there else HERE
        self._choice.layout.display = None if there else "none"
        self._draw()

    def _draw(self) -> None:
        rows = self._of_region() if self._choice.value == REGION else self._here()
        cells = "".join(
            f"<tr><td>{escape(name)}</td><td style='text-align:right'>{escape(value)}</td></tr>"
            for name, value in rows
        )
        self._table.value = f"<table>{cells}</table>"

    def _here(self) -> list[tuple[str, str]]:
        position, channels, scan = self.session.position, self.session.channels, self.session.scan
        told = []
        if scan.opening is not None:
            words = (f"{scan.opening.read:.0%}", left(scan.opening.remaining))
            told.append(("scan read", ", ".join(filter(None, words))))
        if scan.left_out_words:
            told.append(("detector", scan.left_out_words))
        values = [
            (caption_of(name), value_at(channel, position, channels))
            for name, channel in channels.items()
            if name not in _TOLD_WITH_ANOTHER
        ]
        return told + place_of(position, scan.axes) + values

    def _of_region(self) -> list[tuple[str, str]]:
        region = self.session.selection.region
        if region is None:
            return self._here()
        return [("positions", f"{np.count_nonzero(region)}, mean ± std")] + [
            (caption_of(name), mean_of(channel, channel.values[region]))
            for name, channel in self.session.channels.items()
            if name not in _TOLD_WITH_ANOTHER
        ]
