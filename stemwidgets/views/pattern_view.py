"""The diffraction pattern at the position, with its reconstruction and the virtual detector."""

from typing import Any

import ipywidgets
import numpy as np
from bqplot import Lines
from numpy.typing import NDArray

from stemwidgets.state.session import Session
from stemwidgets.views import colors
from stemwidgets.views.raster import Raster
from stemwidgets.views.screen import Grid
from stemwidgets.views.view import View, caption
from stemwidgets.views.words import quantity

SCALINGS = {
    "linear": lambda counts: counts,
    "square root": np.sqrt,
    "logarithmic": np.log1p,
}


class PatternView(View):
    """The pattern at the session's position; beside it what the trained model makes of it.

    Parameters
    ----------
    session : Session
        What it shows.
    scaling : {"square root", "linear", "logarithmic"}
        How counts are turned into brightness.
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
        scaling: str = "square root",
        reconstruction: bool = True,
        size: int = 280,
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
            options=list(SCALINGS),
            value=scaling,
            description="brightness",
            layout=ipywidgets.Layout(width="240px"),
            style={"description_width": "initial"},
        )
        self._legend = ipywidgets.HTML(layout=ipywidgets.Layout(margin="0 0 0 56px"))
        self.parts = {
            "scaling": self._choice,
            "figure": self._pattern.figure,
            "legend": self._legend,
        }
        pictures = [ipywidgets.VBox([caption("pattern at the position"), self._pattern.figure])]
        if self._reconstruction is not None:
            self.parts["reconstruction"] = self._reconstruction.figure
            pictures.append(
                ipywidgets.VBox([caption("rrVAE reconstruction"), self._reconstruction.figure])
            )
        row = ipywidgets.HBox(pictures, layout=ipywidgets.Layout(flex_flow="row wrap"))
        self.fill(self._choice, row, self._legend)
        self.listen(self._choice, self._draw)
        self.look(self._draw, "pattern", "reconstruction")
        self.look(self._draw_rings, "detector")
        self._draw()
        self._draw_rings()

    def _draw(self) -> None:
        pattern = self.session.pattern
        if pattern is None:
            self._pattern.clear("reading the scan …")
            return
        high = _highest(pattern)
        self._pattern.show(self._picture(pattern, high))
        self._legend.value = _bar(high, self._choice.value)
        if self._reconstruction is None:
            return
        if self.session.reconstruction is None:
            self._reconstruction.clear("after training")
        else:
            self._reconstruction.show(self._picture(self.session.reconstruction, high))

    def _picture(self, pattern: NDArray[np.floating], high: float) -> colors.RGBA:
        scale = SCALINGS[self._choice.value]
        counts = (
            1000 * pattern / high
        )  # what is below a thousandth of the brightest is black in log
        return colors.intensity(scale(np.clip(counts, 0, None)), 0, float(scale(1000.0)))

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


def _highest(pattern: NDArray[np.floating]) -> float:
    finite = pattern[np.isfinite(pattern)]
    return (float(np.percentile(finite, 99.9)) if finite.size else 0.0) or 1.0


def _bar(high: float, scaling: str) -> str:
    return (
        "<div style='width:200px;line-height:1.3'>"
        f"<div style='height:12px;background:{colors.css_gradient(colors.INTENSITY)}'></div>"
        "<div style='display:flex;justify-content:space-between'>"
        f"<span>0</span><span>counts, {scaling}</span><span>{quantity(high, '')}</span>"
        "</div></div>"
    )
