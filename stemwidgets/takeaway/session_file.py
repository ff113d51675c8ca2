"""A session as JSON, with its model and its maps in files beside it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import TraitError

from stemwidgets.arrays.errors import InputError
from stemwidgets.takeaway.choices import Arrays, Choices
from stemwidgets.takeaway.files import read_arrays, write_arrays, write_json
from stemwidgets.takeaway.record import record

if TYPE_CHECKING:
    from stemwidgets.takeaway.snapshot import Snapshot

NAME, VERSION = "stemwidgets session", 2
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
class Kept:
    """What a session file tells.

    Parameters
    ----------
    source : Path
        The file of the scan.
    lazy : bool
        Whether its patterns stay there.
    choices : dict
        What was chosen, see `stemwidgets.takeaway.choices`.
    arrays : dict of str to ndarray
        What goes with it.
    model_file : Path or None
        The file of the trained model.
    """

    source: Path
    lazy: bool
    choices: Choices
    arrays: Arrays
    model_file: Path | None


def write(
    snapshot: "Snapshot", choices: Choices, arrays: Arrays, path: str | Path, overwrite: bool
) -> Path:
    """Write all files; see `Session.save`."""
    path = _require_name(path)
    if snapshot.source is None:
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
        "source": str(snapshot.source),
        "source from here": os.path.relpath(snapshot.source, path.parent),
        "lazy": snapshot.lazy,
        "model": model_file.name if model_file else None,
        "maps": maps_file.name if maps_file else None,
        **choices,
        "made": record(snapshot),
    }
    if model_file is not None:
        snapshot.model.save(model_file)
    if maps_file is not None:
        write_arrays(maps_file, arrays)
    write_json(path, facts)
    return path


def read(path: str | Path) -> Kept:
    """Read a session file, of this format or an older one; see `Session.open`."""
    path = Path(path).expanduser().absolute()
    if not path.is_file():
        raise FileNotFoundError(f"There is no session file {path}; check the name and the folder.")
    with refused(path):
        facts = json.loads(path.read_text(encoding="utf-8"))
        _require_format(facts, path)
        facts["position"], facts["detector"], facts["trainings"]  # of every format
        model, maps = facts["model"], facts.get("maps")
        return Kept(
            source=_found(path, facts),
            lazy=bool(facts["lazy"]),
            choices=facts,
            arrays=read_arrays(path.with_name(maps)) if maps else {},
            model_file=path.with_name(model) if model else None,
        )


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Say of a file in words that something is wrong with it, whatever goes wrong meanwhile."""
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


def _require_name(path: str | Path) -> Path:
    path = Path(path).expanduser().absolute()
    if path.suffix != ".json":
        raise InputError(f"A session is kept in a file that ends in .json, got {path.name!r}.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder {path.parent} does not exist; make it first.")
    return path


def _found(path: Path, facts: dict[str, Any]) -> Path:
    places: list[Path] = [path.parent / facts["source from here"], Path(facts["source"])]
    for place in places:
        if place.exists():
            return Path(place).resolve()
    raise FileNotFoundError(
        f"The scan {facts['source']} of this session is not there any more; put it back, or beside "
        f"{path} as it was."
    )
