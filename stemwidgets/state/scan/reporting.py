"""The report of a session's scan, made in the background once the scan has been read."""

from typing import Any

from traitlets import Instance

from stemwidgets.arrays.faults.clean import faults_of
from stemwidgets.arrays.scan_report.checking import scan_report
from stemwidgets.arrays.scan_report.report import ScanReport
from stemwidgets.state.background.background_task import Computing
from stemwidgets.state.host import Host


class Reporting(Computing):
    """Report on a scan on request, and again whenever it was read anew.

    It needs no further reading of the scan: it uses the session's overview, and a few patterns.

    Parameters
    ----------
    session : Host
        Session with the scan.

    Attributes
    ----------
    report : ScanReport or None
        The latest report; None until there is one.
    """

    report = Instance(ScanReport, allow_none=True, read_only=True)

    def __init__(self, session: Host) -> None:
        super().__init__(session)
        self._wanted = False
        session.observe(self._read, ["overview", "take_off"])

    def ask(self) -> None:
        """Request the report, which is made as soon as the scan has been read."""
        if not self._wanted:
            self._wanted = True
            self._read()

    def _read(self, _: Any = None) -> None:
        session, overview = self._session, self._session.overview
        if not self._wanted or overview is None or session.closed:
            return
        found, counts_faulty, energy = session.left_out, not session.leave_out, session.beam_energy
        leaves_descan = not session.take_off

        def work() -> ScanReport:
            data, axes = session.data, session.axes
            left_out = faults_of(data) if found is None else found
            return scan_report(
                data,
                axes,
                overview,
                left_out,
                session.title,
                counts_faulty=counts_faulty,
                leaves_descan=leaves_descan,
                beam_energy=energy,
                notes=session.notes,
            )

        self._compute(work, lambda report: self.set_trait("report", report))
