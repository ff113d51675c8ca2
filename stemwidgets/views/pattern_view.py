"""The diffraction pattern at the position, with its reconstruction and the virtual detector."""

from collections.abc import Callable
from typing import Any

import ipywidgets
import numpy as np
from bqplot import Lines
from numpy.typing import NDArray

from stemwidgets.state.session import Session
from stemwidgets.views import colors
from stemwidgets.views.painting import bar
from stemwidgets.views.raster import Raster
from stemwidgets.views.screen import MARGIN, Grid
from stemwidgets.views.view import View, caption

Counts = NDArray[np.floating]
Painter = Callable[[Counts, Any], colors.RGBA]

DIFFERENCE = "difference from the mean"
SCALINGS = {
    "square root": np.sqrt,
    "linear": np.positive,
    "logarithmic": np.log1p,
}


class PatternView(View):
    """The pattern at the session's position; beside it what the trained model makes of it.

    Parameters
    ----------
    session : Session
        What it shows.
    display : {"square root", "linear", "logarithmic", "difference from the mean"}
        How counts are turned into colours. The difference is that of the pattern from the scan's
        mean pattern, and that of the reconstruction from the mean of the reconstructions.
    reconstruction : bool
        Whether there is room for the reconstruction.
    size : int
        Longer side of a pattern on screen [CSS px].

    Raises
    ------
    InputError
        For an unknown keyword.
    """

    def __init__(
        self,
        session: Session,
        display: str = "square root",
        reconstruction: bool = True,
        size: int = 284,
        **unknown: Any,
    ) -> None:
        super().__init__(session, unknown)
        self._grid = Grid(session.axes.ky, session.axes.kx)
        frame = self._grid.frame(size, ("ky", "kx"))
        scales = frame.scales()
        self._rings = Lines(
            x=[[0, 0]], y=[[0, 0]], scales=scales, colors=["#39d0ff"], stroke_width=2, visible=False
        )
        self._pattern = Raster(frame, marks=[self._rings], scales=scales)
        self._reconstruction = Raster(frame) if reconstruction else None
        self._choice = ipywidgets.Dropdown(
            options=[*SCALINGS, DIFFERENCE],
            value=display,
            description="show",
            layout=ipywidgets.Layout(width="260px"),
            style={"description_width": "initial"},
        )
        self._legend = ipywidgets.HTML(layout=ipywidgets.Layout(margin="0 0 0 54px"))
        self.parts = {
            "display": self._choice,
            "figure": self._pattern.figure,
            "legend": self._legend,
        }
        pictures = [ipywidgets.VBox([caption("pattern at the position"), self._pattern.figure])]
        if self._reconstruction is not None:
            self.parts["reconstruction"] = self._reconstruction.figure
            pictures.append(
                ipywidgets.VBox([caption("rrVAE reconstruction"), self._reconstruction.figure])
            )
        row = ipywidgets.HBox(pictures)
        below = ipywidgets.HBox([self._legend, self._choice])
        for box in (row, below):
            box.layout.flex_flow, box.layout.grid_gap = "row wrap", "4px 16px"
        room = max(frame.width + MARGIN["left"] + MARGIN["right"], 354) + 4
        self.layout.width = f"{room * len(pictures) + 16 * (len(pictures) - 1)}px"
        self.fill(row, below)
        self.listen(self._choice, self._draw)
        self.look(self._draw, "pattern", "reconstruction", "mean_reconstruction", "overview")
        self.look(self._draw_rings, "detector")
        self._draw()
        self._draw_rings()

    def _draw(self) -> None:
        pattern = self.session.pattern
        if pattern is None:
            self._pattern.clear("reading the scan …")
            return
        mean = None if self.session.overview is None else self.session.overview.mean_pattern
        paint, self._legend.value = self._painter(pattern, mean)
        self._pattern.show(paint(pattern, mean))
        if self._reconstruction is None:
            return
        reconstruction, mean = self.session.reconstruction, self.session.mean_reconstruction
        if reconstruction is None:
            self._reconstruction.clear("appears after training")
        elif mean is None and self._choice.value == DIFFERENCE:
            self._reconstruction.clear("averaging …")
        else:
            self._reconstruction.show(paint(reconstruction, mean))

    def _painter(self, pattern: Counts, mean: Counts | None) -> tuple[Painter, str]:
        """What paints a pattern (and its mean) in the range of this one, and the legend."""
        display = self._choice.value
        if display == DIFFERENCE and mean is not None:
            limit = _percentile(np.abs(pattern - mean))
            legend = bar(colors.DIVERGING, -limit, limit, "counts")
            return lambda counts, mean: colors.diverging(counts - mean, limit), legend
        scale = SCALINGS.get(display, np.positive)
        high = _percentile(pattern)

        def paint(counts: Counts, _: Any) -> colors.RGBA:
            relative = np.clip(1000 * counts / high, 0, None)  # three decades in the logarithm
            return colors.intensity(scale(relative), 0, float(scale(1000.0)))

        return paint, bar(colors.INTENSITY, 0, high, f"counts, {display}")

    def _draw_rings(self) -> None:
        detector = self.session.detector
        if detector is None:
            self._rings.visible = False
            return
        turn = np.linspace(0, 2 * np.pi, 91)
        rings = [
            self._grid.point(
                detector.center[0] + radius * np.sin(turn),
                detector.center[1] + radius * np.cos(turn),
            )
            for radius in (detector.inner, detector.outer)
            if radius > 0
        ]
        with self._rings.hold_sync():
            self._rings.x = [ring[0] for ring in rings]
            self._rings.y = [ring[1] for ring in rings]
            self._rings.colors = ["#39d0ff"]
            self._rings.visible = True


def _percentile(values: Counts) -> float:
    finite = values[np.isfinite(values)]
    return (float(np.percentile(finite, 99.9)) if finite.size else 0.0) or 1.0
