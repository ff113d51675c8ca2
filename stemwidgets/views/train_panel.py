"""Controls of a training: the model, start, pause, stop, and its progress."""

import math
from html import escape
from types import MappingProxyType
from typing import Any

import ipywidgets

from stemwidgets.arrays.errors import InputError
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import button, control
from stemwidgets.views.parts.view import View, caption
from stemwidgets.views.parts.words import duration, epochs, left, number

_SAYING = {
    "idle": "ready",
    "running": "training",
    "paused": "paused",
    "finished": "finished",
    "stopped": "stopped: what was learned so far is kept",
    "failed": "failed",
}
KINDS = {
    "harmonic": "harmonic rrVAE",
    "paper": "rrVAE of Oxley et al.",
    "vae": "VAE without rotation",
}
_NETWORKS = ("paper", "vae")
_TAKEN_BY = {"classes": ("harmonic",), "centered": _NETWORKS, "epochs": _NETWORKS}
_AUTOMATIC = ("automatic", "auto")
_WIDTH = "320px"


class TrainPanel(View):
    """Panel that trains an rrVAE on the session's scan.

    The harmonic model also asks for the number of classes, kinds of pattern with latent variables
    of their own; 1 is none. The networks of Oxley et al. also ask whether to centre the patterns,
    which they need to learn within minutes, and for the number of epochs; 0 leaves it to the scan.
    Devices are offered once it is known which there are. After a training that can go on, Resume
    becomes Continue; Train always begins a new model.

    Parameters
    ----------
    session : Session
        Session to train on and show.
    latent_dim : int
        Latent dimensions offered first.
    seed : int
        Seed offered first.
    kind : {"harmonic", "paper", "vae"}
        Kind of model offered first.
    classes : int
        Number of classes offered first.

    Raises
    ------
    InputError
        For an unknown keyword, or a value that the rrVAE does not take.

    Examples
    --------
    >>> sw.TrainPanel(session, classes=2)
    """

    kept = ("kind", "latent_dim", "classes", "seed", "centered", "epochs")
    renamed = MappingProxyType({"model": "kind"})

    def __init__(
        self,
        session: ScanSession,
        latent_dim: int = 2,
        seed: int = 0,
        kind: str = "harmonic",
        classes: int = 1,
        **unknown: Any,
    ) -> None:
        super().__init__(session, unknown)
        self._options = _inputs(latent_dim, seed, kind, classes)
        self._buttons = {
            "train": button("Train", 72, button_style="primary"),
            "pause": button("Pause", 72),
            "resume": button("Resume", 88),  # Continue is longer
            "stop": button("Stop", 72),
        }
        self._bar = ipywidgets.FloatProgress(min=0, max=1, layout=ipywidgets.Layout(width=_WIDTH))
        self._status, problem = ipywidgets.HTML(), self.problem_line()
        self.parts = {
            **self._options,
            **self._buttons,
            "progress": self._bar,
            "status": self._status,
            "problem": problem,
        }
        self.fill(
            caption("rrVAE"),
            *self._options.values(),
            ipywidgets.HBox(list(self._buttons.values())),
            self._bar,
            self._status,
            problem,
        )
        self.layout.width = _WIDTH
        training = session.training
        self.listen(self._options["kind"], self._offer)
        self.press(self._buttons["train"], self._train)
        self.press(self._buttons["pause"], training.pause)
        self.press(self._buttons["resume"], self._resume)
        self.press(self._buttons["stop"], training.stop)
        self.look(self._draw, "entries", at=session.preparation)
        self.look(self._draw, "status", "progress", "stopping", at=training)
        self.look(self._draw, "decodable", "reading_maps", at=session.learned)
        self.look(self._offer_devices, "devices", at=training)
        self._offer_devices()
        self._offer()
        self._draw()

    def _train(self) -> None:
        if self.session.training.active:  # pressed twice before the button could change
            return
        values = {name: self._options[name].value for name in self._options if self._takes(name)}
        automatic = {"classes": 1, "device": "auto", "epochs": 0}
        chosen = {name: value for name, value in values.items() if automatic.get(name) != value}
        self.session.training.start(**chosen)

    def _resume(self) -> None:
        training = self.session.training
        (training.resume if training.active else training.go_on)()

    def _offer(self) -> None:
        """Show the options that the chosen model takes."""
        for name in _TAKEN_BY:
            self._options[name].layout.display = None if self._takes(name) else "none"

    def _takes(self, name: str) -> bool:
        return self._options["kind"].value in _TAKEN_BY.get(name, KINDS)

    def _offer_devices(self) -> None:
        choice, devices = self._options["device"], self.session.training.devices
        options = [_AUTOMATIC, *((device_words(device), device.name) for device in devices)]
        known = [name for _, name in options]
        with choice.hold_sync():
            value = choice.value
            choice.options = options
            choice.value = value if value in known else "auto"

    def _draw(self) -> None:
        training = self.session.training
        status, progress = training.status, training.progress
        going = training.active and not training.stopping
        self._buttons["train"].disabled = training.active
        self._buttons["pause"].disabled = not (going and status == "running")
        resume = self._buttons["resume"]
        resume.disabled = not ((going and status == "paused") or training.resumable)
        resume.description = "Continue" if training.resumable else "Resume"
        self._buttons["stop"].disabled = not going
        for option in self._options.values():
            option.disabled = training.active
        words = [_SAYING[status]]
        if status == "idle" and self.session.model is not None:
            words = ["a trained model is shown"]
        if training.stopping:
            step = "this step" if progress else "the preparation of the patterns"
            words = [f"stopping after {step}"]
        if progress is None or progress.read < 1:
            self._bar.value = 0.0 if progress is None else progress.read
            words += [_reading(progress)] * going
        else:
            self._bar.value = 1.0 if status == "finished" else progress.share_done
            done = str(progress.epoch) if progress.epoch else epochs(progress.passes_done)
            words.append(f"epoch {done} of {progress.epochs}")
            if training.active:
                words.append(left(progress.remaining))
            else:
                words.append(duration(progress.elapsed, digits=1))
            words.append(f"loss {number(progress.loss)}")
            if math.isfinite(training.rate):
                words.append(f"{training.rate:,.0f} patterns/s".replace(",", "\u202f"))
        self._status.value = "<br>".join(
            map(escape, [", ".join(filter(None, words)), *self._notes()])
        )

    def _notes(self) -> list[str]:
        session, progress, lines = self.session, self.session.training.progress, []
        latest = session.learned.latest
        if session.learned.reading_maps and latest is not None and latest.shown is not None:
            lines.append("The maps of all positions are being read.")
        if progress is not None and progress.notice:
            lines.append(progress.notice)
        if steps := session.preparation.recipe.steps:
            names = ", ".join(step.name for step in steps)
            lines.append(f"Train learns from prepared patterns: {names}.")
        if session.training.resumable:
            lines.append("Train begins a new model, Continue trains this one further.")
        return lines


