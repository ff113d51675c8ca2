"""The folder in which dashboards keep the last state of a scan, and what is stored there.

Each session that keeps something has a folder of its own in it. Its ``session.json`` is written
last and names the other files, so that it is always of one moment. A training that runs has a
checkpoint there, beside a state that may be bare: nothing was chosen or learned before.
"""

import json
import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files.left_overs import held, lock_of
from stemwidgets.persistence.files import read_arrays
from stemwidgets.persistence.session_state import Arrays, Choices, without_encoding

VARIABLE = "STEMWIDGETS_CACHE"
FORMAT = "stemwidgets kept session 1"
STATE = "session.json"
CHECKPOINT = "-training.rrvae"  # ends the names of such files
LARGEST_STATE = 50_000_000  # bytes; a long history takes one
CLOCK_STEP = 0.01  # s, that file systems distinguish
MOST_BYTES = 256_000_000  # of all sessions together; the oldest are removed beyond
TOLERANCE = 1e-4  # of the mean pattern; another order of summing changes less, another scan more


def cache_folder() -> Path | None:
    """Folder of the cache; None, for no cache, where the environment variable is empty."""
    if VARIABLE in os.environ:
        chosen = os.environ[VARIABLE].strip()
        return Path(chosen).expanduser().absolute() if chosen else None
    return user_cache_path("stemwidgets", appauthor=False, opinion=False)


@dataclass(frozen=True, eq=False)
class ScanIdentity:
    """Identity of a scan, wherever its file lies.

    Parameters
    ----------
    shape : tuple of int
        Shape ``[iy, ix, ky, kx]``.
    mean_pattern : ndarray, shape [ky, kx]
        Mean over the scan, in counts.
    """

    shape: tuple[int, ...]
    mean_pattern: NDArray[Any]

    @property
    def name(self) -> str:
        """Beginning of the names of its folders."""
        return "x".join(str(size) for size in self.shape)

    def is_that_of(self, mean_pattern: NDArray[Any]) -> bool:
        """True if another scan of this shape has the same mean pattern."""
        mine, other = (np.nan_to_num(mean) for mean in (self.mean_pattern, mean_pattern))
        return mine.shape == other.shape and np.allclose(
            mine, other, rtol=0, atol=TOLERANCE * float(np.abs(mine).max())
        )


@dataclass(frozen=True, eq=False)
class StoredSession:
    """A session that was kept.

    Parameters
    ----------
    choices : dict
        Choices, see `stemwidgets.persistence.session_state`.
    arrays : dict of str to ndarray
        Arrays that belong to the choices.
    model : RRVAE or None
        The trained model.
    when : str
        Time at which it was trained, or, without a model, kept; ISO 8601.
    cut_short : bool
        True if the model comes from a training that did not end.
    afresh : bool
        True after a fresh start, which left `before`.
    before : StoredSession or None
        The session kept before that.
    folder : Path or None
        Folder of the session; None if it is only in memory.
    """

    choices: Choices
    arrays: Arrays
    model: Any
    when: str
    cut_short: bool = False
    afresh: bool = False
    before: "StoredSession | None" = None
    folder: Path | None = None


def find(
    scan: ScanIdentity, folder: Path, damaged: frozenset[Path] = frozenset()
) -> StoredSession | None:
    """The latest session kept of a scan; what is damaged is passed over.

    Parameters
    ----------
    scan : ScanIdentity
        Scan whose session is wanted.
    folder : Path
        The cache.
    damaged : frozenset of Path
        Folders of sessions that could be read and yet not be shown.
    """
    latest: StoredSession | None = None
    for state in sorted(_states(folder, f"{scan.name}-*"), key=_age, reverse=True):
        if state.parent in damaged:
            continue
        try:
            stored = _read(state, scan)
        except Exception:  # files break in many ways, and none may hide an older one that is whole
            continue
        if stored is not None and not stored.afresh:
            return stored if latest is None else replace(latest, before=stored)
        latest = latest or stored
    return latest


def prune(folder: Path, own: Path, most: int = MOST_BYTES) -> None:
    """Remove the oldest sessions while all of them take more than so many bytes.

    Never one's own, nor one in which a training runs. Others may keep and remove at the same time.
    """
    ages = sorted((_age(state), state.parent) for state in _states(folder, "*"))
    sizes = {kept: _size(kept) for _, kept in ages}
    total = sum(sizes.values())
    for _, kept in ages:
        if total <= most:
            return
        if kept != own and not any(_runs(file) for file in _checkpoints(kept / STATE)):
            shutil.rmtree(kept, ignore_errors=True)
            total -= sizes[kept]


def make_latest(state: Path, folder: Path, name: str) -> None:
    """Make a state the latest of its scan, even if the clock was set back since another one."""
    others = [_age(other) for other in _states(folder, f"{name}-*") if other != state]
    with suppress(OSError):
        latest = max(others, default=0.0)
        if state.stat().st_mtime <= latest:
            os.utime(state, (latest + CLOCK_STEP, latest + CLOCK_STEP))


def _states(folder: Path, pattern: str) -> list[Path]:
    """Files of states; only regular ones, as others might never end when they are read."""
    try:
        return [state for state in folder.glob(f"{pattern}/{STATE}") if state.is_file()]
    except OSError:
        return []


def _age(state: Path) -> float:
    return max(_written(file) for file in (state, *_checkpoints(state)))


def _written(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # another process has removed it
        return 0.0


def _size(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        with suppress(OSError):
            total += file.lstat().st_size
    return total


def _checkpoints(state: Path) -> list[Path]:
    return list(state.parent.glob(f"[!.]*{CHECKPOINT}"))


def _read(state: Path, scan: ScanIdentity) -> StoredSession | None:
    if state.stat().st_size > LARGEST_STATE:
        raise InputError(f"Expected choices, got {state.stat().st_size} bytes in {state}.")
    facts = json.loads(state.read_text(encoding="utf-8"))
    if facts["format"] != FORMAT:
        return None
    datetime.fromisoformat(facts["when"])
    arrays = read_arrays(state.with_name(facts["maps"]))
    if not scan.is_that_of(arrays.pop("mean pattern")):
        return None
    stored, afresh = _cut_short(state, facts, arrays), bool(facts.get("afresh"))
    if stored is not None or (facts.get("bare") and not afresh):
        return stored
    model = load_model(state.with_name(facts["model"])) if facts["model"] else None
    return StoredSession(facts, arrays, model, facts["when"], afresh=afresh, folder=state.parent)


def _cut_short(state: Path, facts: Choices, arrays: Arrays) -> StoredSession | None:
    """Session of a training that neither ended nor still runs."""
    unfinished = [file for file in _checkpoints(state) if not _runs(file)]
    for checkpoint in sorted(unfinished, key=_written, reverse=True):
        try:
            model = load_model(checkpoint)
        except Exception:  # a damaged one is passed over
            continue
        when = datetime.fromtimestamp(_written(checkpoint), UTC).isoformat(timespec="seconds")
        facts = facts | {"trainings": ("stopped",), "history": (), "when": when}
        rest = without_encoding(arrays)
        return StoredSession(facts, rest, model, when, cut_short=True, folder=state.parent)
    return None


def _runs(checkpoint: Path) -> bool:
    """True if a process that lives keeps it up to date."""
    return held(lock_of(checkpoint))


def load_model(path: Path) -> Any:
    """A model that was saved."""
    from stemwidgets.signals.rrvae import RRVAE

    return RRVAE.load(path)


def new_folder(scan: ScanIdentity, cache: Path) -> Path:
    """A folder for one session."""
    return cache / f"{scan.name}-{secrets.token_hex(8)}"
