"""One spelling for units that are written in many ways."""

import re

from stemwidgets.signals.metadata.metadata_text import LONGEST_UNITS, one_line

UNDEFINED = {"", "<undefined>", "undefined", "none", "nan", "n/a", "unknown", "1", "dimensionless"}
_INVERSE = re.compile(r"(?:per|reciprocal|inverse|inv)[-_ ]?(.+)", re.IGNORECASE)


def spelled(units: object) -> str:
    """Write ``$A^{-1}$``, ``[n_m^-1]`` or ``nm-1`` in one way, with 1/ for what is inverse."""
    text = one_line(units, LONGEST_UNITS).strip()
    text = re.sub(r"^b(['\"])(.*)\1$", r"\2", text)  # bytes that were taken for text
    text = re.sub(r"(.[^/]*?)\s*(?:/|\bper\b)\s*(?:px|pix|pixels?)$", _per_pixel, text)
    if re.fullmatch(r"\[.*\]", text):  # EMD
        text = text[1:-1].replace("_", "")
    if text.lower() in UNDEFINED:
        return ""
    text = re.sub(r"\\(?:AA|angstrom)\b", "Å", text)
    text = re.sub(r"\\(?:mathrm|text|rm)\b|[$\\{}()]", "", text)
    text = text.replace("\N{ANGSTROM SIGN}", "Å").replace("\N{GREEK SMALL LETTER MU}", "µ")
    text = text.replace("⁻¹", "-1").replace("\N{MINUS SIGN}", "-").replace("**", "^").rstrip(".")
    text = text.replace("º", "°").replace("·", "*")
    inverse = _INVERSE.fullmatch(text)
    text = re.sub(r"\s", "", f"1/{inverse[1]}" if inverse else text)
    inverse = re.fullmatch(r"(?:([kq]_)|(rad\*?))?(.+?)\^?-1", text, re.IGNORECASE)
    if inverse:
        text = f"{inverse[1] or ''}{inverse[2] or '1'}/{inverse[3]}".replace("*/", "/")
        text = re.sub(r"^([kq]_)(?:1)?/", r"\g<1>1/", text, flags=re.IGNORECASE)
    return f"1{text}" if text.startswith("/") else text


def _per_pixel(found: re.Match[str]) -> str:
    """Unit of a pixel's size: nm/px is nm; 1/px stays."""
    return found[0] if found[1].strip() == "1" else found[1]


def singular(word: str) -> str:
    """A word in the singular and in small letters."""
    small = word.strip().lower()
    return small.removesuffix("s") if len(small) > 2 else small
