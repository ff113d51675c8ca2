"""A session as the Python cell that makes its maps without a screen."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.detectors import PixelDetector
from stemwidgets.export.snapshot import Snapshot
from stemwidgets.state.channels import BAND_LIMITED, CLUSTERS


def code(snapshot: Snapshot) -> str:
    """Write Python that makes the maps of a session anew, to the last bit on the same machine."""
    told, keep = _left_out(snapshot), _keep(snapshot)
    parts = ["import stemwidgets as sw", "", _scan(snapshot), *told, *_descan(snapshot)]
    parts += _center_of_mass(snapshot)
    if isinstance(snapshot.detector, PixelDetector):
        parts.append("# the image of a PixelDetector is not in here: it needs the weights")
    elif snapshot.detector is not None:
        keeping = keep + _followed(snapshot)
        parts.append(f"image = sw.virtual_image(signal, sw.{snapshot.detector!r}{keeping})")
    for found in snapshot.decompositions:
        if found.family == CLUSTERS:
            parts.append("# the clusters are not in here: see stemwidgets.cluster")
        else:
            name, count = found.method.lower(), len(found.names)
            parts.append(f"{name} = sw.{name}(signal, n_components={count}{keep})")
    if snapshot.model is not None:
        parts += [_model(snapshot), f"maps = model.encode(signal{_taken_off(snapshot)})"]
        if snapshot.model.turning:
            for com in ("com", *(["limited"] if _limited(snapshot) else [])):
                parts.append(f"print(sw.compare_angles(maps.angle, {com}.angle, com.magnitude))")
    return "\n".join(parts) + "\n"


def _left_out(snapshot: Snapshot) -> list[str]:
    """Comment on what every function leaves out by itself."""
    found = snapshot.left_out
    if found is None or not found.words:
        return []
    words = found.words if snapshot.leave_out else found.saturation_words
    return [f"# {words}"] if words else []


def _keep(snapshot: Snapshot) -> str:
    """The argument of functions that leave nothing out."""
    return "" if snapshot.leave_out else ", faulty=None"


def _descan(snapshot: Snapshot) -> list[str]:
    """Lines with the descan that is taken off, in numbers."""
    found = snapshot.descan
    if found is None:
        return []
    told = found.words if snapshot.in_vacuum is None else snapshot.in_vacuum.words
    if not snapshot.take_off:
        return [f"# {told} It is left in."]
    return [f"# {told} It is taken off.", f"descan = {_in_numbers(found)}"]


def _in_numbers(descan: Descan) -> str:
    words = ", ".join(f"{field.name}={getattr(descan, field.name)!r}" for field in fields(descan))
    return f"sw.Descan({words})"


def _followed(snapshot: Snapshot) -> str:
    """The argument of a virtual image whose detector follows the beam."""
    followed = snapshot.followed
    if followed is None:
        return ""
    known = followed == snapshot.descan_taken_off
    return f", descan={'descan' if known else _in_numbers(followed)}"


def _taken_off(snapshot: Snapshot) -> str:
    """The argument of models that leave the descan in, or take it as measured in vacuum."""
    if not snapshot.take_off:
        return ", descan=None"
    return "" if snapshot.in_vacuum is None else ", descan=descan"


def settings(model: Any) -> dict[str, Any]:
    """The keywords that make such a model, less those that are as they always are."""
    options = {
        option.name: getattr(model.options, option.name)
        for option in fields(model.options)
        if getattr(model.options, option.name) != option.default
    }
    chosen = {**options, "kind": model.kind, "device": str(model.device)}
    chosen |= model.limiting.settings
    if model.preparation is not None:
        chosen["preparation"] = model.preparation.to_json()
    return chosen


def fits(trainings: tuple[str, ...]) -> int | None:
    """Number of calls of ``fit`` that make the same model; None if no number does.

    A training that was stopped and then completed is as if it had never been stopped.
    """
    if not trainings or trainings[-1] != "finished" or "failed" in trainings:
        return None
    return trainings.count("finished")


def _scan(snapshot: Snapshot) -> str:
    if snapshot.origin.file is not None:
        options = {"lazy": True} if snapshot.origin.lazy else {}
        told = (
            f", {name}={value!r}"
            for name, value in {**options, **snapshot.origin.load_options}.items()
        )
        return f"signal = sw.load({str(snapshot.origin.file)!r}{''.join(told)})"
    words = [" × ".join(str(size) for size in snapshot.data.shape)]
    if snapshot.title:
        words.insert(0, repr(snapshot.title))
    if snapshot.origin.read_from is not None:
        words.append(f"once read from {str(snapshot.origin.read_from)!r}")
    return f"# put the scan here: {', '.join(words)}\nsignal = ..."


def _center_of_mass(snapshot: Snapshot) -> list[str]:
    """Lines with the calibration, the COM, and that without the noise beyond the band limit."""
    rotation, keep = snapshot.scan_rotation, _keep(snapshot)
    lines = []
    if rotation is not None:
        words = f"rotation={rotation.angle!r}, handedness={rotation.handedness!r}"
        if snapshot.disc is not None:
            words = f"disc={(snapshot.disc.center, snapshot.disc.radius)!r}, {words}"
        if snapshot.semi_angle:
            words = f"semi_angle={snapshot.semi_angle!r}, {words}"
        known = ", descan=descan" if snapshot.in_vacuum and snapshot.take_off else ""
        lines.append(f"calibration = sw.calibrate(signal, {words}{keep}{known})")
    lines.append(f"com = {_com(snapshot)}")
    if _limited(snapshot):
        chosen, limit = snapshot.chosen_limit, snapshot.band_limit
        if snapshot.semi_angle and chosen is not None and chosen.limit is not None:
            limit = chosen.limit.frequency  # which another scale of the detector does not change
        lines.append(f"limited = {_com(snapshot, f', band_limit={limit!r}')}")
    return lines


def _com(snapshot: Snapshot, limit: str = "") -> str:
    keep = _keep(snapshot)
    if snapshot.scan_rotation is None:
        descan = "" if snapshot.descan_taken_off is None else ", descan=descan"
        return f"sw.center_of_mass(signal{keep}{descan}{limit})"
    scan = "calibration.apply(signal, descan=False)" if snapshot.semi_angle else "signal"
    return f"calibration.apply(sw.center_of_mass({scan}{keep}{limit}))"


def _limited(snapshot: Snapshot) -> bool:
    """True if the session shows the COM without the noise beyond the band limit."""
    return f"COM x{BAND_LIMITED}" in snapshot.channels


def _model(snapshot: Snapshot) -> str:
    model, count, keep = snapshot.model, fits(snapshot.trainings), _keep(snapshot)
    if count is None:
        file: Path | str = snapshot.model_file or "model.rrvae"
        why = "the training was stopped by hand" if snapshot.trainings else "trained before"
        where = "" if snapshot.model_file else "; Export writes this file"
        return f"# {why}{where}\nmodel = sw.RRVAE.load({str(file)!r}, device={str(model.device)!r})"
    words = ", ".join(f"{name}={value!r}" for name, value in settings(model).items())
    fit = f"model.fit(signal{keep}{_taken_off(snapshot)})"
    return "\n".join([f"model = sw.RRVAE({words})", *[fit] * count])
