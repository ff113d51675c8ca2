"""Every channel's value at the position, in words and units."""

from html import escape
from typing import Any

import ipywidgets

from stemwidgets.state.session import Session
from stemwidgets.views.values import place_of, value_at
from stemwidgets.views.view import View, caption
from stemwidgets.views.words import caption_of

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
        position, channels = self.session.position, self.session.channels
        rows = place_of(position, self.session.axes)
        rows += [
            (caption_of(name), value_at(channel, position, channels))
            for name, channel in channels.items()
            if name not in _TOLD_WITH_ANOTHER
        ]
        cells = "".join(
            f"<tr><td>{escape(name)}</td><td style='text-align:right'>{escape(value)}</td></tr>"
            for name, value in rows
        )
        self._table.value = f"<table>{cells}</table>"
