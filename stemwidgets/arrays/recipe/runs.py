"""Masks of detector pixels in words that a person can read."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError

MOST_PIXELS = 10**8  # of a detector


def in_words(pixels: Any) -> str:
    """A mask ``[ky, kx]`` as its shape and the runs of its pixels, counted row by row from 0.

    Raises
    ------
    InputError
        If it is no mask of bool.
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
    """The mask that `in_words` described.

    Raises
    ------
    InputError
        If this is no such description.
    """
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
