"""Finding on the scan frequencies beyond what the probe can hold."""

import math

from stemwidgets.arrays.band_limit.spectrum import ScanSpectrum
from stemwidgets.arrays.scan_report.findings import Finding, not_measurable, unknown
from stemwidgets.arrays.scan_report.seen import Seen
from stemwidgets.arrays.scan_report.spectrum_of import spectrum_of

NAME = "band limit"


def band_limit(seen: Seen) -> Finding:
    """Power beyond the highest scan frequency that the probe can hold, beside shot noise."""
    return finding_of(spectrum_of(seen))


def finding_of(spectrum: ScanSpectrum) -> Finding:
    """A spectrum as a finding: the excess beyond the limit, in per cent of the shot noise."""
    if spectrum.reason:
        return not_measurable(NAME, spectrum.reason, "%")
    if spectrum.passes is None or math.isnan(spectrum.excess):
        return unknown(NAME, spectrum.words, "%")
    excess = 100 * spectrum.excess
    if spectrum.passes:
        return Finding(NAME, spectrum.words, "good", excess, "%")
    action = "nothing is projected; pass the step or the semi-angle if one of them is wrong"
    return Finding(NAME, spectrum.words, "doubtful", excess, "%", action)
