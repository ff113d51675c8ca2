"""Scans that a file may hold: rows, columns, flyback and frames to skip; or several scans."""

import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from stemwidgets.arrays.errors import InputError

_PROPOSED = 6  # scans that are named in a message
_SKIPPED = 0.5  # of all frames: no more are left out in what is proposed
_FEW_FLYBACK = 0.15  # of a row: more flyback frames than that are not proposed


@dataclass(frozen=True)
class Folding:
    """One way to make a scan of rows and columns of a sequence of patterns.

    `flyback` frames at the end of each row were taken while the beam flew back; the last row may
    lack them. `skip` has the frames to leave out at the start and at the end.
    """

    rows: int
    columns: int
    flyback: int = 0
    skip: tuple[int, int] = (0, 0)

    def fits(self, count: int) -> bool:
        """True if so many frames make up such a scan."""
        rest = count - sum(self.skip)
        whole = self.rows * (self.columns + self.flyback)
        return rest in (whole, whole - self.flyback)

    def indices(self) -> np.ndarray:
        """Frame of each position, shape [iy, ix]."""
        starts = self.skip[0] + np.arange(self.rows) * (self.columns + self.flyback)
        return starts[:, None] + np.arange(self.columns)

    def options(self) -> dict[str, Any]:
        """Arguments of `stemwidgets.load` that make it."""
        chosen: dict[str, Any] = {"scan_shape": (self.rows, self.columns)}
        if self.flyback:
            chosen["flyback"] = self.flyback
        if any(self.skip):
            chosen["skip"] = self.skip[0] if not self.skip[1] else self.skip
        return chosen

    def __str__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.options().items())

    def in_words(self) -> str:
        """Label of a button."""
        words = f"{self.rows} × {self.columns}"
        if self.flyback:
            words += f", {self.flyback} more in each row as it flies back"
        first, last = self.skip
        words += f", without the first{_how_many(first)}" if first else ""
        return words + (f", without the last{_how_many(last)}" if last else "")


class SeveralScansError(InputError):
    """A file holds several scans, and none is chosen.

    `choices` has arguments of `stemwidgets.load` that choose each of them, by their description.
    """

    def __init__(self, message: str, choices: dict[str, dict[str, Any]]) -> None:
        super().__init__(message)
        self.choices = choices


class UnknownScanError(InputError):
    """A file holds patterns without a record of how they were scanned.

    Parameters
    ----------
    message : str
        Problem, and the arguments that may be passed.
    path : Path or None
        The file.
    count : int
        Number of patterns in it.
    proposals : tuple of Folding
        Scans that they can be, the likeliest first.

    Attributes
    ----------
    patterns : array, shape [n, ky, kx], or None
        Patterns of the file, to be looked at.
    """

    def __init__(self, message: str, path: Any, count: int, proposals: tuple[Folding, ...]) -> None:
        super().__init__(message)
        self.path, self.count, self.proposals = path, count, proposals
        self.patterns: Any = None


def wanted(scan_shape: Any, flyback: Any, skip: Any) -> Folding | None:
    """Shape of the scan as the user gives it; None for nothing, an InputError for no numbers."""
    if scan_shape is None:
        if flyback or (skip not in (0, (0, 0), None)):
            raise InputError("Pass scan_shape=(rows, columns) beside flyback and skip.")
        return None
    rows, columns = _whole_numbers(scan_shape, "scan_shape", "(rows, columns)")
    if rows < 1 or columns < 1:
        raise InputError(f"scan_shape must be positive, got {scan_shape!r}.")
    [frames] = _whole_numbers((flyback,), "flyback", "of frames after each row", 1)
    pair = skip if isinstance(skip, tuple | list) else (skip, 0)
    first, last = _whole_numbers(pair, "skip", "of frames at the start, or (start, end)")
    if min(frames, first, last) < 0:
        raise InputError(f"flyback and skip count frames, from 0; got {flyback!r} and {skip!r}.")
    return Folding(rows, columns, frames, (first, last))


