"""Report of a scan, as a table in the shell and as cards with pictures in a notebook or page."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stemwidgets.arrays.scan_report.findings import COLORS, STATES, Finding, Picture

WIDTH = 88  # characters of a line in the shell
NAMES, MARKS = 15, 14  # characters: columns in the shell
SIDE = 88  # CSS px: longer side of a picture
CARD = 420  # CSS px: width of a card at least, for three columns on a small screen, four on a large
MOST_MARKS = 200  # places that are marked: more would run into each other
BRIGHTEST = 99.8  # per cent of the pixels that are not white


@dataclass(frozen=True, eq=False)
class ScanReport:
    """Report of a scan. It prints as a table; ``report["gain"].value`` is one number of it.

    Parameters
    ----------
    title : str
        Name of the scan.
    findings : tuple of Finding
        Findings in the order in which a scan is inspected.
    """

    title: str
    findings: tuple[Finding, ...]

    def __getitem__(self, name: str) -> Finding:
        """The finding of this name; a KeyError names all of them."""
        for finding in self.findings:
            if finding.name == name:
                return finding
        known = ", ".join(finding.name for finding in self.findings)
        raise KeyError(f"no finding is named {name!r}; there are: {known}")

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """Findings that are doubtful or bad."""
        return tuple(each for each in self.findings if each.state in ("doubtful", "bad"))

    @property
    def summary(self) -> str:
        """Number of alarms, in one line."""
        count = len(self.alarms)
        unknown = sum(finding.state == "unknown" for finding in self.findings)
        words = {0: "Nothing stands out", 1: "One thing to look at"}
        summary = words.get(count, f"{count} things to look at")
        names = ", ".join(finding.name for finding in self.alarms)
        rest = f"; {unknown} cannot be measured on this scan" if unknown else ""
        return f"{summary}{': ' if names else ''}{names}{rest}."

    def __str__(self) -> str:
        """The report as a table for the shell."""
        lines = [self.title or "scan", self.summary, ""]
        for finding in self.findings:
            words = finding.words + (f" → {finding.action}" if finding.action else "")
            head = f"{STATES[finding.state]:{MARKS}}{finding.name:{NAMES}}"
            indent = " " * len(head)
            for number, line in enumerate(_wrapped(words, WIDTH - len(head))):
                lines.append((indent if number else head) + line)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return as_html(self.title, self.summary, self.findings)


def _wrapped(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]


def as_html(title: str, summary: str, findings: Iterable[Finding]) -> str:
    """The whole report: title, summary and cards."""
    return (
        f"<div style='font-weight:600'>{escape(title)}</div>"
        f"<div style='margin-bottom:6px'>{escape(summary)}</div>{cards(findings)}"
    )


def cards(findings: Iterable[Finding]) -> str:
    """A card for each finding, one below the other in as many columns as there is room for."""
    shown = "".join(card(finding) for finding in findings)
    return f"<div style='columns:{CARD}px;column-gap:18px'>{shown}</div>"


def card(finding: Finding) -> str:
    """One finding: its name and judgement, the result, the action taken, and a picture."""
    color = COLORS[finding.state]
    picture = "" if finding.picture is None else drawn(finding.picture)
    action = finding.action and f"<div style='opacity:0.75'>→ {escape(finding.action)}</div>"
    return (
        f"<div style='display:flex;gap:10px;border-left:5px solid {color};padding:1px 0 1px 10px;"
        "margin:0 0 7px;break-inside:avoid;line-height:1.3;white-space:normal'>"
        "<div style='flex:1 1 auto;min-width:0;overflow-wrap:anywhere'>"
        f"<div><b>{escape(finding.name)}</b> <span style='color:{color};font-weight:600'>"
        f"{STATES[finding.state]}</span></div>"
        f"<div>{escape(finding.words)}</div>{action}</div>{picture}</div>"
    )


def drawn(picture: Picture) -> str:
    """A picture with its marks, as SVG, and its caption."""
    rows, columns = picture.values.shape
    scale = SIDE / max(rows, columns)
    wide, high = columns * scale, rows * scale
    marks = "".join(
        f"<circle cx='{(x + 0.5) * scale:.1f}' cy='{(y + 0.5) * scale:.1f}' r='4' fill='none' "
        "stroke='#ff5252' stroke-width='1.5'/>"
        for y, x in picture.marks[:MOST_MARKS]
    )
    if picture.outline is not None:
        points = " ".join(
            f"{(x + 0.5) * scale:.1f},{(y + 0.5) * scale:.1f}"
            for y, x in zip(*picture.outline, strict=True)
        )
        marks += f"<polyline points='{points}' fill='none' stroke='#39d0ff' stroke-width='1.5'/>"
    words = escape(picture.words)
    return (
        f"<figure style='margin:0;flex:0 0 {SIDE}px;font-size:12px;line-height:1.15'>"
        f"<svg width='{wide:.0f}' height='{high:.0f}' role='img' aria-label='{words}' "
        "style='overflow:visible'>"
        f"<image href='{_address(picture)}' width='{wide:.0f}' height='{high:.0f}' "
        "preserveAspectRatio='none' style='image-rendering:pixelated'/>"
        f"{marks}</svg><figcaption>{words}</figcaption></figure>"
    )


def _address(picture: Picture) -> str:
    """Data address of the picture as PNG: grey, or blue and red about zero."""
    values = _smaller(np.asarray(picture.values, dtype=float))
    finite = values[np.isfinite(values)]
    if picture.kind == "signed":
        limit = float(np.percentile(np.abs(finite), BRIGHTEST)) if finite.size else 0.0
        share = np.clip(np.nan_to_num(values) / (limit or 1.0), -1, 1)
        pale = 255 * (1 - np.abs(share))
        red, blue = np.where(share > 0, 255, pale), np.where(share < 0, 255, pale)
        colors = np.stack([red, pale, blue], axis=-1)
    else:
        low = 0.0 if picture.kind == "counts" or not finite.size else float(finite.min())
        high = float(np.percentile(finite, BRIGHTEST)) if finite.size else 1.0
        share = np.clip((np.nan_to_num(values) - low) / (high - low or 1.0), 0, 1)
        share = np.sqrt(share) if picture.kind == "counts" else share
        colors = np.repeat((255 * share)[..., None], 3, axis=-1)
    buffer = io.BytesIO()
    Image.fromarray(colors.round().astype(np.uint8)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _smaller(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Binned to a picture of a few hundred pixels at most."""
    down, along = (-(-size // (3 * SIDE)) for size in values.shape)
    rows, columns = values.shape[0] // down, values.shape[1] // along
    whole = values[: rows * down, : columns * along]
    return np.asarray(whole.reshape(rows, down, columns, along).mean(axis=(1, 3)))
