"""Steps that patterns go through before a training, and their effect on one pattern."""

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets
import numpy as np

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.preparation.step import PreparationStep
from stemwidgets.state.scan.preparation import Entry
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import beside, button, control, legend, lines, problem
from stemwidgets.views.parts.step_row import WORDS, StepRow, first_parameters, kind_of
from stemwidgets.views.parts.view import View, caption
from stemwidgets.views.parts.words import number, waiting_for_scan
from stemwidgets.views.pictures.painting import paint_counts, paint_difference
from stemwidgets.views.pictures.raster import Raster
from stemwidgets.views.pictures.screen import Grid

SPOILED = {
    "subtract_mean": "differences of counts have no centre of mass",
    "scale": "a background that is added pulls the centre of mass to the middle",
}
NEGATIVE = 0.1  # of the highest value: more than denoising leaves


class PreparationPanel(View):
    """A list of steps to reorder, switch off and remove, and a pattern before and after them.

    Both pictures show the pattern at the session's position on the detector as it was recorded;
    grey is left out by the steps. A training learns through the steps that are ticked; the COM
    is always that of the recorded counts.

    Parameters
    ----------
    session : Session
        Session whose `preparation` it edits and shows.
    size : int
        Longer side of a pattern on screen [CSS px].

    Examples
    --------
    >>> sw.PreparationPanel(session)
    """

    def __init__(self, session: ScanSession, size: int = 276, **unknown: Any) -> None:
        super().__init__(session, unknown)
        frame = Grid(session.scan.axes.ky, session.scan.axes.kx).frame(size, ("ky", "kx"))
        self._before, self._after = Raster(frame), Raster(frame)
        self._legends = [legend() for _ in range(2)]
        options = [(words, name) for name, words in WORDS.items()]
        self._choice = control(ipywidgets.Dropdown, "step", 306, 40, options=options)
        self._button = button("Add", 84, button_style="primary")
        self._rows: list[StepRow] = []
        self._list = ipywidgets.VBox()
        self._status, self._code = ipywidgets.HTML(), ipywidgets.HTML()
        self._fixed: dict[str, Any] = {
            "step": self._choice,
            "add": self._button,
            "list": self._list,
            "status": self._status,
            "code": self._code,
            "before": self._before.figure,
            "after": self._after.figure,
            "before_legend": self._legends[0],
            "after_legend": self._legends[1],
        }
        self._arrange()
        self.press(self._button, self._add)
        preparation = session.preparation
        self.look(self._draw_list, "entries", at=preparation)
        self.look(self._draw_words, "entries", "status", "problem", "preview", at=preparation)
        self.look(self._draw_before, "shown", "problem")
        self.look(self._draw_after, "pattern", "status", at=preparation)
        for draw in (self._draw_list, self._draw_words, self._draw_before, self._draw_after):
            draw()

    def _arrange(self) -> None:
        pictures = (
            ipywidgets.VBox([caption(words), raster.figure, below], layout={"width": "320px"})
            for words, raster, below in (
                ("pattern as recorded", self._before, self._legends[0]),
                ("after the steps", self._after, self._legends[1]),
            )
        )
        self.layout.width = "656px"
        adding = ipywidgets.HBox([self._choice, self._button])
        parts = [adding, self._list, self._status, beside(*pictures), self._code]
        self.fill(caption("preparation for the training"), *parts)

    def _add(self) -> None:
        name, preparation = self._choice.value, self.session.preparation
        preparation.add(name, **first_parameters(name, self.session.scan.shape[2:]))
        if name == "mask":  # its pixels are those of the detector, before any step
            preparation.move(len(preparation.entries) - 1, -len(preparation.entries))

    def _draw_list(self) -> None:
        """Keep the rows whose step is of the same kind; make others anew."""
        entries: tuple[Entry, ...] = self.session.preparation.entries
        if [kind_of(entry.step) for entry in entries] != [row.kind for row in self._rows]:
            self._rows = [self._row(index, entry.step) for index, entry in enumerate(entries)]
            self._list.children = [row.box for row in self._rows]
        for index, (row, entry) in enumerate(zip(self._rows, entries, strict=True)):
            row.show(entry, first=index == 0, last=index == len(entries) - 1)
        rows = enumerate(self._rows, start=1)
        named = {f"{name} {n}": part for n, row in rows for name, part in row.parts.items()}
        self.parts = self._fixed | named

    def _row(self, index: int, step: PreparationStep) -> StepRow:
        row, preparation = StepRow(step), self.session.preparation

        def act(*arguments: Any) -> Callable[[], None]:
            method, *rest = arguments
            return lambda: method(index, *rest)

        self.listen(row.parts["on"], lambda: preparation.switch(index, row.parts["on"].value))

        def change() -> None:
            try:
                preparation.change(index, **row.parameters())
            except InputError as error:
                preparation.set_trait("problem", str(error))

        if "parameter" in row.parts:
            self.listen(row.parts["parameter"], change)
        self.press(row.parts["up"], act(preparation.move, -1))
        self.press(row.parts["down"], act(preparation.move, 1))
        self.press(row.parts["remove"], act(preparation.remove))
        return row

    def _draw_words(self) -> None:
        preparation = self.session.preparation
        recipe = preparation.recipe
        told = []
        for name in recipe.spoils_com:
            why = f"“{WORDS[name]}” spoils the COM: {SPOILED[name]}. The rrVAE refuses it as well."
            told.append(problem(why))
        if preparation.problem:
            told.append(problem(preparation.problem))
        if preparation.running:
            told.append("measuring the steps on the scan …")
        elif not recipe.steps:
            told.append("No step is taken: a training learns from the patterns as recorded.")
        elif preparation.preview is not None:
            axes = preparation.preview.axes
            size = f"Patterns of {axes.ky.size} × {axes.kx.size} pixels (ky × kx)"
            told.append(f"{size} of {number(axes.kx.scale)} {escape(axes.kx.units)} along kx.")
        self._status.value = lines("".join(f"<div>{line}</div>" for line in told))
        self._code.value = lines(
            "the same in Python<pre style='margin:2px 0;white-space:pre-wrap;font-size:14px;"
            f"user-select:all'>{escape(recipe.to_code())}</pre>"
        )

    def _draw_before(self) -> None:
        pattern = self.session.pattern
        if pattern is None:
            self._before.clear(waiting_for_scan(self.session.problem))
            return
        picture, words = paint_counts(pattern, pattern, np.sqrt, "counts, square root")
        self._before.show(picture)
        self._legends[0].value = words

    def _draw_after(self) -> None:
        preparation = self.session.preparation
        pattern = preparation.pattern
        if pattern is None:
            waiting = "measuring …" if preparation.running else "no step is taken"
            self._after.clear("see above" if preparation.problem else waiting)
            self._legends[1].value = ""
            return
        if -np.nanmin(pattern) > NEGATIVE * np.nanmax(pattern):
            picture, words = paint_difference(pattern, "difference")
        else:
            picture, words = paint_counts(pattern, pattern, np.sqrt, "square root")
        self._after.show(picture)
        self._legends[1].value = words
