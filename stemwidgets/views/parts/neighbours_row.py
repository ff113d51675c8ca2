"""Controls for the band limit, below which patterns are read with their neighbours."""

from html import escape
from typing import Any

import ipywidgets

from stemwidgets.arrays.errors import InputError
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import beside, control, lines, problem

AUTO, ALONE, GIVEN = "with neighbours", "each by itself", "with neighbours, up to"
HINT = "The rrVAE learns with this choice when it is trained next; the COM shows both."


class NeighboursRow:
    """A choice of how patterns are read, with the limit in words.

    `box` is the row, opened by the button ``neighbours`` among its `parts`; the others are
    ``reading``, ``limit`` and ``limit_words``. `words` is a line that is always there.
    """

    def __init__(self, session: ScanSession) -> None:
        self._session = session
        self._open = ipywidgets.ToggleButton(
            description="Neighbours …",
            tooltip="how patterns are read: with their neighbours in the scan, or each by itself",
            layout=ipywidgets.Layout(width="124px", height="26px", flex="0 0 auto"),
        )
        self._reading = control(
            ipywidgets.Dropdown, "patterns", 280, 74, options=(AUTO, ALONE, GIVEN)
        )
        self._limit = control(
            ipywidgets.BoundedFloatText, "1/Å", 140, 34, min=0.01, max=1e3, step=0.01, value=1.0
        )
        self.words, self._status = ipywidgets.HTML(), ipywidgets.HTML()
        self.parts: dict[str, Any] = {
            "neighbours": self._open,
            "reading": self._reading,
            "limit": self._limit,
            "limit_words": self.words,
        }
        parts = self._reading, self._limit, self._status
        self.box = beside(*parts, gap="2px 8px", width="100%", align_items="center")
        self._problem = ""

    def open(self) -> None:
        """Find the limit once somebody wants to know."""
        if self._open.value:
            self._session.limiting.ask()
        self.draw()

    def choose(self) -> None:
        """Follow the choice; a scan without calibration takes no limit in 1/Å."""
        given = {AUTO: "auto", ALONE: None, GIVEN: float(self._limit.value)}
        self._problem = ""
        try:
            self._session.band_limit = given[self._reading.value]
        except InputError as error:
            self._problem = str(error)
        self.draw()

    def follow(self) -> None:
        """Show the choice of the session; one that was saved brings its own."""
        asked = self._session.band_limit
        if isinstance(asked, float):
            self._limit.value = asked
        known: dict[Any, str] = {"auto": AUTO, None: ALONE}
        self._reading.value = known.get(asked, GIVEN)
        self.draw()

    def draw(self) -> None:
        """Show the choice, and what it comes to."""
        limiting = self._session.limiting
        self.box.layout.display = None if self._open.value else "none"
        self._limit.layout.display = None if self._reading.value == GIVEN else "none"
        chosen = limiting.chosen
        words = "" if chosen is None else chosen.words
        if self._session.band_limit is None:
            words = "Each pattern is read by itself."
        elif limiting.running:
            words = "looking at the spectrum of the scan …"
        self.words.value = lines(escape(words))
        self.words.layout.display = None if words and limiting.wanted else "none"
        told = self._problem or limiting.problem
        self._status.value = problem(told) if told else lines(HINT)
