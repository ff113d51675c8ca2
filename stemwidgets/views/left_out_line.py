"""A line at the top of a page on what is left out of the scan, and taken off it."""

from html import escape
from typing import Any

import ipywidgets

from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.descan_row import DescanRow, tick_of_descan
from stemwidgets.views.parts.view import View


class LeftOutLine(View):
    """Line on faults and saturation of the detector, and on the descan that is taken off.

    Where there is nothing to report, a small button is left: it opens a row that states where the
    descan comes from, the scan itself or vacuum.

    Parameters
    ----------
    session : Session
        Session to show.
    """

    def __init__(self, session: ScanSession, **unknown: Any) -> None:
        super().__init__(session, unknown)
        self._words = ipywidgets.HTML()
        self._tick = tick_of_descan(session)
        self._row = DescanRow(session)
        opener, parts = self._row.parts["open"], self._row.parts
        self.parts = {"words": self._words, "take_off": self._tick, **parts}
        self.fill(self._words, self._tick, opener, self._row.box)
        self.layout.flex_flow, self.layout.grid_gap = "row wrap", "0 12px"
        self.write(self._tick, session.scan, "take_off")
        self.listen(opener, self._row.draw)
        self.listen(parts["source"], self._row.choose)
        self.listen(parts["path"], self._row.choose_file)
        self.press(parts["measure"], self._row.measure)
        self.look(
            self._draw, "left_out", "leave_out", "descan", "take_off", "in_vacuum", at=session.scan
        )
        self.look(self._row.follow, "in_vacuum", at=session.scan)
        self.look(self._row.draw, "status", "problem", at=session.vacuum)
        self._row.follow()
        self._draw()

    def _draw(self) -> None:
        scan = self.session.scan
        words = " ".join(filter(None, (scan.left_out_words, scan.descan_words)))
        self._tick.value = scan.take_off
        self._tick.layout.display = None if scan.descan else "none"
        self._words.value = (
            f"<div style='font-size:14px;color:#b35900;line-height:1.4'>{escape(words)}</div>"
        )
        self._words.layout.display = None if words else "none"
        self._row.draw()