def require_fit(wish: Folding, count: int, path: Any, promise: str = "") -> None:
    """Refuse a scan that does not take up exactly the frames that are there.

    Parameters
    ----------
    wish : Folding
        Shape of the scan as the user gives it.
    count : int
        Frames that are there.
    path : Path
        The file.
    promise : str
        A sentence on frames that the file's header promises and that are missing.

    Raises
    ------
    UnknownScanError
        Names both numbers and what fits.
    """
    if wish.fits(count):
        return
    proposals = near(wish, count)
    needed = wish.rows * (wish.columns + wish.flyback) + sum(wish.skip)
    raise UnknownScanError(
        f"{wish} takes {needed} patterns and does not fit {count} patterns, which {path.name} "
        f"holds.{promise} Possible: {listed(proposals)}.",
        path,
        count,
        proposals,
    )


def near(wish: Folding, count: int) -> tuple[Folding, ...]:
    """Scans of so many frames, those most like the wish first."""
    rows, columns = wish.rows, wish.columns
    extra = count - rows * columns
    found = []
    if extra >= rows:
        flyback, rest = divmod(extra, rows)
        found += [Folding(rows, columns, flyback, skip) for skip in _skips(rest)]
    if extra > 0 and rows > 1 and extra % (rows - 1) == 0:
        found.append(Folding(rows, columns, extra // (rows - 1)))
    if extra > 0:
        found += [Folding(rows, columns, 0, skip) for skip in _skips(extra)]
    complete = count // columns
    if complete and complete != rows:
        found += [Folding(complete, columns, 0, skip) for skip in _skips(count % columns)[-1:]]
    return _distinct([*found, *possible(count)], count)


def possible(count: int, columns: int | None = None) -> tuple[Folding, ...]:
    """Scans that so many frames can be, the likeliest first; `columns` of one broken off."""
    found = []
    if columns is not None and count >= columns:
        found += [Folding(count // columns, columns, 0, (0, count % columns))]
    pairs = [(rows, count // rows) for rows in _divisors(count)]
    pairs.sort(key=lambda pair: (abs(pair[0] - pair[1]), pair))
    found += [Folding(*pair) for pair in pairs[:4]]
    side = math.isqrt(count)
    for rows, wide in pairs:
        if rows < wide <= rows * (1 + _FEW_FLYBACK) + 1 and rows > 1:
            found.append(Folding(rows, rows, wide - rows))
    rest = count - side * side
    if 0 < rest <= 2:
        found += [Folding(side, side, 0, skip) for skip in _skips(rest)]
    return _distinct(found, count)


def listed(proposals: tuple[Folding, ...]) -> str:
    """Proposals as arguments, for a message."""
    return " or ".join(map(str, proposals))


def _how_many(count: int) -> str:
    return "" if count == 1 else f" {count}"


def _distinct(found: list[Folding], count: int) -> tuple[Folding, ...]:
    fitting = (each for each in dict.fromkeys(found) if each.fits(count))
    return tuple(each for each in fitting if sum(each.skip) <= _SKIPPED * count)[:_PROPOSED]


def _skips(rest: int) -> list[tuple[int, int]]:
    """Ways to skip so many frames: at the start, or at the end."""
    return [(rest, 0), (0, rest)] if rest else [(0, 0)]


def _divisors(count: int) -> list[int]:
    small = [number for number in range(1, math.isqrt(count) + 1) if count % number == 0]
    return sorted({*small, *(count // number for number in small)})


def _whole_numbers(values: Any, name: str, words: str, count: int = 2) -> list[int]:
    try:
        numbers = [operator.index(value) for value in values]
    except TypeError:
        numbers = []
    if len(numbers) != count:
        raise InputError(
            f"{name} must be {'a whole number' if count == 1 else 'two whole numbers'} {words}, "
            f"got {values[0] if count == 1 else values!r}."
        )
    return numbers
