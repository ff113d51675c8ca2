"""Band limit of a scan that was read, and whether it is used."""

from dataclasses import dataclass, replace

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.band_limit.limit import NOTHING_TO_GAIN, BandLimit
from stemwidgets.arrays.band_limit.spectrum import STANDS_OUT, ScanSpectrum
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.words import number

ALONE = "each pattern is read by itself"


@dataclass(frozen=True)
class ChosenLimit:
    """Limit that is used, or the reason why none is.

    Parameters
    ----------
    limit : BandLimit or None
        Limit; None if patterns are read by themselves.
    words : str
        The choice in a sentence.
    """

    limit: BandLimit | None
    words: str


def limit_of(spectrum: ScanSpectrum, axes: Axes, periodic: bool = False) -> ChosenLimit:
    """Limit of a scan with this spectrum, if the scan keeps to it and gains by it."""
    if spectrum.limit is None or not spectrum.passes:
        return ChosenLimit(None, f"{spectrum.words.rstrip('.')}: {ALONE}.")
    chosen = given_limit(spectrum.limit, axes, periodic)
    if chosen.limit is None or not spectrum.excess > STANDS_OUT * spectrum.excess_error:
        return chosen
    return replace(chosen, limit=replace(chosen.limit, excess=spectrum.excess))


def given_limit(frequency: float, axes: Axes, periodic: bool = False) -> ChosenLimit:
    """Limit of a scan at a frequency [1/Å].

    An InputError if it is not positive, or the scan steps are not calibrated.
    """
    y, x = axes.scan_y, axes.scan_x
    if not y.units == x.units == "Å":
        raise InputError(
            "Expected scan axes in units of length beside a band limit, got "
            f"{y.units or 'no units'}. Calibrate the scan axes, or pass band_limit=None."
        )
    if not frequency > 0:
        raise InputError(f"Expected a band limit of more than 0 1/Å, got {frequency!r}.")
    limit = BandLimit(
        float(frequency), (abs(frequency * y.scale), abs(frequency * x.scale)), periodic
    )
    name = f"{number(frequency, 3)} 1/Å"
    if limit.share >= NOTHING_TO_GAIN:
        words = f"The scan steps are too coarse for neighbours to share what lies below {name}"
        return ChosenLimit(None, f"{words}: {ALONE}.")
    words = (
        f"Each pattern is read with its neighbours, up to the scan frequency {name}: away from the "
        f"edges as if it had {number(1 / limit.share)} times the electrons."
    )
    return ChosenLimit(limit, words)
