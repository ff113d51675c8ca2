"""Findings about a scan, each with a number, a judgement and an action."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

State = Literal["good", "doubtful", "bad", "unknown"]

STATES: dict[State, str] = {
    "good": "fine",
    "doubtful": "look at this",
    "bad": "wrong",
    "unknown": "not known",
}
COLORS: dict[State, str] = {  # told apart by people who do not tell red from green, too
    "good": "#1b8a5a",
    "doubtful": "#b35900",
    "bad": "#c62828",
    "unknown": "#8a8a8a",
}
WIDTH = 88  # characters of a line in the shell
NAMES, MARKS = 15, 14  # characters: columns in the shell


@dataclass(frozen=True, eq=False)
class Picture:
    """Illustration of a finding.

    Parameters
    ----------
    values : ndarray, shape [rows, columns]
        A pattern or a map.
    words : str
        Caption of the picture.
    kind : {"counts", "map", "signed"}
        A pattern, which is shown by its square root; numbers; or numbers about zero.
    marks : ndarray, shape [n, 2]
        Places (row, column) to mark.
    outline : (ndarray, ndarray), optional
        Rows and columns of a closed line.
    """

    values: NDArray[Any]
    words: str
    kind: Literal["counts", "map", "signed"] = "counts"
    marks: NDArray[Any] = field(default_factory=lambda: np.empty((0, 2)))
    outline: tuple[NDArray[Any], NDArray[Any]] | None = None


@dataclass(frozen=True, eq=False)
class Finding:
    """One result about the experiment behind a scan.

    Parameters
    ----------
    name : str
        Name of the property.
    words : str
        Result in words, with its number.
    state : {"good", "doubtful", "bad", "unknown"}
        Judgement; "unknown" if it cannot be measured on this scan.
    value : float or None
        The number.
    units : str
        Units of the number.
    action : str
        Action that is taken or can be taken; empty if there is nothing to do.
    picture : Picture or None
        Picture of it.
    """

    name: str
    words: str
    state: State = "good"
    value: float | None = None
    units: str = ""
    action: str = ""
    picture: Picture | None = None


@dataclass(frozen=True, eq=False)
class ScanReport:
    """Report of a scan. It prints as a table; ``report["gain"].value`` is one number of it.

    Parameters
    ----------
    title : str
        Name of the scan.
    findings : tuple of Finding
        In the order in which one looks at a scan.
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
        from stemwidgets.arrays.scan_report.html import as_html

        return as_html(self)


def _wrapped(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]
