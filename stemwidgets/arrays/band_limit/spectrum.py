"""Power of a scan over scan frequency, beside its shot noise and the limit of the probe."""

import math
from dataclasses import dataclass, field
from html import escape

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.band_limit.spectrum_picture import drawn
from stemwidgets.arrays.words import number

NEGLIGIBLE = 1e-4  # of the variance: a hundredth of the signal, root mean square
STANDS_OUT = 3.0  # standard errors
LESS = 0.2  # of the shot noise: so much less is no doubt of its size
CLOSE = 0.15  # of the limit: a cut-off so near to it is the same

Map = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScanSpectrum:
    """Power of a scan by scan frequency, in units of its shot noise, and what lies beyond a limit.

    Parameters
    ----------
    edges : ndarray, shape [bins + 1]
        Scan frequencies between which the bins lie [1/Å, or cycles per step].
    power : ndarray, shape [bins]
        Mean power of the maps over that of shot noise, which is 1.
    error : ndarray, shape [bins]
        Standard error of `power` where there is shot noise alone.
    units : {"1/Å", "1/step"}
        Units of the frequencies.
    counted : bool
        True if the shot noise follows from counts of electrons; else it is taken from the fastest
        quarter of the frequencies.
    limit : float or None
        Highest frequency that the probe can hold, 2α/λ.
    excess : float
        Variance beyond shot noise, in units of the shot noise: the median of the maps of its mean
        over the frequencies beyond the limit; NaN where it is not measurable. After a projection
        on the disc within the limit the variance of the noise is `passed` × (1 + `excess`) that of
        the shot noise, if the excess is alike at all frequencies.
    excess_error : float
        Standard error of `excess`.
    map_excess : ndarray, shape [n]
        The same of each map.
    passed : float
        Share of white noise that passes the projection, 0 to 1.
    share : float
        Share of the variance of the signal beyond the limit.
    cutoff : float or None
        Frequency beyond which the power is flat; None where it is not measurable. The signal may
        reach farther below the noise.
    cutoff_error : float
        Its uncertainty, the resolution along the shorter side of the field; it is rather too low.
    semi_angle : float or None
        Semi-angle that the cut-off means, λ · `cutoff` / 2 [mrad].
    aliased : (bool, bool)
        True along y and x where the scan steps hold no frequency beyond the limit.
    reason : str
        Reason why nothing can be measured; empty if it can.
    """

    edges: Map = field(default_factory=lambda: np.zeros(1))
    power: Map = field(default_factory=lambda: np.zeros(0))
    error: Map = field(default_factory=lambda: np.zeros(0))
    units: str = "1/Å"
    counted: bool = True
    limit: float | None = None
    excess: float = math.nan
    excess_error: float = math.nan
    map_excess: Map = field(default_factory=lambda: np.zeros(0))
    passed: float = 1.0
    share: float = math.nan
    cutoff: float | None = None
    cutoff_error: float = math.nan
    semi_angle: float | None = None
    aliased: tuple[bool, bool] = (False, False)
    reason: str = ""

    @property
    def frequency(self) -> Map:
        """Middle of each bin."""
        return (self.edges[:-1] + self.edges[1:]) / 2

    @property
    def passes(self) -> bool | None:
        """True if the scan keeps to the limit; None if that cannot be told.

        It does while the excess is less than the shot noise beyond the limit, or negligible beside
        the signal.
        """
        if math.isnan(self.excess):
            return None
        return self.excess < 1 or self.share < NEGLIGIBLE

    @property
    def words(self) -> str:
        """The result in a sentence."""
        return _in_words(self)

    def _repr_html_(self) -> str:
        return f"<div>{drawn(self)}</div><div>{escape(self.words)}</div>"


def _in_words(spectrum: ScanSpectrum) -> str:
    if spectrum.reason:
        return f"Not measurable: {spectrum.reason}"
    if spectrum.limit is None:
        return _without_limit(spectrum)
    name = f"2α/λ = {number(spectrum.limit, 3)} {_units(spectrum)}"
    if all(spectrum.aliased):
        return (
            f"The scan steps hold no frequency beyond {name}: there is nothing to check, and "
            "nothing to gain from neighbours."
        )
    if spectrum.passes is None:
        return f"Too few frequencies of the scan lie beyond {name} to check it."
    coarse = [axis for axis, alias in zip("yx", spectrum.aliased, strict=True) if alias]
    along = f" (along {coarse[0]} the steps are too coarse to hold any)" if coarse else ""
    told = _gain(spectrum) if spectrum.passes else _cause(spectrum)
    return f"Beyond {name}{along} there is {_excess(spectrum)}; {told}."


def _without_limit(spectrum: ScanSpectrum) -> str:
    if spectrum.cutoff is None:
        return (
            "The limit of the probe is not known, and the power shows no cut-off: too little "
            "stands out from the noise, or the steps are too coarse."
        )
    words = f"The limit of the probe is not known; power is seen up to {_cutoff(spectrum)}"
    if spectrum.semi_angle is None:
        return f"{words}."
    return f"{words}, as a semi-angle of {number(spectrum.semi_angle)} mrad or more allows."


def _excess(spectrum: ScanSpectrum) -> str:
    excess, error = spectrum.excess, spectrum.excess_error
    noise = "shot noise" if spectrum.counted else "noise"
    if excess < -max(STANDS_OUT * error, LESS):
        return f"{number(-100 * excess)} % less than {noise}, as of saturated or smoothed counts"
    if excess < STANDS_OUT * error:
        return f"nothing but {noise}, to {number(100 * (max(excess, 0.0) + 2 * error))} %"
    if excess < 1:
        return f"{number(100 * excess)} % more than {noise}"
    if spectrum.passes:
        return f"no more than {number(spectrum.share, 1)} of the variance of the signal"
    return f"{number(1 + excess)} times as much as {noise}"


def _gain(spectrum: ScanSpectrum) -> str:
    """Noise that the limit takes off, and how far the power is seen."""
    assert spectrum.limit is not None
    words = f"the limit takes off {100 * (1 - spectrum.passed):.0f} % of the noise"
    if spectrum.cutoff is None:
        return words
    return f"{words}, and power is seen up to {_cutoff(spectrum)}"


def _cause(spectrum: ScanSpectrum) -> str:
    """Possible causes of an excess, and the limit that the data show."""
    assert spectrum.limit is not None
    if spectrum.cutoff is None:
        return "the scan jitters, or its step or the semi-angle is wrong, and no other limit shows"
    if spectrum.cutoff <= (1 + CLOSE) * spectrum.limit:
        return "it is alike at all frequencies, as of positions that jitter or noise of the readout"
    words = f"the data show a limit of {_cutoff(spectrum)}"
    if spectrum.semi_angle is not None:
        words += f", a semi-angle of {number(spectrum.semi_angle)} mrad"
    return f"{words}: the step or the semi-angle is wrong, or the scan jitters"


def _cutoff(spectrum: ScanSpectrum) -> str:
    assert spectrum.cutoff is not None
    digits = max(0, -math.floor(math.log10(spectrum.cutoff_error)))
    value, error = (f"{v:.{digits}f}" for v in (spectrum.cutoff, spectrum.cutoff_error))
    return f"{value} ± {error} {_units(spectrum)}"


def _units(spectrum: ScanSpectrum) -> str:
    return "cycles per step" if spectrum.units == "1/step" else spectrum.units
