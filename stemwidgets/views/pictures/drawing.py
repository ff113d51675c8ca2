"""Tools with which regions and lines are drawn on a map."""

from collections import deque

import ipywidgets
import numpy as np
from bqplot import LinearScale, Scatter

from stemwidgets.views.parts.controls import button
from stemwidgets.views.parts.view import REST, View
from stemwidgets.views.pictures.pointer import Phase
from stemwidgets.views.pictures.raster import curve, place
from stemwidgets.views.pictures.screen import Frame, Grid
from stemwidgets.views.pictures.sketch import Place, Sketch

POSITION = "Position"
TOOLS = {
    POSITION: "click, drag, arrow keys (Shift: 5)",
    "Rectangle": "drag, or press Enter at two corners",
    "Polygon": "click corners, the first again to close",
    "Lasso": "drag around a region",
    "Line": "drag a line, or one of its ends",
}
REACH = 8  # CSS px within which a click meets a corner or an end


class Drawing:
    """Drawing of the session's region and line on one map.

    Its `marks` are to be drawn on the map; `bar` has the `tools` and a button that clears.
    """

    def __init__(
        self, view: View, grid: Grid, frame: Frame, scales: dict[str, LinearScale]
    ) -> None:
        self.session, self._grid = view.session, grid
        self._reach = (
            REACH * grid.rows.size / frame.height,
            REACH * grid.columns.size / frame.width,
        )
        self._sketch: Sketch | None = None
        self._by_key = False
        self._paths: list[list[Place]] = []
        self._points: list[Place] = []
        self._events: deque[tuple[str, Place]] = deque()
        # white dashes on a black line are seen on any colour
        self._below = curve(scales, "black", stroke_width=3.5)
        self._above = curve(scales, "white", stroke_width=2, line_style="dashed")
        self._corners = Scatter(
            x=[], y=[], scales=scales, default_size=40, stroke="black", visible=False
        )
        self.marks = [self._below, self._above, self._corners]
        self.tools = ipywidgets.ToggleButtons(
            options=list(TOOLS), tooltips=list(TOOLS.values()), style={"button_width": "auto"}
        )
        self.clear = button(
            "Clear", "auto", tooltip="take region and line away (Esc)", disabled=True
        )
        self.clear.layout.margin = "2px 1px 2px 10px"
        self.bar = ipywidgets.HBox(
            [self.tools, self.clear], layout={"flex_flow": "row wrap", "align_items": "center"}
        )
        self.bar.add_class("stemwidgets-tools")
        view.look(self.draw, "outline", "line", "region", at=view.session.selection)
        view.look(self._follow, "position")
        self.tools.observe(lambda _: self._post("choose"), "value")
        self.clear.on_click(lambda _: self._post("clear"))
        self.draw()

    @property
    def active(self) -> bool:
        """True if the mouse draws."""
        return bool(self.tools.value != POSITION)

    @property
    def hint(self) -> str:
        """Action of the mouse, in words."""
        return TOOLS[self.tools.value]

    def dragged(self, phase: Phase, place: Place) -> None:
        """Handle a press, drag or release of the mouse at a position of the scan."""
        self._post(phase, place)

    def hovered(self, place: Place) -> None:
        """Handle a move of the mouse without a button."""
        if self._sketch is not None:
            self._post("hover", place)

    def key(self, name: str) -> None:
        """Handle a key: Escape cancels or clears; Enter sets a corner at the session's position."""
        if name in ("Escape", "Enter"):
            self._post(name)

    def _post(self, kind: str, place: Place = (0.0, 0.0)) -> None:
        self._events.append((kind, place))
        self.session.mailbox.post(f"draw {id(self)}", self._work, rest=REST)

    def _work(self) -> None:
        for _ in range(len(self._events)):
            kind, place = self._events.popleft()
            {
                "press": self._press,
                "move": self._move,
                "release": self._release,
                "hover": self._hover,
                "Enter": self._enter,
                "Escape": self._escape,
                "clear": self._clear_all,
                "choose": self._give_up,
            }[kind](place)
        self.draw()

    def _press(self, place: Place) -> None:
        sketch = self._sketch or self._begin()
        self._by_key = False
        line = self.session.selection.line
        if sketch.tool == "Line" and line is not None and sketch.take(line, place):
            return
        if sketch.press(place):
            self._finish(sketch)

    def _begin(self) -> Sketch:
        rows, columns = self.session.scan.shape[:2]
        self._sketch = Sketch(self.tools.value, (rows, columns), self._reach)
        return self._sketch

    def _move(self, place: Place) -> None:
        if self._sketch is None:
            return
        self._sketch.move(place)
        if self._sketch.tool == "Line" and not self._sketch.empty:
            self.session.selection.line = self._sketch.line

    def _release(self, place: Place) -> None:
        if self._sketch is not None and self._sketch.release(place):
            self._finish(self._sketch)

    def _hover(self, place: Place) -> None:
        if self._sketch is not None and not self._by_key:
            self._sketch.move(place)

    def _enter(self, _: Place) -> None:
        if not self.active:
            return
        sketch = self._sketch or self._begin()
        self._by_key = True
        if sketch.add(self.session.position):
            self._finish(sketch)

    def _follow(self) -> None:
        if self._sketch is not None and self._by_key:
            self._sketch.corners[-1] = self.session.position
            self.draw()

    def _finish(self, sketch: Sketch) -> None:
        self._sketch = None
        if sketch.tool == "Line":
            if not sketch.empty:
                self.session.selection.line = sketch.line
        elif len(sketch.outline) > 2 and not sketch.empty:
            self.session.selection.outline = sketch.outline

    def _escape(self, place: Place) -> None:
        if self._sketch is None:
            self._clear_all(place)
        self._sketch = None

    def _give_up(self, _: Place) -> None:
        self._sketch = None

    def _clear_all(self, _: Place) -> None:
        self._sketch = self.session.selection.region = self.session.selection.line = None

    def draw(self) -> None:
        """Show the finished drawing, and the one in progress."""
        session, sketch = self.session, self._sketch
        self.clear.disabled = (
            sketch is None and session.selection.region is None and session.selection.line is None
        )
        paths = [list(sketch.path)] if sketch is not None and sketch.tool != "Line" else []
        if session.selection.outline is not None and not paths:
            paths = [[*session.selection.outline, session.selection.outline[0]]]
        ends = list(session.selection.line or ())
        if sketch is not None and sketch.tool == "Line":
            ends = list(sketch.line)
        paths += [ends] if ends else []
        points = list(sketch.corners) if sketch is not None and sketch.tool == "Polygon" else ends
        self._show(paths, points)

    def _show(self, paths: list[list[Place]], points: list[Place]) -> None:
        if paths == self._paths and points == self._points:
            return
        self._paths, self._points = paths, points
        longest = max([2, *map(len, paths)])  # bqplot draws no single point
        padded = [[*path, *[path[-1]] * (longest - len(path))] for path in paths]
        curves = [self._grid.point(*np.transpose(path)) for path in padded]
        corners = [np.array(part) for part in zip(*curves, strict=True)] or None
        for lines in (self._below, self._above):
            place(lines, corners)
        self._corners.colors = ["white"] + ["black"] * (len(points) - 1)
        place(self._corners, self._grid.point(*np.transpose(points)) if points else None)
