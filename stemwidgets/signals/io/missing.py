"""Patterns missing in a file, because its writing was broken off or parts are gone.

Chunks that are not there are read as zeros, without an error, from zarr and from HDF5.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError

_NOTE = "stemwidgets.missing_patterns"  # in a signal's temporary parameters
_PLACE = re.compile(r"\d+(?:[./]\d+)*")


class MissingPatterns(UserWarning):
    """Report of patterns that are missing in a file, and empty in what was loaded."""


def missing_patterns(array: Any) -> NDArray[np.bool_]:
    """Positions of a zarr or HDF5 array ``[..., ky, kx]`` whose patterns are not in the file."""
    shape = tuple(int(size) for size in array.shape)
    there = _of_hdf5(array) if hasattr(array, "id") else _of_zarr(array)
    if there is None or there.all():
        return np.zeros(shape[:-2], dtype=bool)
    missing: NDArray[np.bool_] = np.asarray(~there.all(axis=(-2, -1)))
    for axis, (size, chunk) in enumerate(zip(shape[:-2], array.chunks or shape, strict=False)):
        missing = missing.repeat(chunk, axis=axis).take(np.arange(size), axis=axis)
    return missing


def in_words(path: Path, missing: NDArray[np.bool_]) -> str:
    """Number of the missing patterns, in words; empty if none are, an InputError if all are."""
    count, total = int(missing.sum()), missing.size
    if not count:
        return ""
    if count == total:
        raise InputError(
            f"Expected patterns in {path.name}, got a file that promises {total} and holds none: "
            "its writing was broken off. Copy it again from where it was recorded."
        )
    return (
        f"{count} of {total} patterns are missing in {path.name}: its writing was broken off, or "
        "parts of it are gone. They are empty, and nothing is learned from them. Copy the file "
        "again from where it was recorded."
    )


def note(signal: Any, words: str) -> None:
    """Attach a note to a signal on the patterns missing in its file."""
    if words:
        signal.tmp_parameters.set_item(_NOTE, words)


def noted(signal: Any) -> list[str]:
    """Notes on the patterns missing in the file of a signal: one sentence or none."""
    words = signal.tmp_parameters.get_item(_NOTE, "")
    return [words] if words else []


def _of_zarr(array: Any) -> NDArray[np.bool_]:
    there = np.zeros(array.cdata_shape, dtype=bool)
    folder = f"{array.path}/"
    for key in array.chunk_store.keys():  # noqa: SIM118 (a store is no mapping)
        place = key.removeprefix(folder)
        if key.startswith(folder) and _PLACE.fullmatch(place):
            index = tuple(map(int, re.split("[./]", place)))
            if len(index) == there.ndim and np.less(index, there.shape).all():
                there[index] = True
    return there


def _of_hdf5(array: Any) -> NDArray[np.bool_] | None:
    if array.chunks is None:
        held = array.id.get_storage_size() > 0 or array.external or array.is_virtual
        return None if held else np.zeros((1,) * array.ndim, dtype=bool)
    there = np.zeros([-(-n // c) for n, c in zip(array.shape, array.chunks, strict=True)], bool)
    count = array.id.get_num_chunks()
    if count == there.size:
        return None
    for number in range(count):
        offset = array.id.get_chunk_info(number).chunk_offset
        there[tuple(o // c for o, c in zip(offset, array.chunks, strict=True))] = True
    return there
