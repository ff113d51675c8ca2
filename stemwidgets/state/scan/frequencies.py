"""The spectrum of a session's scan."""

from traitlets import Instance

from stemwidgets.arrays.band_limit.spectrum import ScanSpectrum
from stemwidgets.arrays.scan_report.seen import Seen
from stemwidgets.arrays.scan_report.spectrum_of import spectrum_of
from stemwidgets.state.scan.seeing import Seeing


class Frequencies(Seeing):
    """Measure the spectrum of a scan on request, and again whenever it was read anew.

    Attributes
    ----------
    spectrum : ScanSpectrum or None
        The latest spectrum; None until there is one.
    """

    spectrum = Instance(ScanSpectrum, allow_none=True, read_only=True)
    result = "spectrum"

    def _made_of(self, seen: Seen) -> ScanSpectrum:
        return spectrum_of(seen)
