"""Choices and results of a session: values that fit into JSON, and arrays beside them."""

import json
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays import detectors
from stemwidgets.arrays.calibration.vacuum import InVacuum
from stemwidgets.arrays.detectors import Detector, PixelDetector
from stemwidgets.arrays.disc.find import Disc, given_disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.preparation.recipe import Recipe
from stemwidgets.arrays.scan_report.choose_limit import AUTO
from stemwidgets.rrvae.common.records import Encoding
from stemwidgets.state.scan.decomposition import Parts, named
from stemwidgets.state.scan.preparation import Entry
from stemwidgets.state.session import ScanSession
from stemwidgets.views.pictures.display import Display

Choices = dict[str, Any]
Arrays = dict[str, NDArray[Any]]

_SHAPES = ("AnnularDetector", "DiscDetector", "SegmentDetector", "PolygonDetector")
_PLACE = ("position", "views", "with neighbours")  # choices that alone are not worth a file
_DETECTOR, _REGION, _ENCODING = "detector", "region", "encoding."


def taken(session: ScanSession, views: Choices) -> tuple[Choices, Arrays]:
    """Everything that is chosen and shown, but the model."""
    arrays: Arrays = {}
    detector = session.detector
    if isinstance(detector, PixelDetector):
        arrays[_DETECTOR] = detector.weights
    if session.selection.region is not None and session.selection.outline is None:
        arrays[_REGION] = session.selection.region
    for index, parts in enumerate(session.decomposition.shown):
        arrays[f"parts.{index}.patterns"] = parts.patterns
        arrays[f"parts.{index}.maps"] = np.stack([c.values for c in parts.channels], axis=-1)
    calibration = session.calibration
    choices = {
        "position": list(session.position),
        "detector": _described(detector),
        "leave out": session.scan.leave_out,
        "take off": session.scan.take_off,
        "band limit": session.band_limit,
        "with neighbours": session.limiting.wanted,
        "vacuum": None if session.scan.in_vacuum is None else asdict(session.scan.in_vacuum),
        "outline": session.selection.outline,
        "line": session.selection.line,
        "preparation": [_entry(entry) for entry in session.preparation.entries],
        "disc": None if session.beam.given is None else asdict(session.beam.given),
        "calibration": None if calibration.found is None else _calibration(session),
        "decomposition": [_parts(parts) for parts in session.decomposition.shown],
        "trainings": session.training.endings,
        "history": session.training.history,
        "exact": session.learned.encoding is not None,
        "views": views,
    }
    latest = session.learned.latest
    if session.model is not None and latest is not None and latest.shown is None:
        arrays |= _encoding_arrays(latest)
    return choices, arrays


def restore(session: ScanSession, choices: Choices, arrays: Arrays, model: Any) -> None:
    """Restore what `taken` returned; what is missing is as it is at first.

    Raises
    ------
    InputError, KeyError, TypeError, ValueError
        If something is wrong with it, or a training runs.
    """
    if model is None:
        session.learned.forget()
    else:
        session.learned.adopt(
            model.lie_on(session.scan.shape[2:]),
            _encoding(arrays),
            tuple(map(str, choices.get("trainings", ()))),
            tuple((epoch, loss) for epoch, loss in choices.get("history", ())),
            bool(choices.get("exact", True)),
        )
    session.scan.leave_out = bool(choices.get("leave out", True))
    session.scan.take_off = bool(choices.get("take off", True))
    session.band_limit = choices.get("band limit", AUTO)
    if choices.get("with neighbours"):
        session.limiting.ask()
    session.vacuum.restore(_in_vacuum(choices.get("vacuum")))
    disc = choices.get("disc")
    session.beam.given = None if disc is None else _disc(disc, session.scan.shape[2:])
    _restore_calibration(session, choices.get("calibration"))
    _restore_parts(session, choices, arrays)
    _restore_place(session, choices, arrays)


def displays(views: Choices) -> dict[str, Display]:
    """Display of each channel on a page; if a channel has several maps the first counts."""
    found: dict[str, Display] = {}
    for chosen in views.values():
        for shown in (chosen, *chosen.get("maps", ())):
            if "channel" in shown and "display" in shown and not shown.get("fourier"):
                found.setdefault(shown["channel"], Display(**shown["display"]))
    return found


def _restore_calibration(session: ScanSession, recorded: dict[str, Any] | None) -> None:
    calibration = session.calibration
    calibration.restore(_measured(recorded))
    if recorded is not None:
        calibration.semi_angle, calibration.given = recorded["semi_angle"], recorded["given"]
        calibration.rotation, calibration.applied = recorded["rotation"], recorded["applied"]


