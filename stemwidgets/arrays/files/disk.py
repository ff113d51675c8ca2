"""Errors of writing, in words: which file, on which disk, and how much room is left."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_NUMBER = re.compile(r"(?:errno = |\[Errno )(\d+)")  # as HDF5 and Python write it


class UnwrittenError(OSError):
    """Reason why a file was not written, as a sentence; the earlier file is as it was."""

    def __str__(self) -> str:
        """The sentence, without the number of the error."""
        return str(self.strerror)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise errors of writing a file in words: an UnwrittenError in place of the system's error."""
    try:
        yield
    except OSError as error:
        raise unwritten(path, error) from error
    except KeyError as error:  # zarr's error for a full disk
        cause = error.__cause__ or error.__context__
        if not isinstance(cause, OSError):
            raise
        raise unwritten(path, cause) from error


def require_room(path: Path, size: int) -> None:
    """Reserve so many bytes on the disk under this name, and free them again.

    HDF5 cannot close a file that the disk did not take to its end, and ends the process when it
    closes another one later: it must not begin. An OSError if the disk does not have them.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        with path.open("wb") as probe:
            os.posix_fallocate(probe.fileno(), 0, size)
    finally:
        path.unlink(missing_ok=True)


def unwritten(path: Path, error: OSError) -> OSError:
    """The same error in words, if it is one of the disk that `path` was to be on.

    An `UnwrittenError`; the error itself if it is one already, if it is about a file elsewhere, or
    if a file exists that must not be replaced.
    """
    folder = Path(os.path.realpath(path)).parent
    if isinstance(error, UnwrittenError | FileExistsError) or not _about(
        path, folder, error.filename
    ):
        return error
    number = number_of(error)
    words = f"{path.name} could not be written: {_reason(number, folder, error)}."
    return UnwrittenError(number, words)


def number_of(error: BaseException) -> int:
    """Number of the system's error; 0 if it is not known."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    found = _NUMBER.search(str(error))
    if found:
        return int(found[1])
    return errno.ENOSPC if os.strerror(errno.ENOSPC) in str(error) else 0


def room(folder: Path) -> str:
    """Room on the disk that holds a folder, in words."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return "room unknown"
    return f"{_size(usage.free)} free of {_size(usage.total)}"


def _reason(number: int, folder: Path, error: OSError) -> str:
    disk = f"the disk that holds {folder}"
    if number in _FULL:
        full = "is full" if number == errno.ENOSPC else "has no more room for you, by your quota"
        return f"{disk} {full} ({room(folder)}); make room there, or choose another folder"
    if not folder.is_dir():
        return f"the folder {folder} is not there any more; make it again, or choose another one"
    if number == errno.EROFS:
        return f"{disk} is read-only; choose another folder"
    if number in (errno.EACCES, errno.EPERM):
        return f"there is no permission to write to {folder}; choose another folder"
    if number == errno.EFBIG:
        return f"a file of that size is not allowed on {disk}; choose another folder"
    return f"{disk} does not take it ({error}), {room(folder)}; choose another folder"


def _about(path: Path, folder: Path, about: object) -> bool:
    if not isinstance(about, str | bytes | os.PathLike):
        return True
    name = Path(os.path.realpath(os.fsdecode(about)))
    if not name.is_relative_to(folder):
        return False
    first = (*name.relative_to(folder).parts, "")[0]
    return first in ("", path.name) or ".part" in first or first.startswith(f".{path.name}.")


def _size(count: float) -> str:
    for unit, bytes_each in (("GB", 1e9), ("MB", 1e6)):
        if count >= bytes_each:
            return f"{count / bytes_each:.3g} {unit}"
    return f"{count / 1e3:.0f} kB"
