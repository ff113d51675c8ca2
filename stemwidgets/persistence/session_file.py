"""A session as JSON, with its model and its maps in files beside it."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traitlets import TraitError

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files.atomic import written_together
from stemwidgets.arrays.files.left_overs import recover
from stemwidgets.export.provenance import record
from stemwidgets.export.snapshot import Snapshot
from stemwidgets.persistence.files import as_json, as_npz, read_arrays
from stemwidgets.persistence.session_state import Arrays, Choices
from stemwidgets.signals.io.load import OPTIONS

NAME, VERSION = "stemwidgets session", 2  # in the file; older versions are read too
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TraitError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, eq=False)
class SessionFile:
    """Contents of a session file.

    Parameters
    ----------
    source : Path
        The file of the scan.
    lazy : bool
        True if its patterns stay there.
    load_options : dict
        Further options of reading it, see `stemwidgets.load`.
    choices : dict
        Choices, see `stemwidgets.persistence.session_state`.
    arrays : dict of str to ndarray
        Arrays that belong to the choices.
    model_file : Path or None
        The file of the trained model.
    """

    source: Path
    lazy: bool
    load_options: dict[str, Any]
    choices: Choices
    arrays: Arrays
    model_file: Path | None


def write(
    snapshot: Snapshot, choices: Choices, arrays: Arrays, path: str | Path, overwrite: bool
) -> Path:
    """Write all files; see `Session.save`."""
    path = _require_name(path)
    if snapshot.origin.file is None:
        raise InputError(
            "Expected a scan that was read from a file, which a session file names; this one came "
            "as a signal or an array. Save that with signal.save, and open the session on the file."
        )
    model_file = path.with_suffix(".rrvae") if snapshot.model is not None else None
    maps_file = path.with_suffix(".npz") if arrays else None
    for file in (path, model_file, maps_file):
        if file is not None and file.exists() and not overwrite:
            raise FileExistsError(
                f"{file} exists already. Choose another name, or pass overwrite=True."
            )
    facts = {
        "format": f"{NAME} {VERSION}",
        "source": str(snapshot.origin.file),
        "source from here": os.path.relpath(snapshot.origin.file, path.parent),
        "lazy": snapshot.origin.lazy,
        "load": dict(snapshot.origin.load_options),
        "model": model_file.name if model_file else None,
        "maps": maps_file.name if maps_file else None,
        **choices,
        "made": record(snapshot),
    }
    named = {"model": model_file, "maps": maps_file}
    parts = {name: file for name, file in named.items() if file is not None}
    with written_together([path, *parts.values()], overwrite) as (part, *beside):
        where = dict(zip(parts, beside, strict=True))
        if "model" in where:
            snapshot.model.save(where["model"])
        if "maps" in where:
            where["maps"].write_bytes(as_npz(arrays))
        digests = {name: _digest(file) for name, file in where.items()}
        part.write_bytes(as_json({**facts, "digests": digests}))
    return path


def read(path: str | Path) -> SessionFile:
    """Read a session file, of this format or an older one; see `Session.open`."""
    path = Path(path).expanduser().absolute()
    recover(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no session file {path}; check the name and the folder.")
    with refused(path):
        facts = json.loads(path.read_text(encoding="utf-8"))
        _require_format(facts, path)
        facts["position"], facts["detector"], facts["trainings"]  # of every format
        model, maps = facts["model"], facts.get("maps")
        arrays = read_arrays(path.with_name(maps)) if maps else {}
        _require_own(path, facts)
        return SessionFile(
            source=_found(path, facts),
            lazy=bool(facts["lazy"]),
            load_options=_load_options(facts.get("load", {})),
            choices=facts,
            arrays=arrays,
            model_file=path.with_name(model) if model else None,
        )


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Raise any error inside as one in words about the file."""
    try:
        yield
    except (InputError, FileNotFoundError):
        raise
    except _DAMAGE as error:
        raise InputError(
            f"Expected a session file written by stemwidgets, but {path.name} lacks a part or has "
            f"a wrong one ({error}). Save the session again."
        ) from error


def _require_format(facts: Any, path: Path) -> None:
    name, _, version = str(facts.get("format") if isinstance(facts, dict) else "").rpartition(" ")
    if name != NAME or not version.isdigit():
        raise InputError(
            f"Expected a session file written by stemwidgets, got something else in {path.name}. "
            "Save the session again."
        )
    if int(version) > VERSION:
        raise InputError(
            f"The session file {path.name} was written by a newer stemwidgets: its format is "
            f"{version}, this one reads up to {VERSION}. Update stemwidgets to open it."
        )


def _require_own(path: Path, facts: dict[str, Any]) -> None:
    """Refuse files that were not saved together with the session."""
    for name, digest in facts.get("digests", {}).items():
        file = path.with_name(facts[name])
        if not file.is_file():
            raise FileNotFoundError(
                f"There is no file {file}, which holds the {name} of the session {path.name}; put "
                "it back."
            )
        if _digest(file) != digest:
            raise InputError(
                f"Expected the {name} that {path.name} was saved with, but {file.name} is of "
                "another save, or damaged. Put back the file that belongs to it, or save the "
                "session again."
            )


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _require_name(path: str | Path) -> Path:
    path = Path(path).expanduser().absolute()
    if path.suffix != ".json":
        raise InputError(f"A session is kept in a file that ends in .json, got {path.name!r}.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder {path.parent} does not exist; make it first.")
    return path


def _load_options(kept: dict[str, Any]) -> dict[str, Any]:
    """Options that were kept, with tuples where JSON has lists."""
    if not kept.keys() <= OPTIONS:
        raise KeyError(f"how the scan is read: {', '.join(sorted(kept.keys() - OPTIONS))}")
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()
    }


def _found(path: Path, facts: dict[str, Any]) -> Path:
    places: list[Path] = [path.parent / facts["source from here"], Path(facts["source"])]
    for place in places:
        if place.exists():
            return Path(place).resolve()
    raise FileNotFoundError(
        f"The scan {facts['source']} of this session is not there any more; put it back, or beside "
        f"{path} as it was."
    )
