"""A line on what was restored from an earlier session, and the way to leave it."""

from html import escape
from typing import Any

import ipywidgets

from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import beside, problem
from stemwidgets.views.parts.view import View


class RestoredLine(View):
    """Line on what was restored, or why nothing can be kept; invisible otherwise.

    Only a `stemwidgets.Session` that a dashboard keeps has anything to report.

    Parameters
    ----------
    session : Session
        Session whose `autosave` it shows.
    """

    def __init__(self, session: ScanSession, **unknown: Any) -> None:
        super().__init__(session, unknown)
        self._autosave: Any = getattr(session, "autosave", None)
        self._words = ipywidgets.HTML()
        self._afresh = ipywidgets.Button()
        self.parts = {"words": self._words, "afresh": self._afresh}
        self.fill(beside(self._words, self._afresh, gap="16px", align_items="center"))
        if self._autosave is not None:
            self.press(self._afresh, self._pressed)
            self.look(self._draw, "words", "problem", "before", at=self._autosave)
            self.look(self._draw, "status", at=session.training)
        self._draw()

    def _pressed(self) -> None:
        autosave = self._autosave
        (autosave.start_afresh if autosave.before is None else autosave.bring_back)()

    def _draw(self) -> None:
        autosave = self._autosave
        words = trouble = ""
        if autosave is not None:
            words, trouble = autosave.words, autosave.problem
            back = autosave.before is not None
            self._afresh.description = "Bring it back" if back else "Start afresh"
        self._words.value = problem(trouble) if trouble else f"<div>{escape(words)}</div>"
        self._afresh.layout.display = None if words else "none"
        self._afresh.disabled = self.session.training.active
        self.layout.display = None if words or trouble else "none"
