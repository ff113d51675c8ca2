"""The line under a map: the value under the mouse, or else what the mouse can do."""

from html import escape

import ipywidgets

from stemwidgets.state.channels import Channel
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.values import place_in_words, value_at


class Hover:
    """Readout of the channel under the mouse.

    `line`, of a width [CSS px], is to be displayed; it has the `hint` while the mouse is elsewhere.
    """

    def __init__(self, session: ScanSession, hint: str, width: int) -> None:
        self._session = session
        layout = ipywidgets.Layout(min_height="22px", width=f"{width}px")
        self.line = ipywidgets.HTML(layout=layout)
        self.line.add_class("stemwidgets-under-mouse")
        self.hint = hint
        self.show(None, None)

    def show(self, place: tuple[float, float] | None, channel: Channel | None) -> None:
        """Show the value of a channel at a place ``(iy, ix)`` on the map; the hint without one."""
        if place is None:
            self.line.value = escape(self.hint)
        else:
            session = self._session
            rows, columns = session.scan.shape[:2]
            position = min(round(place[0]), rows - 1), min(round(place[1]), columns - 1)
            words = place_in_words(position, session.scan.axes)
            if channel is not None:
                value = escape(value_at(channel, position, session.channels))
                words += f": <b>{value}</b>"
            self.line.value = f"<span style='white-space:nowrap'>{words}</span>"
