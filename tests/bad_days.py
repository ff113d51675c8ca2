"""What goes wrong while a file is written, made to happen at each step that writes."""

import errno
import os
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from stemwidgets.arrays.files import atomic, exchange

LONGEST = 60.0  # s, for a process that saves
NEEDS_ROOM = ("open", "os.mkdir", "os.fsync")  # steps that a full disk refuses
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.replace", "os.link", "exchange")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT

_folder, _step = "", None


class Writer(NamedTuple):
    """A function that writes, and one that says what is there: "old", "new" or "" for nothing."""

    save: Callable[[Path, str], object]
    read: Callable[[Path], str]


def _audit(event, arguments):
    if _step is not None and event in (*NEEDS_ROOM, *CHANGES):
        path = arguments[0]
        if event == "open" and not (isinstance(path, str | bytes) and arguments[2] & WRITES):
            return
        if isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(_folder):
            _step(event)


sys.addaudithook(_audit)


@contextmanager
def steps(folder: Path, step: Callable[[str], None]):
    """Call a function before each step that changes something in a folder."""
    global _folder, _step  # noqa: PLW0603  an audit hook cannot be taken away again
    sync, swap = os.fsync, exchange.exchange

    def fsync(descriptor):
        file = Path(f"/proc/self/fd/{descriptor}")
        here = not file.is_symlink() or os.fspath(file.readlink()).startswith(_folder)
        if _step is not None and here:
            _step("os.fsync")
        sync(descriptor)

    def exchanged(one, other):
        if _step is not None:
            _step("exchange")
        return swap(one, other)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        patch.setattr(atomic, "exchange", exchanged)
        _folder, _step = os.fspath(folder), step
        try:
            yield
        finally:
            _step = None


def counted(folder: Path, save: Callable[[], object]) -> int:
    """How many steps saving takes."""
    count = 0

    def step(_event):
        nonlocal count
        count += 1

    with steps(folder, step):
        save()
    return count


def killed(folder: Path, save: Callable[[], object], number: int) -> None:
    """Save in a process of its own that is killed before a step."""
    count = 0

    def step(_event):
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child does nothing but save
        child = os.fork()
    if child == 0:
        try:
            with steps(folder, step):
                save()
        finally:
            os._exit(0)
    end = time.monotonic() + LONGEST
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise TimeoutError(f"saving did not end, to be killed at step {number}")
        time.sleep(0.002)


def refusing(number: int, error: int) -> Callable[[str], None]:
    """A disk that refuses from one step on: what needs room, or, read-only, every change."""
    count = 0

    def step(event):
        nonlocal count
        count += 1
        if count >= number and (event in NEEDS_ROOM or error != errno.ENOSPC):
            raise OSError(error, os.strerror(error))

    return step


def interrupting(number: int) -> Callable[[str], None]:
    """Ctrl-C before one step."""
    count = 0

    def step(_event):
        nonlocal count
        count += 1
        if count == number:
            raise KeyboardInterrupt

    return step


def restore(template: Path, folder: Path) -> None:
    """The folder as it was at first."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder)


def chosen(count: int, most: int) -> list[int]:
    """Some of so many steps: half of them the last ones, in which files take their names."""
    if count <= most:
        return list(range(1, count + 2))
    late = range(count - most // 2, count + 1)
    early = (1 + i * count // (most // 2 + 1) for i in range(most // 2 + 1))
    return sorted({*early, *late})


class Cases:
    """Counts what came out, and prints it."""

    def __init__(self, name: str) -> None:
        self.name, self.old, self.new, self.wrong = name, 0, 0, []

    def case(self, what: str, work: Callable[[], str]) -> None:
        """Count "old" and "new"; anything else is wrong."""
        try:
            found = work()
        except Exception as error:  # that is what is looked for
            found = f"{type(error).__name__}: {error}"
        if found == "old":
            self.old += 1
        elif found == "new":
            self.new += 1
        else:
            self.wrong.append(f"{what}: {found}"[:500])

    def report(self) -> None:
        """Print the counts, and fail if anything was wrong."""
        right = self.old + self.new
        print(
            f"{self.name}: {right + len(self.wrong)} tried, {right} right ({self.old} old, "
            f"{self.new} new), {len(self.wrong)} wrong"
        )
        assert not self.wrong, "\n".join(self.wrong[:10])
