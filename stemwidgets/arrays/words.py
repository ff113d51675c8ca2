"""Numbers and lists as a report writes them."""

import math


def number(value: float, digits: int = 2) -> str:
    """Number to so many significant digits, with a proper minus sign and powers of ten."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if -3 <= exponent < 4:
        return f"{value:.{max(digits - 1 - exponent, 0)}f}".replace("-", "−")
    mantissa = f"{value / 10**exponent:.{digits - 1}f}"
    power = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}·10{power}".replace("-", "−")


def percent(probability: float) -> str:
    """A probability in per cent; that of what is all but certain as "> 99.9 %"."""
    return "> 99.9 %" if probability > 0.999 else f"{100 * probability:.1f} %"


def counted(count: int, name: str) -> str:
    """Count and name, such as "1 pixel" or "3 pixels"."""
    return f"{count} {name}{'' if count == 1 else 's'}"


def listed(words: list[str]) -> str:
    """List such as "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def sentence(words: str) -> str:
    """Sentence with a capital at the start."""
    return words[:1].upper() + words[1:]
