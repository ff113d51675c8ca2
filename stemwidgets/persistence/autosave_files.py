"""Files of one session in the cache: copying, removal, and the room for them."""

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stemwidgets.arrays.files.atomic import written
from stemwidgets.arrays.files.left_overs import is_unfinished, remove_left_overs

Token = tuple[Any, ...]  # origins of a file, compared by identity
Files = dict[str, tuple[Token, Path]]

PROBE = 65536  # bytes, that a small model takes


def require_room(folder: Path) -> None:
    """Test that a folder takes files.

    Raises
    ------
    OSError
        If it does not: a disk that is full or read-only, a permission that is lacking.
    """
    probe = folder / f".probe-{os.getpid()}"
    try:
        probe.write_bytes(bytes(PROBE))
    finally:
        probe.unlink(missing_ok=True)


def save_or_copy(model: Any, checkpoint: Path | None, name: Path) -> None:
    """Write a model; from its checkpoint, where there is one, with which a training goes on."""
    if checkpoint is None or not checkpoint.is_file():
        model.save(name)
        return
    try:
        os.link(checkpoint, name)  # one more name for it
    except OSError:  # the disk cannot do that
        with written(name) as part:
            shutil.copyfile(checkpoint, part)


def clean(folder: Path, names: tuple[str | None, ...], running: Path | None) -> None:
    """Remove all but the files of these names and those of a checkpoint that is written."""
    remove_left_overs(folder)
    for file in folder.iterdir():
        written_now = running is not None and running.name in file.name
        if written_now or file.name in names or is_unfinished(file):
            continue
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file, ignore_errors=True)
        else:
            file.unlink(missing_ok=True)


def named(path: Path, files: Files, token: Token, write: Callable[[Path], None]) -> str:
    """Name of the file for a token, written if it is not there yet."""
    name = path.name
    before, there = files.get(name, ((), path))
    if not (same(before, token) and there.is_file()):
        there = path.with_name(f"{secrets.token_hex(4)}-{name}")
        write(there)
        files[name] = token, there
    return there.name


def same(one: Token, other: Token) -> bool:
    """True if two tokens are of the same things."""
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