def _reading(progress: Any) -> str:
    if progress is None:
        return "preparing the patterns"
    read = f"{progress.read:.0%} of the scan read"
    return ", ".join(filter(None, (read, left(progress.remaining))))


def device_words(device: Any) -> str:
    """A device of the training with the memory that is free on it."""
    free = "" if device.free is None else f", {device.free / 1e9:.0f} GB free"
    return f"{device.title}{free}"


def _inputs(latent_dim: int, seed: int, kind: str, classes: int) -> dict[str, Any]:
    """Controls for the options, by the names that the rrVAE gives them."""
    if kind not in KINDS:
        raise InputError(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
    choices = [(words, name) for name, words in KINDS.items()]
    return {
        "kind": control(ipywidgets.Dropdown, "model", 314, 150, options=choices, value=kind),
        "latent_dim": _number("latent_dim", latent_dim, 1, 16, "latent dimensions"),
        "classes": _number("classes", classes, 1, 16, "classes (1: none)"),
        "seed": _number("seed", seed, 0, 2**31 - 1, "seed"),
        "device": control(ipywidgets.Dropdown, "device", 314, 150, options=[_AUTOMATIC]),
        "centered": control(ipywidgets.Checkbox, "centre the patterns", 314, 150, value=True),
        "epochs": _number("epochs", 0, 0, 10**6, "epochs (0: auto)"),
    }


def _number(name: str, value: int, low: int, high: int, words: str) -> ipywidgets.BoundedIntText:
    if not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"{name} is a whole number from {low} to {high}, not {value!r}")
    limits = {"min": low, "max": high}
    return control(ipywidgets.BoundedIntText, words, 230, 150, value=value, **limits)
