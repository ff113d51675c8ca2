"""Faults of a detector that are left out of a scan, and sentences about them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.faults.events import EventLimits
from stemwidgets.arrays.faults.lines import Lines
from stemwidgets.arrays.faults.sample import Mask
from stemwidgets.arrays.words import counted, listed, sentence


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Pixels, rows, columns and single events that nothing is computed from.

    Parameters
    ----------
    mask : ndarray of bool, shape [ky, kx]
        True where a pixel is left out.
    rows, columns : tuple of int
        Rows and columns that are left out whole; they are in the mask.
    limits : EventLimits or None
        Limits of single events; None where these are not searched for.
    saturated : float or None
        The count at which an area of the patterns is saturated. It is not left out.
    events : ndarray of int, shape [n, ...]
        Single events found so far, ``(iy, ix, ky, kx)``.
    """

    mask: Mask
    rows: Lines = ()
    columns: Lines = ()
    limits: EventLimits | None = None
    saturated: float | None = None
    events: NDArray[np.intp] = field(default_factory=lambda: np.empty((0, 4), np.intp))

    @property
    def pixels(self) -> NDArray[np.intp]:
        """Single pixels ``(ky, kx)`` that are left out, as rows of an array."""
        rest = self.mask.copy()
        rest[list(self.rows)] = False
        rest[:, list(self.columns)] = False
        return np.argwhere(rest)

    @property
    def any(self) -> bool:
        """True if anything is left out."""
        return bool(self.mask.any() or len(self.events))

    @property
    def words(self) -> str:
        """Sentences on what is left out and what is saturated; empty if nothing is."""
        return " ".join(part for part in (self.left_out_words, self.saturation_words) if part)

    @property
    def left_out_words(self) -> str:
        """A sentence such as "Row 15 and 3 pixels are left out."; empty if nothing is."""
        count, events = len(self.pixels), len(self.events)
        parts = [*_lines("row", self.rows), *_lines("column", self.columns)]
        if count:
            parts.append(counted(count, "pixel"))
        if events:
            parts.append(counted(events, "single event"))
        if not parts:
            return ""
        several = len(parts) > 1 or "s" in parts[0].split()[0] or count > 1 or events > 1
        return sentence(f"{listed(parts)} {'are' if several else 'is'} left out.")

    @property
    def saturation_words(self) -> str:
        """Meaning of a saturated area, in a sentence; empty without one."""
        if self.saturated is None:
            return ""
        return f"The disc is saturated at {self.saturated:g} counts: COM and angle are biased."

    def with_mask(self, mask: Mask | None) -> Mask | None:
        """Together with another mask ``[ky, kx]``; None if nothing is left out."""
        both = self.mask if mask is None else self.mask | mask
        return both if both.any() else None

    def repaired(self, patterns: NDArray[Any]) -> NDArray[Any]:
        """Patterns ``[..., ky, kx]`` whose single events hold what their neighbours hold."""
        if self.limits is None:
            return patterns
        flat = patterns.reshape(-1, *patterns.shape[-2:])
        return self.limits.repaired(flat)[0].reshape(patterns.shape)

    def to_record(self) -> dict[str, Any]:
        """Faults as values that fit into JSON."""
        return {
            "rows": list(self.rows),
            "columns": list(self.columns),
            "pixels": self.pixels.tolist(),
            "single events": self.events.tolist(),
            "saturated at": self.saturated,
        }


def nothing_left_out(shape: tuple[int, int]) -> LeftOut:
    """Record for patterns of this shape without faults."""
    return LeftOut(np.zeros(shape, dtype=bool))


def _lines(name: str, lines: Lines) -> Iterable[str]:
    if not lines:
        return []
    if len(lines) > 4:
        return [f"{len(lines)} {name}s"]
    numbers = listed([str(line) for line in lines])
    return [f"{name}{'s' if len(lines) > 1 else ''} {numbers}"]
