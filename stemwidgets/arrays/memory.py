"""Free memory, and the share of it that may be used."""

import contextlib
import ctypes
import os
import re
from pathlib import Path

from stemwidgets.arrays.errors import InputError

SHARE = 0.5  # of the free memory, where no limit was set
LEAST = 2**26  # less is no room to work in
GROUPS = Path("/sys/fs/cgroup")
_UNLIMITED = 2**60  # bytes: version 1 of control groups writes a number beyond this for no limit

_set_limit: int | None = None
_processes = 1


def set_memory_limit(limit: int | None) -> None:
    """Set how much memory one step of the work may take.

    Scans that are left on disk are read in blocks that fit into it, and a step that cannot do with
    so much says so before it starts.

    Parameters
    ----------
    limit : int or None
        Bytes, at least 64 MB; None is half of what is free at the time. A limit beyond what is free
        (also to a container, and to a process with a limit on its data) is cut to that.

    Raises
    ------
    InputError
        If it is no number of bytes, or too small to work in.

    Examples
    --------
    >>> sw.set_memory_limit(2 * 10**9)
    """
    global _set_limit  # noqa: PLW0603 (one setting for all of the process)
    whole = isinstance(limit, (int, float)) and not isinstance(limit, bool) and limit == limit // 1
    if limit is not None and not (whole and limit >= LEAST):
        raise InputError(
            f"Expected a number of bytes of at least {LEAST:,}, or None for half of the free "
            f"memory, got {limit!r}. Two gigabytes are 2 * 10**9."
        )
    _set_limit = None if limit is None else int(limit)


def share_memory(processes: int) -> None:
    """Divide what is free by the number of processes on this machine that work together."""
    global _processes  # noqa: PLW0603 (one setting for all of the process)
    _processes = processes


def memory_limit() -> int | None:
    """Bytes that one step may take now; None if the system does not say and no limit was set."""
    free = free_memory()
    if _set_limit is None:
        return None if free is None else int(SHARE * free / _processes)
    return _set_limit if free is None else min(_set_limit, free)


def return_memory() -> None:
    """Give freed memory back to the system, of which the GNU C library keeps hundreds of MB."""
    with contextlib.suppress(AttributeError, TypeError):  # another C library, or Windows
        ctypes.CDLL(None).malloc_trim(0)


def require_room(needed: int, step: str, advice: str) -> None:
    """Refuse a step that needs more bytes than it may take, before it starts, by an InputError.

    `step` is its purpose, as the end of the sentence "Expected … GB of memory for", `advice` the
    smaller way, a sentence.
    """
    limit = memory_limit()
    if limit is not None and needed > limit:
        raise InputError(
            f"Expected {needed / 1e9:,.2f} GB of memory for {step}, got {limit / 1e9:,.2f} GB that "
            f"may be used. {advice} Or allow more by stemwidgets.set_memory_limit."
        )


def free_memory() -> int | None:
    """Bytes of main memory that this process may still take; None if the system does not say.

    The limits of its control group (version 1 or 2) and on its data (``ulimit -d``) count.
    """
    found = _number(Path("/proc/meminfo"), r"MemAvailable: *(\d+) kB")
    rooms = [] if found is None else [1024 * found]
    rooms += [room for room in (_in_group(GROUPS), _in_process()) if room is not None]
    return max(0, min(rooms)) if rooms else None


def _in_group(folder: Path) -> int | None:
    """Bytes that a control group has left; pages of files that can be dropped are free."""
    for most, taken, pages, within in (
        ("memory.max", "memory.current", "inactive_file", folder),
        (
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
            folder / "memory",
        ),
    ):
        limit = _number(within / most, r"^(\d+)$")
        used = _number(within / taken, r"^(\d+)$")
        if limit is not None and used is not None and limit < _UNLIMITED:
            return limit - used + (_number(within / "memory.stat", rf"(?m)^{pages} (\d+)$") or 0)
    return None


def _in_process() -> int | None:
    """Bytes that a limit on the data of this process leaves."""
    if os.name != "posix":
        return None
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    used = _number(Path("/proc/self/status"), r"VmData:\s*(\d+) kB")
    if limit == resource.RLIM_INFINITY or used is None:
        return None
    return limit - 1024 * used


def _number(path: Path, pattern: str) -> int | None:
    try:
        found = re.search(pattern, path.read_text().strip())
    except OSError:
        return None
    return None if found is None else int(found[1])