def _restore_parts(session: ScanSession, choices: Choices, arrays: Arrays) -> None:
    session.preparation.entries = tuple(
        Entry(_recipe([_step(entry)]).steps[0], bool(entry["on"]))
        for entry in choices.get("preparation", ())
    )
    session.decomposition.restore(
        tuple(
            named(
                parts["method"],
                tuple(parts["names"]),
                arrays[f"parts.{index}.patterns"],
                tuple(parts["shares"]),
                arrays[f"parts.{index}.maps"],
            )
            for index, parts in enumerate(choices.get("decomposition", ()))
        )
    )


def _restore_place(session: ScanSession, choices: Choices, arrays: Arrays) -> None:
    session.position = tuple(choices.get("position", (0, 0)))
    session.detector = _detector(choices.get("detector"), arrays)
    outline, region = choices.get("outline"), arrays.get(_REGION)
    session.selection.outline = outline
    if outline is None:
        session.selection.region = region
    session.selection.line = choices.get("line")


def _encoding_arrays(encoding: Encoding) -> Arrays:
    """The maps of a model by the names that `_encoding` looks for."""
    values = {field.name: getattr(encoding, field.name) for field in fields(encoding)}
    return {
        _ENCODING + name: np.asarray(value) for name, value in values.items() if value is not None
    }


def without_place(choices: Choices) -> Choices:
    """Choices without those that alone are not worth a file."""
    return {name: value for name, value in choices.items() if name not in _PLACE}


def without_encoding(arrays: Arrays) -> Arrays:
    """Arrays without the maps of a model."""
    return {name: values for name, values in arrays.items() if not name.startswith(_ENCODING)}


def _encoding(arrays: Arrays) -> Encoding | None:
    """The maps of a model, if they are there."""
    parts: dict[str, Any] = {
        name.removeprefix(_ENCODING): values
        for name, values in arrays.items()
        if name.startswith(_ENCODING)
    }
    return Encoding(**{**parts, "fold": int(parts["fold"])}) if parts else None


def _calibration(session: ScanSession) -> dict[str, Any]:
    from stemwidgets.signals.calibration.record import Calibration

    calibration = session.calibration
    found = calibration.found
    assert found is not None
    record = Calibration(
        found.scan_rotation,
        found.descan,
        found.disc,
        found.scale,
        pattern_shape=session.scan.shape[2:],
        beam_energy=session.scan.beam_energy,
        title=session.scan.title,
    )
    return {
        "record": json.loads(record.to_json()),
        "rotation": calibration.rotation,
        "given": calibration.given,
        "semi_angle": calibration.semi_angle,
        "applied": calibration.applied,
    }


def _measured(recorded: dict[str, Any] | None) -> Any:
    from stemwidgets.signals.calibration.record import Calibration

    if recorded is None:
        return None
    return Calibration.from_json(json.dumps(recorded["record"])).measured


def _in_vacuum(recorded: dict[str, Any] | None) -> InVacuum | None:
    from stemwidgets.signals.io.records import from_json_values

    return None if recorded is None else from_json_values(InVacuum, recorded)


def _disc(recorded: dict[str, Any], shape: tuple[int, int]) -> Disc:
    return given_disc((tuple(recorded["center"]), recorded["radius"]), shape)


def _entry(entry: Entry) -> dict[str, Any]:
    (step,) = json.loads(Recipe((entry.step,)).to_json())["steps"]
    return {**step, "on": entry.on}


def _step(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "on"}


def _recipe(steps: list[dict[str, Any]]) -> Recipe:
    written = json.loads(Recipe().to_json())
    return Recipe.from_json(json.dumps({**written, "steps": steps}))


def _parts(parts: Parts) -> dict[str, Any]:
    return {"method": parts.method, "names": parts.names, "shares": parts.shares}


def _described(detector: Any) -> dict[str, Any] | None:
    if detector is None:
        return None
    kind = type(detector).__name__
    if isinstance(detector, PixelDetector):
        return {"kind": kind}
    if kind not in _SHAPES:
        raise InputError(
            f"Expected a detector of stemwidgets, got a {kind}, which a session file cannot keep. "
            "Choose another one, or none, before saving."
        )
    return {"kind": kind, **asdict(detector)}


def _detector(described: dict[str, Any] | None, arrays: Arrays) -> Detector | None:
    if not described:
        return None
    options = dict(described)
    kind = options.pop("kind")
    if kind == PixelDetector.__name__:
        return PixelDetector(arrays[_DETECTOR])
    if kind not in _SHAPES:
        raise ValueError(f"a detector {kind!r}")
    detector: Detector = getattr(detectors, kind)(
        **{name: _as_tuples(value) for name, value in options.items()}
    )
    return detector


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
