"""A line at the top of a page on what is left out of the scan, taken off it, and shared."""

from html import escape
from typing import Any

import ipywidgets

from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.descan_row import DescanRow, tick_of_descan
from stemwidgets.views.parts.neighbours_row import NeighboursRow
from stemwidgets.views.parts.view import View


class LeftOutLine(View):
    """Line on faults and saturation of the detector, on the descan, and on the use of neighbours.

    Where there is nothing to report, two small buttons are left: they open rows that state where
    the descan comes from, the scan itself or vacuum, and how patterns are read, with their
    neighbours or each by itself.

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
        self._neighbours = shared = NeighboursRow(session)
        opener, parts = self._row.parts["open"], self._row.parts
        self.parts = {"words": self._words, "take_off": self._tick, **parts, **shared.parts}
        buttons = self._tick, opener, shared.parts["neighbours"]
        self.fill(self._words, *buttons, shared.words, self._row.box, shared.box)
        self.layout.flex_flow, self.layout.grid_gap = "row wrap", "0 12px"
        self.layout.align_items = "center"
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
        self.listen(shared.parts["neighbours"], shared.open)
        self.listen(shared.parts["reading"], shared.choose)
        self.listen(shared.parts["limit"], shared.choose)
        self.look(shared.follow, "band_limit", at=session.limiting)
        self.look(shared.draw, "chosen", "status", "problem", at=session.limiting)
        shared.follow()
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
