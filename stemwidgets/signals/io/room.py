"""Comparison of a file's claims with its size and with the memory."""

import os
from pathlib import Path

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.memory import free_memory

# no codec makes less of a scan: zstd packs nothing but zeros about 20,000 times
_DENSEST = 20_000
_HARMLESS = 2**26  # bytes that are never too many
_LONGEST = 2**23  # bytes of a description: those of microscopes have some thousand
_PER_POSITION = 200  # bytes of maps and of the model's numbers for each scan position, at least


def require_memory(path: Path, needed: int) -> None:
    """Refuse a file that claims to hold more bytes than memory has free, by an InputError."""
    free = free_memory()
    if free is not None and needed > free:
        raise InputError(
            f"{path.name} says that it holds {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB of "
            "memory are free. Pass lazy=True to leave the patterns on disk; if it is a small file, "
            "it is damaged."
        )


def require_plausible(path: Path, claimed: int, positions: int = 0) -> None:
    """Refuse claims that the bytes of a file cannot hold, before anything is allocated.

    An InputError for claims of 20,000 times the bytes that are there, or of so many scan positions
    that maps of them do not fit into memory.
    """
    there = size_on_disk(path) if claimed > _HARMLESS else claimed
    if claimed > _DENSEST * max(1, there):
        raise InputError(
            f"{path.name} says that it holds {_size(claimed)}, and the file has {_size(there)}: "
            "it is damaged, or was never filled."
        )
    free = free_memory()
    if free is not None and positions * _PER_POSITION > free:
        raise InputError(
            f"{path.name} says that it holds {positions:.2g} scan positions: maps of them do not "
            f"fit into the {_size(free)} of memory that are free. If it is a small file, it is "
            "damaged."
        )


def require_short(path: Path, name: str, size: int) -> None:
    """Refuse a description in a file that is too long to be one, of more than 8 MB."""
    if size > _LONGEST:
        raise InputError(
            f"{name} in {path.name} says that it has {_size(size)}: no description of a scan is so "
            "long. The file is damaged."
        )


def size_on_disk(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(
        os.stat(os.path.join(folder, name)).st_size  # noqa: PTH118, PTH116  # many small files
        for folder, _, names in os.walk(path)
        for name in names
    )


def _size(count: int) -> str:
    for name, unit in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return f"{count:,} bytes"
