"""The folder in which dashboards keep the last state of a scan, and what is found there.

Each session that keeps something has a folder of its own in it. Its ``session.json`` is written
last and names the other files, so that it is always of one moment. A training that runs has a
checkpoint there, beside a state that may be bare: nothing was chosen or learned before.
"""

import json
import os
import secrets
import shutil
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.takeaway.choices import Arrays, Choices, without_encoding
from stemwidgets.takeaway.files import read_arrays

VARIABLE = "STEMWIDGETS_CACHE"
FORMAT = "stemwidgets kept session 1"
STATE = "session.json"
CHECKPOINT = "-training.rrvae"  # ends the names of such files
STILL = 60.0  # s, after which a training that runs has written again
MOST_BYTES = 256_000_000
TOLERANCE = 1e-4  # of the mean pattern; another order of summing changes less, another scan more


def cache_folder() -> Path | None:
    """Where sessions are kept; None where the environment variable is empty: nowhere."""
    if VARIABLE in os.environ:
        chosen = os.environ[VARIABLE].strip()
        return Path(chosen).expanduser().absolute() if chosen else None
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "stemwidgets"


@dataclass(frozen=True, eq=False)
class Scan:
    """What a scan is known by, wherever its file lies.

    Parameters
    ----------
    shape : tuple of int
        ``[iy, ix, ky, kx]``.
    mean_pattern : ndarray, shape [ky, kx]
        In counts.
    """

    shape: tuple[int, ...]
    mean_pattern: NDArray[Any]

    @property
    def name(self) -> str:
        """Begins the names of its folders."""
        return "x".join(str(size) for size in self.shape)

    def is_that_of(self, mean_pattern: NDArray[Any]) -> bool:
        """Whether another scan of this shape has the same mean pattern."""
        mine, other = (np.nan_to_num(mean) for mean in (self.mean_pattern, mean_pattern))
        return mine.shape == other.shape and np.allclose(
            mine, other, rtol=0, atol=TOLERANCE * float(np.abs(mine).max())
        )


@dataclass(frozen=True, eq=False)
class Found:
    """A session that was kept.

    Parameters
    ----------
    choices : dict
        What was chosen, see `stemwidgets.takeaway.choices`.
    arrays : dict of str to ndarray
        What goes with it.
    model : RRVAE or None
        The trained model.
    when : str
        When that was trained, or, without one, when the session was kept; ISO 8601.
    cut_short : bool
        Whether the model is what a training left that did not end.
    afresh : bool
        Whether one had started afresh, leaving `before`.
    before : Found or None
        The session kept before that.
    """

    choices: Choices
    arrays: Arrays
    model: Any
    when: str
    cut_short: bool = False
    afresh: bool = False
    before: "Found | None" = None


def find(scan: Scan, folder: Path) -> Found | None:
    """The latest session kept of a scan; what is damaged is passed over."""
    latest: Found | None = None
    for state in sorted(folder.glob(f"{scan.name}-*/{STATE}"), key=_age, reverse=True):
        try:
            found = _read(state, scan)
        except (ValueError, KeyError, TypeError, OSError):  # an InputError is a ValueError
            continue
        if found is not None and not found.afresh:
            return found if latest is None else replace(latest, before=found)
        latest = latest or found
    return latest


def prune(folder: Path, own: Path, most: int = MOST_BYTES) -> None:
    """Remove the oldest sessions while all take more than so many bytes.

    Never one's own, nor one in which a training runs.
    """
    ages = sorted((_age(state), state.parent) for state in folder.glob(f"*/{STATE}"))
    sizes = {kept: sum(file.stat().st_size for file in kept.iterdir()) for _, kept in ages}
    total = sum(sizes.values())
    for _, kept in ages:
        if total <= most:
            return
        if kept != own and not any(_runs(file) for file in _checkpoints(kept / STATE)):
            shutil.rmtree(kept, ignore_errors=True)
            total -= sizes[kept]


def _age(state: Path) -> float:
    return max(_written(file) for file in (state, *_checkpoints(state)))


def _written(file: Path) -> float:
    return file.stat().st_mtime


def _checkpoints(state: Path) -> list[Path]:
    return list(state.parent.glob(f"*{CHECKPOINT}"))


def _read(state: Path, scan: Scan) -> Found | None:
    facts = json.loads(state.read_text(encoding="utf-8"))
    if facts["format"] != FORMAT:
        return None
    arrays = read_arrays(state.with_name(facts["maps"]))
    if not scan.is_that_of(arrays.pop("mean pattern")):
        return None
    found, afresh = _cut_short(state, facts, arrays), bool(facts.get("afresh"))
    if found is not None or (facts.get("bare") and not afresh):
        return found
    model = _load(state.with_name(facts["model"])) if facts["model"] else None
    return Found(facts, arrays, model, str(facts["when"]), afresh=afresh)


def _cut_short(state: Path, facts: Choices, arrays: Arrays) -> Found | None:
    """What is left of a training that neither ended nor still runs."""
    unfinished = [file for file in _checkpoints(state) if not _runs(file)]
    if not unfinished:
        return None
    checkpoint = max(unfinished, key=_written)
    try:
        model = _load(checkpoint)
    except InputError:
        return None
    when = datetime.fromtimestamp(_written(checkpoint), UTC).isoformat(timespec="seconds")
    facts = facts | {"trainings": ("stopped",), "history": (), "when": when}
    return Found(facts, without_encoding(arrays), model, when, cut_short=True)


def _runs(checkpoint: Path) -> bool:
    """Whether the process that writes it lives, as far as one can know."""
    if os.name != "posix" or time.time() - _written(checkpoint) > STILL:
        return False
    number = process_of(checkpoint.parent)
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    state = Path(f"/proc/{number}/stat")  # of a process that ended and whose parent has not heard
    return not (state.is_file() and ") Z " in state.read_text(encoding="utf-8"))


def _load(path: Path) -> Any:
    from stemwidgets.signals.on_detector import RRVAE

    return RRVAE.load(path)


def new_folder(scan: Scan, cache: Path) -> Path:
    """A folder for a session of this process."""
    return cache / f"{scan.name}-{os.getpid()}-{secrets.token_hex(4)}"


def process_of(folder: Path) -> int:
    """Number of the process that a `new_folder` is of."""
    return int(folder.name.split("-")[-2])
