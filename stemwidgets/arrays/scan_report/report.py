"""Report of a scan, as a table in the shell and as cards in a notebook."""

from dataclasses import dataclass

from stemwidgets.arrays.scan_report.findings import STATES, Finding
from stemwidgets.arrays.scan_report.html import as_html

WIDTH = 88  # characters of a line in the shell
NAMES, MARKS = 15, 14  # characters: columns in the shell


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
