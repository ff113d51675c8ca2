"""The loss of the training, epoch by epoch, and the way back to its earlier moments."""

from typing import Any

import ipywidgets
import numpy as np
from bqplot import Lines

from stemwidgets.state.moments import Moment
from stemwidgets.state.session import Session
from stemwidgets.views.raster import Raster
from stemwidgets.views.screen import Frame, ticks
from stemwidgets.views.view import View, caption
from stemwidgets.views.words import waiting_for

LATEST = "the latest"
BEGINNING = 8  # one in so many epochs


class LossPlot(View):
    """Loss against epoch of the present or the last training.

    A slider below it shows the maps of an earlier moment everywhere, and those of the latest again.

    Parameters
    ----------
    session : Session
        What it shows.
    width, height : int
        Size of the plot on screen, without margins [CSS px].

    Raises
    ------
    InputError
        For an unknown keyword.
    """

    def __init__(
        self, session: Session, width: int = 280, height: int = 150, **unknown: Any
    ) -> None:
        super().__init__(session, unknown)
        frame = Frame(0, 1, 1, 0, width, height, "epoch", "loss")
        scales = frame.scales()
        self._line = Lines(
            x=[0, 1], y=[0, 0], scales=scales, colors=["#1565c0"], stroke_width=1.5, visible=False
        )
        self._then = Lines(
            x=[0, 0],
            y=[0, 1],
            scales=scales,
            colors=["#8a8a8a"],
            line_style="dashed",
            visible=False,
        )
        self.raster = Raster(frame, marks=[self._line, self._then], scales=scales)
        self.raster.figure.remove_class("stemwidgets-picture")
        self._choice = ipywidgets.IntSlider(
            min=0,
            max=1,
            description="maps of",
            readout=False,
            layout=ipywidgets.Layout(width="230px"),
            style={"description_width": "60px"},
        )
        self._words = ipywidgets.HTML()
        self._row = ipywidgets.HBox([self._choice, self._words])
        self.parts = {
            "figure": self.raster.figure,
            "line": self._line,
            "moment": self._choice,
            "moment_words": self._words,
        }
        self.fill(caption("loss per pattern (nats)"), self.raster.figure, self._row)
        self._offered: tuple[Moment | None, ...] = (None,)
        self.listen(self._choice, self._choose)
        self.look(self._offer, "moments", at=session.training)
        self.look(self._offer, "moment")
        self.look(self._draw, "history", "status", at=session.training)
        self._offer()
        self._draw()

    def _choose(self) -> None:
        self.session.moment = self._offered[min(self._choice.value, len(self._offered) - 1)]

    def _offer(self) -> None:
        shown = self.session.moment
        earlier = list(self.session.training.moments[:-1])
        if shown is not None and shown not in earlier:
            earlier = sorted([*earlier, shown], key=lambda moment: moment.epoch)
        self._offered = (*earlier, None)
        with self._choice.hold_sync():
            self._choice.max = max(len(earlier), 1)
            self._choice.value = self._offered.index(shown)
        self._words.value = LATEST if shown is None else f"epoch {shown.epoch}"
        self._row.layout.display = None if earlier else "none"
        self._mark()

    def _mark(self) -> None:
        shown, frame = self.session.moment, self.raster.frame
        with self._then.hold_sync():
            self._then.visible = shown is not None
            if shown is not None:
                self._then.x, self._then.y = [shown.epoch] * 2, [frame.bottom, frame.top]

    def _draw(self) -> None:
        history = self.session.training.history
        if len(history) < 2:
            self._line.visible = False
            self.raster.clear(waiting_for(self.session.training.active))
            return
        epochs, losses = np.array(history, dtype=float).T
        self.raster.clear()
        self.raster.move_to(self._frame(epochs, losses))
        with self._line.hold_sync():
            self._line.x, self._line.y = epochs, losses
            self._line.visible = True
        self._mark()

    def _frame(self, epochs: np.ndarray, losses: np.ndarray) -> Frame:
        later = losses[len(losses) // BEGINNING :]  # the fall from ignorance would hide the rest
        low, high = np.nanmin(losses), np.nanmax(later)
        old = self.raster.frame
        marks = ticks(low, high, old.height // 50)
        step = marks[1] - marks[0] if len(marks) > 1 else max(high - low, 1.0)
        return Frame(
            left=0.0,
            right=float(epochs[-1]),
            top=float(high + 0.05 * step),
            bottom=float(np.floor(low / step) * step),
            width=old.width,
            height=old.height,
            x_label=old.x_label,
            y_label=old.y_label,
        )
