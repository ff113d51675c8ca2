"""The loss of the training, epoch by epoch."""

from typing import Any

import ipywidgets
from bqplot import Axis, Figure, LinearScale, Lines

from stemwidgets.state.session import Session
from stemwidgets.views.screen import MARGIN
from stemwidgets.views.view import View, caption


class LossPlot(View):
    """Loss against epoch of the present or the last training.

    Parameters
    ----------
    session : Session
        What it shows.
    width, height : int
        Size of the figure on screen [CSS px].

    Raises
    ------
    InputError
        For an unknown keyword.
    """

    def __init__(
        self, session: Session, width: int = 360, height: int = 260, **unknown: Any
    ) -> None:
        super().__init__(session, unknown)
        scales = {"x": LinearScale(min=0.0), "y": LinearScale()}
        self._line = Lines(x=[0, 1], y=[0, 0], scales=scales, colors=["#1565c0"], visible=False)
        axes = [
            Axis(label="epoch", scale=scales["x"], num_ticks=5, grid_lines="none"),
            Axis(
                label="loss (nats per pattern)",
                scale=scales["y"],
                orientation="vertical",
                num_ticks=5,
                grid_lines="none",
                label_offset="58px",
            ),
        ]
        figure = Figure(
            marks=[self._line],
            axes=axes,
            fig_margin=MARGIN | {"left": 76},
            animation_duration=0,
            display_toolbar=False,
            layout=ipywidgets.Layout(
                width=f"{width}px", height=f"{height}px", min_width=f"{width}px"
            ),
        )
        self.parts = {"figure": figure, "line": self._line}
        self.fill(caption("training"), figure)
        self.look(self._draw, "history", at=session.training)
        self._draw()

    def _draw(self) -> None:
        history = self.session.training.history
        with self._line.hold_sync():
            if len(history) > 1:
                self._line.x, self._line.y = zip(*history, strict=True)
            self._line.visible = len(history) > 1
