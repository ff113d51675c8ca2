"""First reading of a scan, whose results so far are shown while it goes on."""

import time
from collections.abc import Callable

from stemwidgets.arrays.faults.left_out import LeftOut
from stemwidgets.arrays.overview import Overview, Reading
from stemwidgets.arrays.scan_report.counting import Counting, scan_counting
from stemwidgets.state.background.worker import Mailbox, Worker
from stemwidgets.state.channel_store import ChannelStore
from stemwidgets.state.channels import Channel, overview_channels
from stemwidgets.state.scan.direct_beam import DirectBeam
from stemwidgets.state.scan.scan import Opening, Scan

SECONDS = 1.0  # between two views of what has been read,
LARGEST_SHARE = 0.1  # which take so much of the time at most


class FirstReading:
    """The reading that gives a scan its overview and the channels that need no model.

    Parameters
    ----------
    scan : Scan
        The scan; lazy data are read in the background, others at once.
    mailbox : Mailbox
        Passes results to the main loop.
    channels : ChannelStore
        Receives the maps.
    beam : DirectBeam
        Receives the disc.
    worker : Worker
        Reads lazy data.
    """

    def __init__(
        self, scan: Scan, mailbox: Mailbox, channels: ChannelStore, beam: DirectBeam, worker: Worker
    ) -> None:
        self._scan, self._mailbox, self._channels = scan, mailbox, channels
        self._beam, self._worker = beam, worker

    def start(self) -> None:
        """Read the scan; once more if other pixels are left out."""
        if self._scan.lazy:
            self._worker.submit("overview", self._read, self._show)
        else:
            self._show(self._read())

    def _read(self) -> tuple[Overview, LeftOut | None]:
        scan = self._scan
        clean = scan.cleaned()
        reading = Reading(clean.data, clean.mask, True, scan.axes.pixel_size)
        try:
            return watched(reading, self._tell), clean.told if scan.leave_out else None
        finally:
            self._mailbox.post("opening", self._opened)

    def _tell(self, opening: Opening, so_far: Overview) -> None:
        channels = overview_channels(so_far, self._scan.axes)
        self._mailbox.post("opening", lambda: self._show_so_far(opening, channels))

    def _show_so_far(self, opening: Opening, channels: list[Channel]) -> None:
        self._channels.put(*channels)
        self._scan.opening = opening

    def _opened(self) -> None:
        self._scan.opening = None

    def _show(self, seen: tuple[Overview, LeftOut | None]) -> None:
        scan, (overview, left_out) = self._scan, seen
        scan.left_out = scan.left_out if left_out is None else left_out
        self._beam.find(overview.disc)
        scan.find_descan(overview.com)
        self._channels.put(*overview_channels(overview, scan.axes, scan.descan_taken_off))
        scan.overview = overview
        self._beam.show()
        if scan.lazy:
            self._worker.submit("counting", self._count, self._keep)
        else:
            self._keep(self._count())

    def _count(self) -> Counting:
        """Read a few patterns once more, for the noise between neighbours."""
        return scan_counting(self._scan.data, self._scan.cleaned().left_out)

    def _keep(self, counting: Counting) -> None:
        self._scan.counting = counting


def watched(reading: Reading, tell: Callable[[Opening, Overview], None]) -> Overview:
    """Read a scan, and report from time to time the progress and the results so far.

    Parameters
    ----------
    reading : Reading
        Reading that has not begun.
    tell : callable
        Receives both, in the thread that reads.
    """
    began = last = time.perf_counter()
    rest = SECONDS
    for read in reading.steps():
        now = time.perf_counter()
        if read < 1 and now - last >= rest:
            tell(Opening(read, (now - began) * (1 - read) / read), reading.overview())
            last = time.perf_counter()
            rest = max(SECONDS, (last - now) / LARGEST_SHARE)
    return reading.overview()
