"""Every channel's value at the position and over the region, in words and units."""

from html import escape
from typing import Any

import ipywidgets
import numpy as np

from stemwidgets.state.session import Session
from stemwidgets.views.values import mean_of, place_of, value_at
from stemwidgets.views.view import View, caption
from stemwidgets.views.words import caption_of

_TOLD_WITH_ANOTHER = ("angle std", "symmetry confidence", "class confidence")


class Readout(View):
    """A table: where one looks, and what every channel says there.

    With a region, a second column tells mean ± standard deviation over it, around the circle for
    angles, and the most frequent class with its share.

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
        self._region: dict[str, str] = {}
        self.look(self._draw, "position")
        self.look(self._average, "region", "channels")
        self._average()

    def _average(self) -> None:
        region = self.session.region
        self._region = {}
        if region is not None:
            self._region = {
                name: mean_of(channel, channel.values[region])
                for name, channel in self.session.channels.items()
                if name not in _TOLD_WITH_ANOTHER
            }
        self._draw()

    def _draw(self) -> None:
        position, channels = self.session.position, self.session.channels
        rows = [(name, value, "") for name, value in place_of(position, self.session.axes)]
        rows += [
            (caption_of(name), value_at(channel, position, channels), self._region.get(name, ""))
            for name, channel in channels.items()
            if name not in _TOLD_WITH_ANOTHER
        ]
        if self._region:
            count = np.count_nonzero(self.session.region)
            rows.insert(0, ("", "here", f"region of {count}, mean ± std"))
        columns = 3 if self._region else 2
        self._table.value = f"<table>{''.join(_row(row[:columns]) for row in rows)}</table>"


def _row(texts: tuple[str, ...]) -> str:
    name, *values = map(escape, texts)
    cells = "".join(f"<td style='text-align:right'>{value}</td>" for value in values)
    return f"<tr><td>{name}</td>{cells}</tr>"
