"""A view behind a button of a page, made when it is first opened."""

from collections.abc import Callable
from typing import Any

import ipywidgets

from stemwidgets.state.session import ScanSession


class Folded(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A button that opens a view and closes it again.

    Parameters
    ----------
    session : Session
        Session of the page.
    words : str
        Words on the button.
    hint : str
        Tooltip of the button.
    make : callable
        Makes the view.
    """

    def __init__(
        self, session: ScanSession, words: str, hint: str, make: Callable[[], Any]
    ) -> None:
        self.button = ipywidgets.ToggleButton(
            description=words, tooltip=hint, layout=ipywidgets.Layout(width="max-content")
        )
        super().__init__([self.button], layout=ipywidgets.Layout(flex="0 0 auto"))
        self._session, self._make, self.view = session, make, None
        key = f"fold {id(self)}"
        self.button.observe(lambda _: session.mailbox.post(key, self._turn), "value")

    def _turn(self) -> None:
        if self.button.value and self.view is None:
            self.view = self._make()
            self.children = (self.button, self.view)
        if self.view is not None:
            self.view.layout.display = None if self.button.value else "none"
