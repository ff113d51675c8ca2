"""What changed while a page was loading is told again.

A page that loads onto a kernel at work asks for the state of all widgets and listens to their
changes only a moment later: what changes in between never reaches it.
"""

from collections.abc import Iterator
from typing import Any

import ipywidgets

from stemwidgets.state.worker import Mailbox

SETTLED = 0.5  # s, after which a page that has made one widget has made them all


class Arrival:
    """Hears of each page that shows a widget, and sends it everything once more.

    The page itself tells: it copies one value to another as soon as it knows both.

    Parameters
    ----------
    shown : Widget
        What is sent, with all that is in it.
    mailbox : Mailbox
        Runs the sending at home.
    """

    def __init__(self, shown: ipywidgets.Widget, mailbox: Mailbox) -> None:
        self._shown, self._mailbox = shown, mailbox
        self.there = ipywidgets.IntText(0)
        self._link = ipywidgets.jsdlink((ipywidgets.IntText(1), "value"), (self.there, "value"))
        self.there.observe(self._arrived, "value")

    def _arrived(self, change: Any) -> None:
        if change["new"]:
            self.there.value = 0  # for the next page
            self._mailbox.post(f"arrival {id(self)}", self._send, delay=SETTLED)

    def _send(self) -> None:
        for widget in within(self._shown):
            widget.send_state()


def within(root: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    """A widget and all that it is made of, each once."""
    seen, waiting = set(), [root]
    while waiting:
        widget = waiting.pop()
        if id(widget) in seen:
            continue
        seen.add(id(widget))
        yield widget
        for key in widget.keys:
            waiting += _widgets(getattr(widget, key))


def _widgets(value: Any) -> Iterator[ipywidgets.Widget]:
    if isinstance(value, ipywidgets.Widget):
        yield value
    elif isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _widgets(part)
