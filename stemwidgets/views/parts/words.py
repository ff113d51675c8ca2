"""Names, numbers and units as they are written on screen."""

import math

from stemwidgets.arrays.maps.circular import period
from stemwidgets.state.channels import BAND_LIMITED

_CAPTIONS = {
    "sum": "sum of counts",
    "COM angle std": "COM angle uncertainty",
    "angle": "rrVAE angle",
    "angle std": "rrVAE angle uncertainty",
    "confidence": "rrVAE angle confidence",
    "symmetry": "rrVAE symmetry",
    "symmetry confidence": "rrVAE symmetry confidence",
    "classes": "rrVAE classes",
    "class confidence": "rrVAE class confidence",
    "residual": "rrVAE misfit",
}


def caption_of(name: str) -> str:
    """Name of a channel on screen."""
    if name.endswith(BAND_LIMITED):
        return caption_of(name.removesuffix(BAND_LIMITED)) + BAND_LIMITED
    if name[:1] == "z" and name[1:].isdigit():
        return f"rrVAE latent {name}"
    return _CAPTIONS.get(name, name)


def category(name: str, value: int) -> str:
    """Meaning of one value of a channel of categories."""
    if name == "symmetry":
        return {0: "round", 1: "none"}.get(value, f"{value}-fold")
    return f"{'cluster' if name == 'clusters' else 'class'} {value}"


def waiting_for(training: bool) -> str:
    """Text in the place of the rrVAE's first result."""
    return "comes with the first epochs" if training else "press Train"


def waiting_for_decoded(earlier: bool, training: bool) -> str:
    """Text in the place of a decoded pattern, also while earlier maps are shown."""
    if earlier:
        return "not for an earlier epoch"
    return "comes after training" if training else waiting_for(False)


def waiting_for_scan(problem: str) -> str:
    """Text in the place of the scan."""
    return "could not be read" if problem else "reading the scan …"


def number(value: float) -> str:
    """Three significant digits, with a proper minus sign; a dash for what is not defined."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    if -3 <= digits <= 6:
        return f"{value:.{max(digits, 0)}f}".replace("-", "−")
    return _power_of_ten(value, 2)


def decimals(step: float) -> int:
    """Number of decimals that distinguish numbers which differ by `step`."""
    return max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0


def interval(low: float, high: float) -> tuple[str, str]:
    """Both ends of an interval, with as many digits as distinguish them."""
    span = high - low
    if not span > 0:
        return number(low), number(high)
    largest = max(abs(low), abs(high))
    if largest >= 1e5 or largest < 1e-3:
        digits = max(1, decimals(span / largest))
        return _power_of_ten(low, digits), _power_of_ten(high, digits)
    digits = max(0, 1 - math.floor(math.log10(span)))
    return f"{low:.{digits}f}".replace("-", "−"), f"{high:.{digits}f}".replace("-", "−")


def percent(share: float) -> str:
    """A share of 1 in per cent; a dash for what is not defined."""
    if not math.isfinite(share):
        return "–"
    if 0 < share < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


def uncertain_angle(angle: float, std: float, fold: int = 1) -> str:
    """An angle [rad] and its standard deviation in degrees, with the digits that mean something."""
    if not math.isfinite(angle):
        return "undefined"
    value, error = math.degrees(angle), math.degrees(std)
    digits = sum(error < limit for limit in (3, 0.1))
    text = f"{value:.{digits}f}°".replace("-", "−")
    if math.isfinite(std):
        text += f" ± {error:.{digits}f}°"
    return f"{text} modulo {period(fold)}" if fold > 1 else text


def quantity(value: float, units: str) -> str:
    """A number with its unit; angles [rad] in degrees."""
    if units == "rad":
        return f"{math.degrees(value):.0f}°".replace("-", "−") if math.isfinite(value) else "–"
    return f"{number(value)} {units}".strip()


def duration(seconds: float, digits: int = 0) -> str:
    """Seconds in words; `digits` after the point for less than a minute."""
    if not math.isfinite(seconds) or seconds < 0:
        return ""
    if seconds < 60:
        return f"{seconds:.{digits}f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes / 60:.1f} h"


def epochs(passes: float) -> str:
    """Passes over the data as epochs done; the first one in parts."""
    whole = math.floor(passes)
    return f"{passes:.1g}" if 0 < passes < 1 else str(whole)


def left(seconds: float) -> str:
    """Remaining time in words; empty if it is not known."""
    words = duration(seconds)
    return f"{words} left" if words else ""


def _power_of_ten(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    return f"{mantissa}·{power_of_ten(int(exponent))}".replace("-", "−")


def power_of_ten(exponent: int) -> str:
    """Ten to a power, as it is printed."""
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
