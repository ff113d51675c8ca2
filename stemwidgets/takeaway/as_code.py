"""A session as the Python cell that makes its maps without a screen."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemwidgets.arrays.detectors import MaskDetector
from stemwidgets.state.channels import CLUSTERS, DECOMPOSITIONS, is_component

if TYPE_CHECKING:
    from stemwidgets.takeaway.snapshot import Snapshot


def code(snapshot: "Snapshot") -> str:
    """Python that makes the maps of a session anew, to the last bit on the same machine."""
    parts = ["import stemwidgets as sw", "", _scan(snapshot), *_center_of_mass(snapshot)]
    if isinstance(snapshot.detector, MaskDetector):
        parts.append("# the virtual image of a mask is not in here: it needs the mask")
    elif snapshot.detector is not None:
        parts.append(f"image = sw.virtual_image(signal, sw.{snapshot.detector!r})")
    for method in DECOMPOSITIONS:
        count = sum(is_component(name, method) for name in snapshot.channels)
        if count:
            name = method.lower()
            parts.append(f"{name} = sw.{name}(signal, components={count})")
    if CLUSTERS in snapshot.channels:
        parts.append("# the clusters are not in here: see stemwidgets.cluster")
    if snapshot.model is not None:
        parts += [_model(snapshot), "maps = model.encode(signal)"]
        if snapshot.model.turning:
            parts.append("print(sw.compare_angles(maps.angle, com.angle, com.magnitude))")
    return "\n".join(parts) + "\n"


def settings(model: Any) -> dict[str, Any]:
    """The keywords that make such a model, less those that are as they always are."""
    options = {
        option.name: getattr(model.options, option.name)
        for option in fields(model.options)
        if getattr(model.options, option.name) != option.default
    }
    chosen = {**options, "model": model.model, "device": str(model.device)}
    if model.preparation is not None:
        chosen["preparation"] = model.preparation.to_json()
    return chosen


def fits(trainings: tuple[str, ...]) -> int | None:
    """How many calls of ``fit`` make the same model; None if no number does.

    A training that was stopped and then completed is as if it had never been stopped.
    """
    if not trainings or trainings[-1] != "finished" or "failed" in trainings:
        return None
    return trainings.count("finished")


def _scan(snapshot: "Snapshot") -> str:
    if snapshot.source is not None:
        lazy = ", lazy=True" if snapshot.lazy else ""
        return f"signal = sw.load({str(snapshot.source)!r}{lazy})"
    words = [" × ".join(str(size) for size in snapshot.data.shape)]
    if snapshot.title:
        words.insert(0, repr(snapshot.title))
    if snapshot.read_from is not None:
        words.append(f"once read from {str(snapshot.read_from)!r}")
    return f"# put the scan here: {', '.join(words)}\nsignal = ..."


def _center_of_mass(snapshot: "Snapshot") -> list[str]:
    rotation = snapshot.scan_rotation
    if rotation is None:
        return ["com = sw.center_of_mass(signal)"]
    words = f"rotation={rotation.angle!r}, handedness={rotation.handedness!r}"
    scan = "signal"
    if snapshot.semi_angle:
        words, scan = f"semi_angle={snapshot.semi_angle!r}, {words}", "calibration.apply(signal)"
    return [
        f"calibration = sw.calibrate(signal, {words})",
        f"com = calibration.apply(sw.center_of_mass({scan}))",
    ]


def _model(snapshot: "Snapshot") -> str:
    model, count = snapshot.model, fits(snapshot.trainings)
    if count is None:
        file: Path | str = snapshot.model_file or "model.rrvae"
        why = "the training was stopped by hand" if snapshot.trainings else "trained before"
        where = "" if snapshot.model_file else "; Export writes this file"
        return f"# {why}{where}\nmodel = sw.RRVAE.load({str(file)!r}, device={str(model.device)!r})"
    words = ", ".join(f"{name}={value!r}" for name, value in settings(model).items())
    return "\n".join([f"model = sw.RRVAE({words})"] + ["model.fit(signal)"] * count)
