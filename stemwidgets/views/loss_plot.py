"""The loss of the training, epoch by epoch."""

from typing import Any

import numpy as np
from bqplot import Lines

from stemwidgets.state.session import Session
from stemwidgets.views.raster import Raster
from stemwidgets.views.screen import Frame, ticks
from stemwidgets.views.view import View, caption
from stemwidgets.views.words import waiting_for

BEGINNING = 8  # one in so many epochs


class LossPlot(View):
    """Loss against epoch of the present or the last training.

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
        self.raster = Raster(frame, marks=[self._line], scales=scales)
        self.raster.figure.remove_class("stemwidgets-picture")
        self.parts = {"figure": self.raster.figure, "line": self._line}
        self.fill(caption("loss per pattern (nats)"), self.raster.figure)
        self.look(self._draw, "history", "status", at=session.training)
        self._draw()

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
