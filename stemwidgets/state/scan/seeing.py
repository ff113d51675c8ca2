"""Results of a scan that was read, made in the background, with what its session knows of it."""

from collections.abc import Callable
from typing import Any

from stemwidgets.arrays.faults.clean import faults_of
from stemwidgets.arrays.overview import Overview
from stemwidgets.arrays.scan_report.checking import seen_of
from stemwidgets.arrays.scan_report.seen import Seen
from stemwidgets.state.background.worker import Mailbox
from stemwidgets.state.scan.computing import Computing
from stemwidgets.state.scan.scan import Scan


class Seeing(Computing):
    """Base of a result that is made of a scan on request, and again whenever it was read anew.

    It needs no further reading of the scan: it uses the overview, and a few patterns.

    Parameters
    ----------
    scan, mailbox
        As for `Computing`.
    """

    result: str  # name of the trait that holds it

    def __init__(self, scan: Scan, mailbox: Mailbox) -> None:
        super().__init__(scan, mailbox)
        self._wanted = False
        scan.observe(self._read, ["overview", "take_off"])

    def ask(self) -> None:
        """Request the result, which is made as soon as the scan has been read."""
        if not self._wanted:
            self._wanted = True
            self._read()

    def _made_of(self, seen: Seen) -> Any:
        """Make the result, in the background."""
        raise NotImplementedError

    def _read(self, _: Any = None) -> None:
        scan, overview = self._scan, self._scan.overview
        if not self._wanted or overview is None or scan.closed:
            return
        see = _seeing(scan, overview)
        self._compute(
            lambda: self._made_of(see()), lambda found: self.set_trait(self.result, found)
        )


def _seeing(scan: Scan, overview: Overview) -> Callable[[], Seen]:
    """Function that reads a few patterns again, in the background, and gives the scan as seen.

    What the session knows is taken now.
    """
    found, counts_faulty, leaves_descan = scan.left_out, not scan.leave_out, not scan.take_off

    def see() -> Seen:
        data, axes = scan.data, scan.axes
        return seen_of(
            data,
            axes,
            overview,
            faults_of(data) if found is None else found,
            counts_faulty=counts_faulty,
            leaves_descan=leaves_descan,
            beam_energy=scan.beam_energy,
            semi_angle=scan.semi_angle,
            notes=scan.notes,
        )

    return see
