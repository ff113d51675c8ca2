"""The report of a session's scan."""

from traitlets import Instance

from stemwidgets.arrays.scan_report.checking import report_on
from stemwidgets.arrays.scan_report.report import ScanReport
from stemwidgets.arrays.scan_report.seen import Seen
from stemwidgets.state.scan.seeing import Seeing


class Reporting(Seeing):
    """Report on a scan on request, and again whenever it was read anew.

    Attributes
    ----------
    report : ScanReport or None
        The latest report; None until there is one.
    """

    report = Instance(ScanReport, allow_none=True, read_only=True)
    result = "report"

    def _made_of(self, seen: Seen) -> ScanReport:
        return report_on(seen, self._scan.title)
