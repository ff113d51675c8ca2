"""Measured figures beside the asked ones, one row for each seed."""

import os
from dataclasses import dataclass, field

import numpy as np

STRICT = bool(int(os.environ.get("BENCHMARK_STRICT", "0")))


def seeds() -> list[int]:
    """The seeds that ``BENCHMARK_SEEDS`` names: ``0-9`` or ``0,3,7``."""
    chosen: list[int] = []
    for part in os.environ.get("BENCHMARK_SEEDS", "0-9").split(","):
        first, _, last = part.partition("-")
        chosen += range(int(first), int(last or first) + 1)
    return chosen


@dataclass(frozen=True)
class Figure:
    """One column: what is measured, and the limits that it shall keep (None: only shown)."""

    name: str
    at_most: float | None = None
    at_least: float | None = None
    digits: int = 3

    def reached(self, value: float) -> bool:
        return (self.at_most is None or value <= self.at_most) and (
            self.at_least is None or value >= self.at_least
        )

    @property
    def asked(self) -> str:
        if self.at_most is None and self.at_least is None:
            return "-"
        if self.at_least is None:
            return f"≤ {self.at_most:g}"
        if self.at_most is None:
            return f"≥ {self.at_least:g}"
        return f"{self.at_least:g} to {self.at_most:g}"

    def worst(self, values: list[float]) -> str:
        """The value farthest from what is asked; the range where both sides are."""
        if self.at_least is not None and self.at_most is not None:
            return f"{min(values):.{self.digits}f}, {max(values):.{self.digits}f}"
        return f"{(max if self.at_least is None else min)(values):.{self.digits}f}"


@dataclass
class Table:
    """Rows of figures, printed as they come."""

    title: str
    figures: list[Figure]
    labels: str = "seed"
    rows: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        print(f"\n\n{self.title}")
        self._line(self.labels, [figure.name for figure in self.figures])

    def add(self, label: object, values: list[float]) -> None:
        """Print one row; values that are not finite are nonsense."""
        assert np.isfinite(values).all(), dict(zip(self._names(), values, strict=True))
        self.rows.append(values)
        shown = [
            f"{value:.{figure.digits}f}" + ("" if figure.reached(value) else " !")
            for figure, value in zip(self.figures, values, strict=True)
        ]
        self._line(label, shown)

    def close(self) -> None:
        """Print the worst values, what is asked, and in how many rows it is reached."""
        columns = [list(column) for column in zip(*self.rows, strict=True)]
        pairs = list(zip(self.figures, columns, strict=True))
        self._line("worst", [figure.worst(column) for figure, column in pairs])
        self._line("asked", [figure.asked for figure, _ in pairs])
        counts = [sum(figure.reached(value) for value in column) for figure, column in pairs]
        reached = [
            "-" if figure.asked == "-" else f"{count} of {len(self.rows)}"
            for (figure, _), count in zip(pairs, counts, strict=True)
        ]
        self._line("reached", reached)
        if STRICT:
            missed = [
                name for name, n in zip(self._names(), counts, strict=True) if n < len(self.rows)
            ]
            assert not missed, missed

    def _names(self) -> list[str]:
        return [figure.name for figure in self.figures]

    def _line(self, label: object, cells: list[str]) -> None:
        widths = [max(len(figure.name), 9) for figure in self.figures]
        row = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        print(f"{label!s:>8}  {row}", flush=True)
