"""How names, numbers and units are written on screen."""

import math

_CAPTIONS = {
    "sum": "sum of counts",
    "angle": "rrVAE angle",
    "confidence": "rrVAE angle confidence",
    "residual": "rrVAE misfit",
}


def caption_of(name: str) -> str:
    """What a channel is called on screen."""
    if name[:1] == "z" and name[1:].isdigit():
        return f"rrVAE latent {name}"
    return _CAPTIONS.get(name, name)


def waiting_for(training: bool) -> str:
    """What stands where the rrVAE's first result will be."""
    return "comes with the first epochs" if training else "press Train"


def waiting_for_scan(problem: str) -> str:
    """What stands where the scan will be shown."""
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
    """How many decimals tell apart numbers that differ by `step`."""
    return max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0


def interval(low: float, high: float) -> tuple[str, str]:
    """Both ends of an interval, with as many digits as tell them apart."""
    span = high - low
    if not span > 0:
        return number(low), number(high)
    largest = max(abs(low), abs(high))
    if largest >= 1e5 or largest < 1e-3:
        digits = max(1, decimals(span / largest))
        return _power_of_ten(low, digits), _power_of_ten(high, digits)
    digits = max(0, 1 - math.floor(math.log10(span)))
    return f"{low:.{digits}f}".replace("-", "−"), f"{high:.{digits}f}".replace("-", "−")


def quantity(value: float, units: str) -> str:
    """A number with its unit; angles [rad] in degrees."""
    if units == "rad":
        return f"{math.degrees(value):.0f}°".replace("-", "−") if math.isfinite(value) else "–"
    return f"{number(value)} {units}".strip()


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if not math.isfinite(seconds) or seconds < 0:
        return ""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes / 60:.1f} h"


def _power_of_ten(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    superscript = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}·10{superscript}".replace("-", "−")
