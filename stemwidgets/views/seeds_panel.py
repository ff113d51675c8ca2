"""Training of the same model from several seeds, and their agreement."""

import math
from html import escape
from typing import Any

import ipywidgets
import numpy as np

from stemwidgets.arrays.errors import InputError
from stemwidgets.state.learning.seeds import MOST, Trained
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import beside, button, control, lines, problem
from stemwidgets.views.parts.view import View, caption
from stemwidgets.views.parts.words import number

_WIDTH = "620px"
_SAYING = {"finished": "finished", "stopped": "stopped", "paused": "paused"}
_HEAD = (
    "seed",
    "loss",
    "correlation with COM angle",
    "offset from COM angle",
    "correlation with other seeds",
    "stability of z1, z2 …",
)
_HINT = "Trains one model after another; with two, every map can show the angle and latent spread."


class SeedsPanel(View):
    """Panel that trains models which differ by their seed alone, one after the other.

    They are made as the model that is shown, or as usual if there is none. The table lists for each
    seed the loss, the circular correlation with the COM angle and the offset that was removed for
    it, the mean circular correlation with the other seeds, and the share of each latent variable
    that those found too, up to a linear map. The maps "angle spread" and "latent spread" show where
    they disagree. Show makes the model of a seed the one that all views show.

    Parameters
    ----------
    session : Session
        Session whose `seeds` it runs and shows.
    count : int
        Number of seeds offered first, from 2 to 20.

    Raises
    ------
    InputError
        For an unknown keyword, or a number out of range.

    Examples
    --------
    >>> sw.SeedsPanel(session, count=3)
    """

    kept = ("count",)

    def __init__(self, session: ScanSession, count: int = 5, **unknown: Any) -> None:
        super().__init__(session, unknown)
        if not isinstance(count, int) or not 2 <= count <= MOST:
            raise InputError(f"count is a whole number from 2 to {MOST}, not {count!r}")
        self._count = _whole("number of seeds", count, 2, MOST)
        self._first = _whole("the first", 0, 0, 2**31 - 1 - MOST)
        self._buttons = {
            "start": button("Train seeds", 120, button_style="primary"),
            "pause": button("Pause", 120),
            "stop": button("Stop", 120),
        }
        self._bar = ipywidgets.FloatProgress(min=0, max=1, layout=ipywidgets.Layout(width="auto"))
        self._status, self._table = ipywidgets.HTML(), ipywidgets.HTML()
        self._choice = control(ipywidgets.Dropdown, "seed", 160, 50)
        self._show = button("Show", 120)
        self.parts = {
            "count": self._count,
            "first": self._first,
            **self._buttons,
            "progress": self._bar,
            "status": self._status,
            "table": self._table,
            "seed": self._choice,
            "show": self._show,
        }
        self._shown = ipywidgets.HBox([self._choice, self._show])
        self.layout.width = _WIDTH
        numbers = beside(self._count, self._first, gap="0")
        buttons = ipywidgets.HBox(list(self._buttons.values()))
        parts = [numbers, buttons, self._bar, self._status, self._table, self._shown]
        self.fill(caption("seeds"), *parts)
        seeds = session.seeds
        self.press(self._buttons["start"], self._start)
        self.press(self._buttons["pause"], self._pause)
        self.press(self._buttons["stop"], seeds.stop)
        self.press(self._show, lambda: seeds.show(self._choice.value))
        self.look(self._draw, "status", "share", "problem", at=seeds)
        self.look(self._draw_table, "trained", "agreement", "wanted", at=seeds)
        self.look(self._draw, "status", at=session.training)
        self._draw()
        self._draw_table()

    def _start(self) -> None:
        self.session.seeds.start(self._count.value, self._first.value)

    def _pause(self) -> None:
        seeds = self.session.seeds
        (seeds.resume if seeds.status == "paused" else seeds.pause)()

    def _draw(self) -> None:
        seeds, training = self.session.seeds, self.session.training
        self._buttons["start"].disabled = seeds.active or training.active
        self._buttons["pause"].disabled = self._buttons["stop"].disabled = not seeds.active
        self._buttons["pause"].description = "Resume" if seeds.status == "paused" else "Pause"
        self._count.disabled = self._first.disabled = seeds.active
        self._show.disabled = training.active
        self._bar.value = 1.0 if seeds.status == "finished" else seeds.share
        self._status.value = lines(self._words())

    def _words(self) -> str:
        seeds = self.session.seeds
        if seeds.problem:
            return problem(seeds.problem)
        if seeds.status == "idle":
            return _HINT
        count, done = len(seeds.wanted), len(seeds.trained)
        if seeds.active:
            held = ", paused" if seeds.status == "paused" else ""
            return f"seed {min(done + 1, count)} of {count}{held}"
        words = f"{_SAYING[seeds.status]}: {done} of {count} seeds"
        if seeds.agreement is not None:
            found = ", ".join(f"{value:.2f}" for value in seeds.agreement.latents.canonical)
            words += f"; canonical correlations of the latent spaces {found}"
        return words

    def _draw_table(self) -> None:
        trained = self.session.seeds.trained
        self._shown.layout.display = None if trained else "none"
        options = [one.seed for one in trained]
        if list(self._choice.options) != options:
            chosen = self._choice.value
            self._choice.options = options
            self._choice.value = chosen if chosen in options else next(iter(options), None)
        rows = [self._row(index, one) for index, one in enumerate(trained)]
        self._table.value = _html([_HEAD, *rows]) if rows else ""

    def _row(self, index: int, one: Trained) -> tuple[str, ...]:
        agreement, found = self.session.seeds.agreement, one.comparison
        others = stability = "–"
        if agreement is not None and index < len(agreement.latents.stability):
            pairs = np.delete(agreement.angles.correlation[index], index)
            others = _known(float(np.nanmean(pairs)) if np.isfinite(pairs).any() else math.nan)
            stability = ", ".join(map(_known, agreement.latents.stability[index]))
        offset = "–" if found is None else _degrees(found.offset)
        if found is not None and found.handedness < 0:
            offset += ", mirrored"
        loss = number(one.history[-1][1]) if one.history else "–"
        correlation = _known(math.nan if found is None else found.correlation)
        return (str(one.seed), loss, correlation, offset, others, stability)


def _known(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "–"


def _degrees(angle: float) -> str:
    return f"{round(math.degrees(angle), 1) or 0.0:.1f}°".replace("-", "−")


def _html(rows: list[tuple[str, ...]]) -> str:
    cells = "padding:2px 14px 2px 0;line-height:1.3;vertical-align:bottom"
    head, *body = (
        "".join(f"<td style='{cells}'>{escape(cell)}</td>" for cell in row) for row in rows
    )
    rest = "".join(f"<tr>{line}</tr>" for line in body)
    return f"<table><tr style='font-weight:600'>{head}</tr>{rest}</table>"


def _whole(words: str, value: int, low: int, high: int) -> ipywidgets.BoundedIntText:
    limits = {"min": low, "max": high}
    return control(ipywidgets.BoundedIntText, words, 220, 140, value=value, **limits)
