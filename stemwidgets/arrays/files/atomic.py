"""Atomic writing of files: an earlier file stays whole until the new one is, whatever happens.

What is new is made in a hidden folder beside its target, ``.NAME.part-…``, which is locked as long
as its process lives. Synced to the disk, it then takes its name: a file replaces a file at once,
and a folder is exchanged for a folder at once where the system can. Where it cannot, and for
several files that belong together, a list of what takes its name is written first, so that
`left_overs.recover` can complete what was cut short. What killed processes left is completed or
removed when that name is written the next time.
"""

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files.disk import writing
from stemwidgets.arrays.files.exchange import exchange, sync_all, sync_names
from stemwidgets.arrays.files.left_overs import (
    LIST,
    LOCK,
    NEW,
    PATIENCE,
    discard,
    give_names,
    lock_of,
    prefix,
    recover,
    remove_left_overs,
    rename,
)

TRIES = 20  # to make a folder that is not removed before it is locked


@contextmanager
def written(path: str | Path, overwrite: bool = True) -> Iterator[Path]:
    """Write one file or folder; if the block fails or is interrupted, nothing has changed.

    Yields the path to write to: the same name in another folder. A link stays a link. A
    FileExistsError if there is something of that name, which must not be replaced; an
    UnwrittenError if the disk does not take it, which says why, and how much room there is.
    """
    with written_together([path], overwrite) as (part,):
        yield part


@contextmanager
def written_together(
    paths: Sequence[str | Path], overwrite: bool = True
) -> Iterator[tuple[Path, ...]]:
    """Write several files of one folder that belong together: all of them are new, or none is.

    Yields where to write each. An interrupted write is recovered by the first one; for the rest see
    `written`.
    """
    targets = [Path(os.path.realpath(Path(path).expanduser())) for path in paths]
    with writing(targets[0]), aside(targets[0]) as folder:
        (folder / NEW).mkdir()
        yield tuple(folder / NEW / target.name for target in targets)
        sync_all(folder / NEW)
        for target in targets:
            if not overwrite and _is_taken(target):
                raise FileExistsError(f"{target} exists already. Choose another name.")
        _take_names(folder, targets)


def take_name(unfinished: Path, target: Path) -> None:
    """Rename a folder that was made beside its target, over hours maybe, at once.

    An earlier folder of that name is removed. Should this be interrupted, the unfinished one is
    still there, or has got its name.
    """
    with writing(target):
        sync_all(unfinished)
        if not _is_taken(target):
            rename(unfinished, target)
        elif exchange(unfinished, target):
            _remove(unfinished)
        else:
            with written(target) as part:
                unfinished.rename(part)
        sync_names(target.parent)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Lock out other processes that would make the same file; an InputError if one does so now."""
    lock = lock_of(path)
    with ExitStack() as stack:
        try:
            with writing(path):
                stack.enter_context(FileLock(lock, timeout=0, thread_local=False))
        except Timeout:
            raise InputError(
                f"{path} is being written by another process. Wait for its end, or choose another "
                "name."
            ) from None
        try:
            yield
        finally:
            if os.name == "posix":  # elsewhere a file that is open stays
                lock.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file of this content, as `written` does."""
    with written(path) as part:
        part.write_bytes(content)


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Locked folder beside a file, for what is needed until that is written; removed at the end.

    What killed processes left of the file is completed or removed first.
    """
    recover(path)
    remove_left_overs(path.parent, path.name)
    folder = None
    try:
        with ExitStack() as stack:
            with writing(path):
                folder = _locked(path, stack)
            yield folder
    finally:
        if folder is not None and not (folder / LIST).exists():
            discard(folder)


def _locked(path: Path, stack: ExitStack) -> Path:
    for _ in range(TRIES):
        folder = path.with_name(f"{prefix(path.name)}{secrets.token_hex(4)}")
        folder.mkdir()
        try:
            stack.enter_context(FileLock(folder / LOCK, timeout=PATIENCE, thread_local=False))
        except FileNotFoundError:
            continue
        except BaseException:
            discard(folder)
            raise
        if (folder / LOCK).is_file():
            return folder
    raise TimeoutError(f"Another process removes what is made in {path.parent}.")


def _take_names(folder: Path, targets: list[Path]) -> None:
    """Move the new files to their names; once the list is written, all of them arrive."""
    parts = [folder / NEW / target.name for target in targets]
    for part, target in zip(parts, targets, strict=True):
        if target.is_dir() and not part.is_dir():
            raise IsADirectoryError(f"{target} is a folder. Choose another name.")
    if len(targets) == 1:
        (part,), (target,) = parts, targets
        plain = not (part.is_dir() and _is_taken(target))
        if plain:
            rename(part, target)
        if plain or exchange(part, target):
            sync_names(target.parent)
            return
    listed = folder / f"{LIST}.new"
    listed.write_text(json.dumps([target.name for target in targets]), encoding="utf-8")
    sync_all(listed)
    listed.replace(folder / LIST)
    sync_names(folder)
    try:
        give_names(folder)
    except BaseException:  # for example an interrupt, which must not come between
        give_names(folder)
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_taken(path: Path) -> bool:
    """True if something has this name; an empty folder does not count."""
    return any(path.iterdir()) if path.is_dir() else path.exists()
