"""Unfinished files: their owners, and the removal of those that killed processes left."""

import hashlib
import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from stemwidgets.arrays.files.exchange import sync_names

LOCK, LIST, NEW, EARLIER = "lock", "complete.json", "new", "earlier"
LONGEST_NAME = 200  # bytes; file systems take 255, of which the signs of an unfinished file need 20
PATIENCE = 10.0  # s, to wait for another process that is giving files their names
_UNFINISHED = re.compile(r"\..*\.part-[0-9a-f]{8}")


def recover(path: str | Path) -> None:
    """Complete a renaming that a killed process had begun, of a file to be opened or replaced."""
    path = Path(os.path.realpath(Path(path).expanduser()))
    with suppress(OSError):
        for folder in _unfinished(path.parent, path.name):
            if (folder / LIST).is_file():
                _complete(folder)


def remove_left_overs(folder: Path, name: str | None = None) -> None:
    """Remove unfinished files of killed processes in a folder; nothing of a process that lives.

    With a name, only what was to become the file of this name.
    """
    with suppress(OSError):
        for left in _unfinished(folder, name):
            if not (left / LIST).exists() and not held(left / LOCK):
                discard(left)


def discard(folder: Path) -> None:
    """Remove an unfinished folder, its lock last: one without a lock is always empty."""
    with suppress(OSError):
        for entry in folder.iterdir():
            if entry.name != LOCK:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        (folder / LOCK).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def is_unfinished(path: Path) -> bool:
    """True if this is a folder in which a file is, or was, being written."""
    return _UNFINISHED.fullmatch(path.name) is not None


def prefix(name: str) -> str:
    """Beginning of the names of folders in which a file of this name is made."""
    encoded = os.fsencode(name)
    if len(encoded) > LONGEST_NAME:
        name = hashlib.sha256(encoded).hexdigest()[:32]
    return f".{name}.part-"


def held(lock: Path) -> bool:
    """True if a process that lives holds a lock."""
    if not lock.is_file():
        return False
    try:
        with FileLock(lock, timeout=0, thread_local=False):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def lock_of(path: Path) -> Path:
    """Lock that a process holds as long as it keeps a file up to date."""
    return path.with_name(f".{path.name}.{LOCK}")


def keep_up(path: Path) -> FileLock | None:
    """Claim that a file is kept up to date here, until `let_go`; None if another process does."""
    lock = FileLock(lock_of(path), timeout=0, thread_local=False)
    try:
        lock.acquire()
    except (Timeout, OSError):
        return None
    return lock


def let_go(lock: FileLock | None) -> None:
    """Release the claim that a file is kept up to date here."""
    if lock is None:
        return
    with suppress(OSError):
        if os.name == "posix":  # elsewhere a file that is open stays
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def give_names(folder: Path) -> None:
    """Rename all files listed in an unfinished folder that are not renamed yet."""
    (folder / EARLIER).mkdir(exist_ok=True)
    for name in json.loads((folder / LIST).read_text(encoding="utf-8")):
        part, target = folder / NEW / Path(name).name, folder.parent / Path(name).name
        if not part.exists():
            continue
        if target.is_dir():
            target.rename(folder / EARLIER / target.name)
        rename(part, target)
    sync_names(folder.parent)
    (folder / LIST).unlink()


def rename(part: Path, target: Path) -> None:
    """Move a file over another one, or a folder to where there is none but an empty one."""
    if target.is_dir() and os.name != "posix":  # POSIX replaces an empty folder
        target.rmdir()
    part.replace(target)


def _complete(folder: Path) -> None:
    """Complete the work of a process that was killed; wait for one that lives."""
    with suppress(Timeout), FileLock(folder / LOCK, timeout=PATIENCE, thread_local=False):
        if (folder / LIST).is_file():
            give_names(folder)
    if not (folder / LIST).is_file():
        discard(folder)


def _unfinished(folder: Path, name: str | None) -> list[Path]:
    start = "." if name is None else prefix(name)
    with os.scandir(folder) as entries:
        found = [Path(entry.path) for entry in entries if entry.name.startswith(start)]
    return [left for left in found if is_unfinished(left) and left.is_dir()]
