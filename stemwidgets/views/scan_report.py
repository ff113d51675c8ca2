"""Report of a scan: the findings, the action on each, and a tick to take it or not."""

from html import escape
from typing import Any

import ipywidgets

from stemwidgets.arrays.scan_report.findings import COLORS
from stemwidgets.arrays.scan_report.report import cards
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import beside, lines, problem, tick
from stemwidgets.views.parts.descan_row import tick_of_descan
from stemwidgets.views.parts.view import View, caption
from stemwidgets.views.parts.words import left, percent, waiting_for_scan


class ScanReportView(View):
    """First look at a scan: each finding in a colour and in words.

    While its tick is set, faulty pixels and single events are left out of all that is computed, and
    the descan is taken off COM, detectors and rrVAE.

    Parameters
    ----------
    session : Session
        Session whose `reporting` it shows.

    Examples
    --------
    >>> sw.ScanReportView(session)
    """

    def __init__(self, session: ScanSession, **unknown: Any) -> None:
        super().__init__(session, unknown)
        self._summary, self._cards = ipywidgets.HTML(), ipywidgets.HTML()
        self._leave_out = tick("leave out faulty pixels and single events", session.scan.leave_out)
        self._take_off = tick_of_descan(session)
        self.parts = {
            "summary": self._summary,
            "findings": self._cards,
            "leave_out": self._leave_out,
            "take_off": self._take_off,
        }
        self._cards.layout.width = "100%"
        parts = caption("report of the scan"), self._summary, self._leave_out, self._take_off
        self.layout.width, self.layout.flex = "100%", "1 1 100%"
        self.fill(beside(*parts, gap="0 16px", align_items="center"), self._cards)
        self.write(self._leave_out, session.scan, "leave_out")
        self.write(self._take_off, session.scan, "take_off")
        self.look(self._draw_ticks, "left_out", "leave_out", "descan", "take_off", at=session.scan)
        self.look(self._draw_summary, "problem")
        self.look(self._draw_summary, "opening", "overview", at=session.scan)
        self.look(self._draw, "report", at=session.reporting)
        self.look(self._draw_summary, "status", at=session.reporting)
        session.reporting.ask()
        self._draw_ticks()
        self._draw()

    def _draw_ticks(self) -> None:
        found = self.session.scan.left_out
        self._take_off.value = self.session.scan.take_off
        self._take_off.layout.display = None if self.session.scan.descan else "none"
        self._leave_out.value = self.session.scan.leave_out
        self._leave_out.layout.display = None if found is not None and found.any else "none"

    def _draw(self) -> None:
        report = self.session.reporting.report
        self._cards.value = "" if report is None else cards(report.findings)
        self._draw_summary()

    def _draw_summary(self) -> None:
        self._summary.value = lines(self._words())

    def _words(self) -> str:
        session, reporting = self.session, self.session.reporting
        if session.scan.opening is not None:
            words = f"reading the scan: {percent(session.scan.opening.read)}"
            return ", ".join(filter(None, (words, left(session.scan.opening.remaining))))
        if reporting.problem:
            return problem(reporting.problem)
        if reporting.running:
            return "looking at what was read …"
        if reporting.report is None:
            return waiting_for_scan(session.problem)
        alarms = reporting.report.alarms
        bad = any(finding.state == "bad" for finding in alarms)
        color = COLORS["bad" if bad else "doubtful" if alarms else "good"]
        return f"<b style='color:{color}'>{escape(reporting.report.summary)}</b>"
