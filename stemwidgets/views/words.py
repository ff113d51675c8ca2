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


def number(value: float) -> str:
    """Three significant digits, with a proper minus sign; a dash for what is not defined."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    if -4 <= digits <= 6:
        text = f"{value:.{max(digits, 0)}f}" if digits >= 0 else f"{round(value):d}"
    else:
        mantissa, exponent = f"{value:.2e}".split("e")
        text = f"{mantissa}·10{_superscript(int(exponent))}"
    return text.replace("-", "−")


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


def _superscript(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
