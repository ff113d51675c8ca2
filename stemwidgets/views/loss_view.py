"""Loss of the training, and the way back to the maps of earlier epochs."""

from dataclasses import replace
from typing import Any

import ipywidgets
import numpy as np

from stemwidgets.state.learning.history import MOST, SavedMaps
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import control
from stemwidgets.views.parts.view import View, caption
from stemwidgets.views.parts.words import epochs, number, waiting_for
from stemwidgets.views.pictures.raster import Raster, curve, place
from stemwidgets.views.pictures.screen import Frame, ticks

LATEST = "the latest"
# of the slider, whatever the number of saved maps: a browser echoes changes of range
END = MOST - 1
BEGINNING = 8  # one in so many points


class LossView(View):
    """Loss against epoch of the present or the last training.

    A slider below it shows the maps of an earlier epoch everywhere, and the latest again.

    Parameters
    ----------
    session : Session
        Session to show.
    width, height : int
        Size of the plot on screen, without margins [CSS px].

    Examples
    --------
    >>> sw.LossView(session)
    """

    def __init__(
        self, session: ScanSession, width: int = 280, height: int = 150, **unknown: Any
    ) -> None:
        super().__init__(session, unknown)
        frame = Frame(0, 1, 1, 0, width, height, "epoch", "loss")
        scales = frame.scales()
        self._line = curve(scales, "#1565c0", stroke_width=1.5)
        self._then = curve(scales, "#8a8a8a", line_style="dashed")
        self.raster = Raster(frame, marks=[self._line, self._then], scales=scales)
        self.raster.figure.remove_class("stemwidgets-picture")
        self._choice = control(
            ipywidgets.IntSlider, "maps of", 230, 75, value=END, max=END, readout=False
        )
        self._words = ipywidgets.HTML()
        self._row = ipywidgets.HBox([self._choice, self._words])
        self._row.layout.grid_gap = "12px"
        self.parts = {
            "figure": self.raster.figure,
            "line": self._line,
            "epoch": self._choice,
            "epoch_words": self._words,
        }
        self.fill(caption("loss per pattern (nats)"), self.raster.figure, self._row)
        self.listen(self._choice, self._choose)
        self.look(self._tell, "map_history", at=session.training)
        self.look(self._follow, "earlier_maps", at=session.learned)
        self.look(self._draw, "history", "status", at=session.training)
        self._follow()
        self._draw()

    def _offered(self) -> tuple[SavedMaps | None, ...]:
        history: tuple[SavedMaps, ...] = self.session.training.map_history
        return (*history[:-1], None)

    def _chosen(self) -> SavedMaps | None:
        offered = self._offered()
        share = float(self._choice.value) / END
        return offered[round(share * (len(offered) - 1))]

    def _choose(self) -> None:
        self.session.learned.earlier_maps = self._chosen()

    def _follow(self) -> None:
        """Put the slider at the epoch whose maps are shown."""
        shown, offered = self.session.learned.earlier_maps, self._offered()
        if shown is None:
            self._choice.value = END
        elif shown in offered and shown is not self._chosen():
            self._choice.value = round(offered.index(shown) / (len(offered) - 1) * END)
        self._tell()

    def _tell(self) -> None:
        shown = self.session.learned.earlier_maps
        self._words.value = LATEST if shown is None else f"epoch {epochs(shown.epoch)}"
        some = shown is not None or len(self._offered()) > 1
        self._row.layout.display = None if some else "none"
        self._mark()

    def _mark(self) -> None:
        shown, frame = self.session.learned.earlier_maps, self.raster.frame
        ends = None if shown is None else ([shown.epoch] * 2, [frame.bottom, frame.top])
        place(self._then, ends)

    def _draw(self) -> None:
        history = self.session.training.history
        if len(history) < 2:
            self._line.visible = False
            self.raster.clear(self._waiting())
            return
        passes, losses = np.array(history, dtype=float).T
        self.raster.clear()
        self.raster.move_to(self._frame(passes, losses))
        place(self._line, (passes, losses))
        self._mark()

    def _waiting(self) -> str:
        """Text while there is no curve yet: of one point there is only its loss."""
        training = self.session.training
        if training.history and not training.active:
            return f"one step, loss {number(training.history[0][1])}"
        return waiting_for(training.active)

    def _frame(self, passes: np.ndarray, losses: np.ndarray) -> Frame:
        later = losses[len(losses) // BEGINNING :]  # the first fall would hide the rest
        low, high = np.nanmin(losses), np.nanmax(later)
        old = self.raster.frame
        marks = ticks(low, high, old.height // 50)
        step = marks[1] - marks[0] if len(marks) > 1 else max(high - low, 1.0)
        training = self.session.training
        planned = training.progress.epochs if training.active and training.progress else 0
        # a browser draws all anew when a frame moves: not with every epoch
        return replace(
            old,
            right=float(max(passes[-1], planned)),
            top=float(np.ceil(high / step + 0.05) * step),
            bottom=float(np.floor(low / step) * step),
        )
