"""The controls of a training: what to learn, go, hold, stop, and how far it is."""

from html import escape
from typing import Any

import ipywidgets

from stemwidgets.arrays.errors import InputError
from stemwidgets.state.session import Session
from stemwidgets.views.view import View, caption
from stemwidgets.views.words import duration, number

_SAYING = {
    "idle": "ready",
    "running": "training",
    "paused": "paused",
    "finished": "finished",
    "stopped": "stopped: what was learned so far is kept",
    "failed": "failed",
}


class TrainPanel(View):
    """Trains an rrVAE on the session's scan.

    Parameters
    ----------
    session : Session
        What it trains on and shows.
    latent_dim : int
        Latent dimensions offered first.
    seed : int
        Seed offered first.

    Raises
    ------
    InputError
        For an unknown keyword, or a number that the rrVAE does not take.
    """

    def __init__(
        self, session: Session, latent_dim: int = 2, seed: int = 0, **unknown: Any
    ) -> None:
        super().__init__(session, unknown)
        for name, value, low, high in (
            ("latent_dim", latent_dim, 1, 16),
            ("seed", seed, 0, 2**31 - 1),
        ):
            if not isinstance(value, int) or not low <= value <= high:
                raise InputError(f"{name} is a whole number from {low} to {high}, not {value!r}")
        narrow = ipywidgets.Layout(width="230px")
        style = {"description_width": "150px"}
        self._latent_dim = ipywidgets.BoundedIntText(
            value=latent_dim,
            min=1,
            max=16,
            description="latent dimensions",
            layout=narrow,
            style=style,
        )
        self._seed = ipywidgets.BoundedIntText(
            value=seed, min=0, max=2**31 - 1, description="seed", layout=narrow, style=style
        )
        self._buttons = {
            "train": ipywidgets.Button(description="Train", button_style="primary"),
            "pause": ipywidgets.Button(description="Pause"),
            "resume": ipywidgets.Button(description="Resume"),
            "stop": ipywidgets.Button(description="Stop"),
        }
        for button in self._buttons.values():
            button.layout.width = "84px"
        self._bar = ipywidgets.FloatProgress(min=0, max=1, layout=ipywidgets.Layout(width="346px"))
        self._status, problem = ipywidgets.HTML(), self.problem_line()
        self.parts = {
            "latent_dim": self._latent_dim,
            "seed": self._seed,
            **self._buttons,
            "progress": self._bar,
            "status": self._status,
            "problem": problem,
        }
        self.fill(
            caption("rrVAE"),
            self._latent_dim,
            self._seed,
            ipywidgets.HBox(list(self._buttons.values())),
            self._bar,
            self._status,
            problem,
        )
        self.layout.width = "346px"
        training = session.training
        self.press(self._buttons["train"], self._train)
        self.press(self._buttons["pause"], training.pause)
        self.press(self._buttons["resume"], training.resume)
        self.press(self._buttons["stop"], training.stop)
        self.look(self._draw, "status", "progress", "stopping", at=training)
        self._draw()

    def _train(self) -> None:
        self.session.training.start(latent_dim=self._latent_dim.value, seed=self._seed.value)

    def _draw(self) -> None:
        training = self.session.training
        status, progress = training.status, training.progress
        going = training.active and not training.stopping
        self._buttons["train"].disabled = training.active
        self._buttons["pause"].disabled = not (going and status == "running")
        self._buttons["resume"].disabled = not (going and status == "paused")
        self._buttons["stop"].disabled = not going
        self._latent_dim.disabled = self._seed.disabled = training.active
        words = [_SAYING[status]]
        if training.stopping:
            step = "this step" if progress else "the preparation of the patterns"
            words = [f"stopping after {step}"]
        if progress is None:
            self._bar.value = 0.0
            words += ["preparing the patterns"] * going
        else:
            self._bar.value = 1.0 if status == "finished" else progress.epoch / progress.epochs
            words.append(f"epoch {progress.epoch} of {progress.epochs}")
            if training.active:
                words.append(f"{duration(progress.remaining)} left")
            else:
                words.append(f"{duration(progress.elapsed)}")
            words.append(f"loss {number(progress.loss)}")
        self._status.value = escape(", ".join(words))
