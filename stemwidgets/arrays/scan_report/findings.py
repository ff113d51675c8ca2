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
NO_LIMIT = "that takes the scan step in Å and the convergence angle in 1/Å."
COLORS: dict[State, str] = {  # distinct for colour-blind people too
    "good": "#1b8a5a",
    "doubtful": "#b35900",
    "bad": "#c62828",
    "unknown": "#8a8a8a",
}


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


def unknown(name: str, words: str, units: str = "", action: str = "") -> Finding:
    """A finding that cannot be measured on this scan."""
    return Finding(name, words, "unknown", None, units, action)


def not_measurable(name: str, reason: str, units: str = "", action: str = "") -> Finding:
    """An unknown finding, for a reason in words."""
    return unknown(name, f"Not measurable: {reason}", units, action)
