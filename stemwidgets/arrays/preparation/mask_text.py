"""Masks of detector pixels in words that a person can read."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError

MOST_PIXELS = 10**8  # of a detector


def in_words(pixels: Any) -> str:
    """A mask ``[ky, kx]`` as its shape and the runs of its pixels, counted row by row from 0.

    An InputError if it is no mask of bool.
    """
    try:
        mask = np.asarray(pixels)
    except ValueError:  # rows of different lengths
        mask = np.asarray(pixels, dtype=object)
    if mask.dtype != bool or mask.ndim != 2:
        raise InputError(
            "Expected a mask of bool, [ky, kx], True where a pixel is left out, got "
            f"{mask.dtype} of shape {mask.shape}."
        )
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.ravel(), [0]]).astype(np.int8)))
    runs = [
        f"{first}-{stop - 1}" if stop - first > 1 else f"{first}"
        for first, stop in edges.reshape(-1, 2)
    ]
    return " ".join([f"{mask.shape[0]}x{mask.shape[1]}:", *runs])


def from_words(pixels: str) -> NDArray[np.bool_]:
    """The mask that `in_words` described; an InputError if this is no such description."""
    found = re.fullmatch(r"(\d{1,6})x(\d{1,6}):((?: \d{1,9}(?:-\d{1,9})?)*)", pixels)
    if found is None or int(found[1]) * int(found[2]) > MOST_PIXELS:
        raise InputError(
            'Expected masked pixels as "rows x columns: first-last …", for example '
            f'"18x15: 12-14 40", got {pixels[:60]!r}.'
        )
    height, width = int(found[1]), int(found[2])
    mask = np.zeros(height * width, dtype=bool)
    for run in found[3].split():
        first, _, last = run.partition("-")
        start, stop = int(first), int(last or first) + 1
        if not start < stop <= mask.size:
            raise InputError(f"Expected masked pixels of {height}×{width}, got {run!r}.")
        mask[start:stop] = True
    return mask.reshape(height, width)


def from_rectangles(text: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask ``[ky, kx]`` of some rows and columns, as one writes them by hand.

    ``"rows 60-70, columns 0-64; rows 0-3"``: rectangles with a semicolon between them; without rows
    or columns, all of them. Counted from 0, the last ones included. An InputError if it is no such
    text, or beyond the detector.
    """
    mask = np.zeros(shape, dtype=bool)
    for rectangle in filter(None, map(str.strip, text.split(";"))):
        found = re.fullmatch(rf"(?:rows? {_RANGE})?(?:, *)?(?:columns? {_RANGE})?", rectangle)
        rows, columns = (slice(0), slice(0)) if found is None else _sides(found, shape)
        if not mask[rows, columns].size or rows.stop > shape[0] or columns.stop > shape[1]:
            raise InputError(
                'Expected pixels to leave out as "rows 60-70, columns 0-64", of a detector of '
                f"{shape[0]} rows and {shape[1]} columns, got {rectangle[:60]!r}."
            )
        mask[rows, columns] = True
    return mask


_RANGE = r"(\d{1,6})(?: *[-–] *(\d{1,6}))?"


def _sides(found: re.Match[str], shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns that were written down; where there are none, all, but not of both."""
    sides = [
        slice(int(first), int(last or first) + 1) if first else None
        for first, last in (found.groups()[:2], found.groups()[2:])
    ]
    rows, columns = sides
    if rows is None and columns is None:
        return slice(0), slice(0)
    return rows or slice(0, shape[0]), columns or slice(0, shape[1])
