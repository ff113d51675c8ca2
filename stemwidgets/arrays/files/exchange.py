"""System calls that exchange names of files at once and flush files to the disk."""

import ctypes
import errno
import os
from pathlib import Path

_CANNOT = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EXDEV)
_HERE = -100  # AT_FDCWD: relative to the working folder
_SWAP = 2  # RENAME_EXCHANGE, Linux 3.15


def exchange(one: Path, other: Path) -> bool:
    """Swap the names of two files or folders on one disk at once.

    False where system or disk cannot do that; nothing has changed then. An OSError if the disk does
    not take it.
    """
    swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if _LINUX else None
    if swap is None:
        return False
    if swap(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _SWAP) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(other))


_LINUX = os.uname().sysname == "Linux" if hasattr(os, "uname") else False


def sync_all(path: Path) -> None:
    """Flush a file, or a folder with all that is in it, to the disk."""
    if path.is_dir():
        if not _sync_disk(path):
            for entry in path.iterdir():
                sync_all(entry)
            sync_names(path)
        return
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_disk(folder: Path) -> bool:
    """Sync the whole disk at once, for a folder of many files; False where the system cannot."""
    sync = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None) if _LINUX else None
    if sync is None:
        return False
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if sync(descriptor) == 0:
            return True
        number = ctypes.get_errno()
    finally:
        os.close(descriptor)
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(folder))


def sync_names(folder: Path) -> None:
    """Flush the names in a folder to the disk, where folders can be synced."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT:  # some network disks sync names by themselves
            raise
    finally:
        os.close(descriptor)
