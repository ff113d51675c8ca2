"""The report of a session's scan, made in the background once the scan has been read."""

from typing import Any

from traitlets import Instance

from stemwidgets.arrays.faults.clean import faults_of
from stemwidgets.arrays.scan_report.checking import scan_report
from stemwidgets.arrays.scan_report.report import ScanReport
from stemwidgets.state.background.worker import Mailbox
from stemwidgets.state.scan.computing import Computing
from stemwidgets.state.scan.scan import Scan


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
        found, counts_faulty, energy = scan.left_out, not scan.leave_out, scan.beam_energy
        leaves_descan = not scan.take_off

        def work() -> ScanReport:
            data, axes = scan.data, scan.axes
            left_out = faults_of(data) if found is None else found
            return scan_report(
                data,
                axes,
                overview,
                left_out,
                scan.title,
                counts_faulty=counts_faulty,
                leaves_descan=leaves_descan,
                beam_energy=energy,
                notes=scan.notes,
            )

        self._compute(work, lambda report: self.set_trait("report", report))
