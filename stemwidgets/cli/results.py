"""Results of hours of work: where their own disk does not take them, they go to another one."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from stemwidgets.arrays.files.disk import UnwrittenError, room

T = TypeVar("T")


def elsewhere(
    path: Path, write: Callable[[Path], T], error: OSError, tell: Callable[[str], None]
) -> T | None:
    """Write a result on another disk, or in another folder, under a name that is free there.

    The working folder, the home folder and that for temporary files are tried.

    Parameters
    ----------
    path : Path
        Path at which writing failed.
    write : callable
        Writes the result to the path that it is given.
    error : OSError
        Error of that failure.
    tell : callable
        Called with a sentence on where the result is.

    Returns
    -------
    object or None
        Result of `write`; None if no disk took it.

    Raises
    ------
    Exception
        Any error that has nothing to do with a disk that is full or may not be written to.
    """
    tell(f"notice: {error}")
    for folder in _folders(path):
        other = _free(folder / path.name)
        try:
            result = write(other)
        except (UnwrittenError, PermissionError):
            continue
        tell(f"notice: {path.name} is in {folder} instead ({room(folder)})")
        tell(f"wrote {other}")
        return result
    tell(f"notice: there is no other place for {path.name} either: it is lost")
    return None


def _folders(path: Path) -> Iterator[Path]:
    """Folders to try, once each."""
    tried = {path.absolute().parent}
    for find in (Path.cwd, Path.home, lambda: Path(tempfile.gettempdir())):
        try:
            folder = find().absolute()
        except (OSError, RuntimeError):  # a folder that was removed, a user without a home
            continue
        if folder.is_dir() and folder not in tried:
            tried.add(folder)
            yield folder


def _free(path: Path) -> Path:
    number, tried = 1, path
    while tried.exists():
        number += 1
        tried = path.with_stem(f"{path.stem}-{number}")
    return tried
