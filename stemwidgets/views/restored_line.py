"""A line that says what was brought back from an earlier session, and the way to leave it."""

from html import escape
from typing import Any

import ipywidgets

from stemwidgets.state.session import Session
from stemwidgets.views.parts.view import View


class RestoredLine(View):
    """Says what was restored, or why nothing can be kept; there is nothing to see otherwise.

    Only a `stemwidgets.Session` that a dashboard keeps has something to say.

    Parameters
    ----------
    session : Session
        Whose `keeping` it shows.

    Raises
    ------
    InputError
        For an unknown keyword.
    """

    def __init__(self, session: Session, **unknown: Any) -> None:
        super().__init__(session, unknown)
        self._keeping: Any = getattr(session, "keeping", None)
        self._words = ipywidgets.HTML()
        self._afresh = ipywidgets.Button()
        self.parts = {"words": self._words, "afresh": self._afresh}
        row = ipywidgets.HBox([self._words, self._afresh])
        row.layout.grid_gap, row.layout.align_items = "16px", "center"
        row.layout.flex_flow = "row wrap"
        self.fill(row)
        if self._keeping is not None:
            self.press(self._afresh, self._pressed)
            self.look(self._draw, "words", "problem", "before", at=self._keeping)
            self.look(self._draw, "status", at=session.training)
        self._draw()

    def _pressed(self) -> None:
        keeping = self._keeping
        (keeping.start_afresh if keeping.before is None else keeping.bring_back)()

    def _draw(self) -> None:
        keeping = self._keeping
        words = problem = ""
        if keeping is not None:
            words, problem = keeping.words, keeping.problem
            back = keeping.before is not None
            self._afresh.description = "Bring it back" if back else "Start afresh"
        kind = " class='stemwidgets-problem'" if problem else ""
        self._words.value = f"<div{kind}>{escape(problem or words)}</div>"
        self._afresh.layout.display = None if words else "none"
        self._afresh.disabled = self.session.training.active
        self.layout.display = None if words or problem else "none"
