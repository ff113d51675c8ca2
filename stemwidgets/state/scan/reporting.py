"""The report of a session's scan, made in the background once the scan has been read."""

from typing import Any

from traitlets import Instance

from stemwidgets.arrays.scan_report.checking import report_on
from stemwidgets.arrays.scan_report.report import ScanReport
from stemwidgets.state.background.worker import Mailbox
from stemwidgets.state.scan.computing import Computing
from stemwidgets.state.scan.scan import Scan
from stemwidgets.state.scan.seeing import seeing


class Reporting(Computing):
    """Report on a scan on request, and again whenever it was read anew.

    It needs no further reading of the scan: it uses the overview, and a few patterns.

    Parameters
    ----------
    scan, mailbox
        As for `Computing`.

    Attributes
    ----------
    report : ScanReport or None
        The latest report; None until there is one.
    """

    report = Instance(ScanReport, allow_none=True, read_only=True)

    def __init__(self, scan: Scan, mailbox: Mailbox) -> None:
        super().__init__(scan, mailbox)
        self._wanted = False
        scan.observe(self._read, ["overview", "take_off"])

    def ask(self) -> None:
        """Request the report, which is made as soon as the scan has been read."""
        if not self._wanted:
            self._wanted = True
            self._read()

    def _read(self, _: Any = None) -> None:
        scan, overview = self._scan, self._scan.overview
        if not self._wanted or overview is None or scan.closed:
            return
        see = seeing(scan, overview)
        self._compute(
            lambda: report_on(see(), scan.title), lambda report: self.set_trait("report", report)
        )
