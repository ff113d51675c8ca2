"""Faulty pixels, rows and columns on a pattern, their description, and a tick to leave them out."""

from html import escape
from typing import Any

import ipywidgets
import numpy as np
from bqplot import LinearScale, Scatter
from numpy.typing import NDArray

from stemwidgets.views.parts.controls import INDENT, beside, tick
from stemwidgets.views.parts.view import View
from stemwidgets.views.pictures.raster import curve, place
from stemwidgets.views.pictures.screen import Frame, Grid

RED = "#ff5252"
SHADE = 0.6  # of a line over its row
MOST = 400  # crosses that a browser draws at ease

Counts = NDArray[np.floating]


class FaultyMarks:
    """Marks over a pattern, and a line below it with a tick that keeps the faults in.

    Its `marks` are to be drawn over the picture; `below` has the tick and the words.
    """

    def __init__(
        self, view: View, grid: Grid, frame: Frame, scales: dict[str, LinearScale]
    ) -> None:
        self._view, self._grid = view, grid
        height, width = view.session.scan.shape[2:]
        thick = max(2.0, min(frame.height / height, frame.width / width))
        self._lines = curve(scales, RED, opacities=[SHADE], stroke_width=thick)
        self._crosses = Scatter(
            x=[0],
            y=[0],
            scales=scales,
            marker="cross",
            colors=[RED],
            default_size=36,
            visible=False,
        )
        self.marks = [self._lines, self._crosses]
        hint = "faulty pixels, rows, columns and single events of the detector"
        self._tick = tick("leave out", view.session.scan.leave_out, tooltip=hint)
        self._words = ipywidgets.HTML()
        self.below = beside(self._tick, self._words, gap="0 8px", margin=INDENT)
        view.parts |= {"leave_out": self._tick, "faulty": self._words}
        view.write(self._tick, view.session.scan, "leave_out")
        view.look(self.draw, "position")
        view.look(self.draw, "left_out", "leave_out", at=view.session.scan)
        self.draw()

    def draw(self) -> None:
        """Show the faults of the detector, and the events in the pattern at the position."""
        session = self._view.session
        found, words = session.scan.left_out, session.scan.left_out_words
        self._tick.value = session.scan.leave_out
        self._tick.layout.display = None if found is not None and found.any else "none"
        self._words.value = f"<span style='line-height:1.3'>{escape(words)}</span>"
        self.below.layout.display = None if words else "none"
        if found is None:
            return
        events = found.events[(found.events[:, :2] == session.position).all(axis=1), 2:]
        pixels = np.concatenate([events, found.pixels])[:MOST]
        place(self._crosses, self._grid.point(*pixels.T) if len(pixels) else None)
        self._draw_lines(found.rows, found.columns)

    def without(self, pattern: Counts) -> Counts:
        """A pattern without the faults that are left out, which are drawn grey."""
        scan = self._view.session.scan
        if scan.left_out is None or not scan.leave_out or not scan.left_out.mask.any():
            return pattern
        return np.where(scan.left_out.mask, np.nan, pattern)

    def _draw_lines(self, rows: tuple[int, ...], columns: tuple[int, ...]) -> None:
        height, width = self._view.session.scan.shape[2:]
        ends: list[Any] = [((y, -0.5), (y, width - 0.5)) for y in rows]
        ends += [((-0.5, x), (height - 0.5, x)) for x in columns]
        places = np.array(ends or [((0, 0), (0, 0))], dtype=float)
        points = self._grid.point(places[..., 0], places[..., 1])
        place(self._lines, points if ends else None)
