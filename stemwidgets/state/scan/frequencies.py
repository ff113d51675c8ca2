"""The spectrum of a session's scan, measured in the background once the scan has been read."""

from typing import Any

from traitlets import Instance

from stemwidgets.arrays.band_limit.spectrum import ScanSpectrum
from stemwidgets.arrays.scan_report.spectrum_of import spectrum_of
from stemwidgets.state.background.worker import Mailbox
from stemwidgets.state.scan.computing import Computing
from stemwidgets.state.scan.scan import Scan
from stemwidgets.state.scan.seeing import seeing


class Frequencies(Computing):
    """Measure the spectrum of a scan on request, and again whenever it was read anew.

    It needs no further reading of the scan: it uses the overview, and a few patterns.

    Parameters
    ----------
    scan, mailbox
        As for `Computing`.

    Attributes
    ----------
    spectrum : ScanSpectrum or None
        The latest spectrum; None until there is one.
    """

    spectrum = Instance(ScanSpectrum, allow_none=True, read_only=True)

    def __init__(self, scan: Scan, mailbox: Mailbox) -> None:
        super().__init__(scan, mailbox)
        self._wanted = False
        scan.observe(self._read, ["overview", "take_off"])

    def ask(self) -> None:
        """Request the spectrum, which is measured as soon as the scan has been read."""
        if not self._wanted:
            self._wanted = True
            self._read()

    def _read(self, _: Any = None) -> None:
        overview = self._scan.overview
        if not self._wanted or overview is None or self._scan.closed:
            return
        see = seeing(self._scan, overview)
        self._compute(
            lambda: spectrum_of(see()), lambda spectrum: self.set_trait("spectrum", spectrum)
        )
