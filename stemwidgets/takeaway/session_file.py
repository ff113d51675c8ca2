"""A session as JSON, with its model in a file beside it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemwidgets.arrays import detectors
from stemwidgets.arrays.detectors import Detector
from stemwidgets.arrays.errors import InputError
from stemwidgets.takeaway.record import record

if TYPE_CHECKING:
    from stemwidgets.takeaway.snapshot import Snapshot

FORMAT = "stemwidgets session 1"
_DETECTORS = ("AnnularDetector", "DiscDetector", "SegmentDetector", "PolygonDetector")


@dataclass(frozen=True)
class Kept:
    """What a session file tells.

    Parameters
    ----------
    source : Path
        The file of the scan.
    lazy : bool
        Whether its patterns stay there.
    position : (iy, ix)
        Where one looked.
    detector : Detector or None
        The virtual detector.
    model_file : Path or None
        The file of the trained model.
    trainings : tuple of str
        How each training of it ended.
    """

    source: Path
    lazy: bool
    position: tuple[int, int]
    detector: Detector | None
    model_file: Path | None
    trainings: tuple[str, ...]


def write(snapshot: "Snapshot", path: str | Path, overwrite: bool) -> Path:
    """Write both files; see `Session.save`."""
    path = _require_name(path)
    if snapshot.source is None:
        raise InputError(
            "Expected a scan that was read from a file, which a session file names; this one came "
            "as a signal or an array. Save that with signal.save, and open the session on the file."
        )
    model_file = path.with_suffix(".rrvae") if snapshot.model is not None else None
    for file in (path, model_file):
        if file is not None and file.exists() and not overwrite:
            raise FileExistsError(
                f"{file} exists already. Choose another name, or pass overwrite=True."
            )
    facts = {
        "format": FORMAT,
        "source": str(snapshot.source),
        "source from here": os.path.relpath(snapshot.source, path.parent),
        "lazy": snapshot.lazy,
        "position": list(snapshot.position),
        "detector": _described(snapshot.detector),
        "model": model_file.name if model_file else None,
        "trainings": list(snapshot.trainings),
        "made": record(snapshot),
    }
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    if model_file is not None:
        snapshot.model.save(model_file)
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def read(path: str | Path) -> Kept:
    """Read a session file; see `Session.open`."""
    path = Path(path).expanduser().absolute()
    if not path.is_file():
        raise FileNotFoundError(f"There is no session file {path}; check the name and the folder.")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(facts, dict) or facts.get("format") != FORMAT:
            raise InputError(
                f"Expected a session file of the format {FORMAT!r}, got something else in "
                f"{path.name}. Save the session again."
            )
        iy, ix = facts["position"]
        model, detector = facts["model"], facts["detector"]
        return Kept(
            source=_found(path, facts),
            lazy=bool(facts["lazy"]),
            position=(int(iy), int(ix)),
            detector=_made(detector) if detector else None,
            model_file=path.with_name(model) if model else None,
            trainings=tuple(str(end) for end in facts["trainings"]),
        )
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"Expected a session file written by stemwidgets, but {path.name} lacks a part or has "
            f"a wrong one ({error}). Save the session again."
        ) from error


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


def _described(detector: Any) -> dict[str, Any] | None:
    if detector is None:
        return None
    kind = type(detector).__name__
    if kind not in _DETECTORS:
        raise InputError(
            f"Expected a detector that is a shape, got a {kind}, which a session file cannot keep. "
            "Choose another one, or none, before saving."
        )
    return {"kind": kind, **asdict(detector)}


def _made(described: dict[str, Any]) -> Detector:
    options = dict(described)
    kind = options.pop("kind")
    if kind not in _DETECTORS:
        raise ValueError(f"a detector {kind!r}")
    detector: Detector = getattr(detectors, kind)(
        **{name: _as_tuples(value) for name, value in options.items()}
    )
    return detector


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
