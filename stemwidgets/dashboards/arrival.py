"""Resend widget state after a page reload.

A page that loads onto a kernel at work asks for the state of all widgets and listens to their
changes only a moment later: what changes in between never reaches it.
"""

from typing import Any

import ipywidgets

from stemwidgets.state.background.worker import Mailbox
from stemwidgets.views.parts.within import within

SETTLED = 0.5  # s, after which a page that has made one widget has made them all


class Arrival:
    """Watcher for pages that show a widget, to each of which it sends everything once more.

    The page itself reports: it copies one value to another as soon as it knows both. The mailbox
    runs the sending in the kernel's main loop.
    """

    def __init__(self, shown: ipywidgets.Widget, mailbox: Mailbox) -> None:
        self._shown, self._mailbox = shown, mailbox
        self.there = ipywidgets.IntText(0)
        self._one = ipywidgets.IntText(1)
        self._link = ipywidgets.jsdlink((self._one, "value"), (self.there, "value"))
        self.there.observe(self._arrived, "value")

    def _arrived(self, change: Any) -> None:
        if change["new"]:
            self.there.value = 0  # for the next page
            self._mailbox.post(f"arrival {id(self)}", self._send, delay=SETTLED)

    def _send(self) -> None:
        for widget in within(self._shown):
            widget.send_state()
