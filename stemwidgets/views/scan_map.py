"""A map over the scan: any channel, with its colour bar or colour wheel and a crosshair."""

from collections import deque
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from stemwidgets.state.channels import Channel, is_component
from stemwidgets.state.session import Session
from stemwidgets.views.drawing import Drawing
from stemwidgets.views.hover import Hover
from stemwidgets.views.painting import paint
from stemwidgets.views.pointer import Phase, arrow
from stemwidgets.views.raster import Raster
from stemwidgets.views.screen import MARGIN, Grid
from stemwidgets.views.view import View, require_channel
from stemwidgets.views.words import caption_of, waiting_for, waiting_for_scan

FAINT = 70  # opacity, of 255, outside the region
CLASSES = ("classes", "class confidence")


class ScanMap(View):
    """One channel of the session over the scan; what lies outside the region is faint.

    Pressing and dragging moves the session's position. After a press arrow keys move it too, with
    Shift five at a time, until the mouse leaves the map. Other tools draw the session's region and
    line, with the mouse or, corner by corner, with Enter. Esc takes them away.

    Parameters
    ----------
    session : Session
        What it shows.
    channel : str
        Name of the channel shown first; it may be one that training will bring.
    size : int
        Longer side of the map on screen [CSS px].

    Raises
    ------
    InputError
        For an unknown keyword or channel.
    """

    def __init__(
        self, session: Session, channel: str = "COM angle", size: int = 276, **unknown: Any
    ) -> None:
        super().__init__(session, unknown)
        require_channel(session, channel)
        self._grid = Grid(session.axes.scan_y, session.axes.scan_x)
        frame = self._grid.frame(size)
        scales = frame.scales()
        self.drawing = Drawing(self, self._grid, frame, scales)
        self.raster = Raster(
            frame,
            marks=self.drawing.marks,
            scales=scales,
            on_drag=self._dragged,
            on_key=self._key,
            on_hover=self._hovered,
        )
        self._hover = Hover(session, self.drawing.hint, size)
        self._shown: Channel | None = None
        self._region: NDArray[np.bool_] | None = None
        self._steps: deque[tuple[int, int]] = deque()
        self._choice = ipywidgets.Dropdown(
            options=_options(session, channel),
            value=channel,
            layout=ipywidgets.Layout(width="220px"),
        )
        self._legend = ipywidgets.HTML(layout=ipywidgets.Layout(margin=f"0 0 0 {MARGIN['left']}px"))
        self.layout.min_width = f"{size + MARGIN['left'] + MARGIN['right']}px"
        self.parts = {"channel": self._choice, "figure": self.raster.figure, "legend": self._legend}
        self.parts |= {"tool": self.drawing.tools, "clear": self.drawing.clear}
        self.parts["under mouse"] = self._hover.line
        self.fill(self._choice, self.drawing.bar, self.raster.box, self._hover.line, self._legend)
        self.listen(self.drawing.tools, self._choose_tool)
        self.listen(self._choice, self._draw)
        self.look(self._offer, "channels", "overview")
        self.look(self._cross, "position")
        self.look(self._draw, "problem", "region")
        self.look(self._draw, "status", at=session.training)
        self._draw()

    @property
    def channel(self) -> str:
        """Name of the channel that is chosen."""
        return str(self._choice.value)

    @channel.setter
    def channel(self, name: str) -> None:
        with self._choice.hold_sync():
            self._choice.options = _options(self.session, name)
            self._choice.value = name

    def _dragged(self, phase: Phase, x: float, y: float) -> None:
        place = self._grid.position(x, y)
        if self.drawing.active:
            self.drawing.dragged(phase, place)
        else:
            self.go_to(*place, phase)

    def _hovered(self, point: tuple[float, float] | None) -> None:
        place = None if point is None else self._grid.position(*point)
        if place is not None:
            self.drawing.hovered(place)
        self.session.mailbox.post(
            f"hover {id(self)}", lambda: self._hover.show(place, self._shown), delay=0.02
        )

    def _choose_tool(self) -> None:
        self._hover.hint = self.drawing.hint
        self._hover.show(None, None)

    def _key(self, key: str, shift: bool) -> None:
        self.drawing.key(key)
        step = arrow(key, shift)
        if step is not None:
            self._steps.append(step)
            self.session.mailbox.post(f"steps {id(self)}", self._walk)

    def _walk(self) -> None:
        taken = [self._steps.popleft() for _ in range(len(self._steps))]
        iy, ix = self.session.position
        self.session.position = (iy + sum(y for y, _ in taken), ix + sum(x for _, x in taken))

    def _offer(self) -> None:
        options = _options(self.session, self.channel)
        if options != list(self._choice.options):
            self.channel = self.channel
        self._draw()

    def _cross(self) -> None:
        if self._shown is not None:
            grid = self._grid
            gap = (grid.columns.scale, grid.rows.scale)
            self.raster.cross(grid.point(*self.session.position), gap)

    def _why_not(self) -> str:
        if self.session.overview is None:
            return waiting_for_scan(self.session.problem)
        if self.channel == "virtual detector":
            return "choose a detector"
        if is_component(self.channel):
            return "press Compute"
        if self.channel in CLASSES and self.session.model is not None:
            return "trained without classes"
        return waiting_for(self.session.training.active)

    def _draw(self) -> None:
        channel = self.session.channels.get(self.channel)
        region = self.session.region
        if channel is self._shown and channel is not None and region is self._region:
            return
        self._shown, self._region = channel, region
        if channel is None:
            self.raster.clear(self._why_not())
            self._legend.value = ""
            return
        picture, self._legend.value = paint(channel)
        if region is not None:
            picture[~region, 3] = FAINT
        self.raster.show(picture)
        self._cross()


def _options(session: Session, name: str) -> list[tuple[str, str]]:
    names = [*session.channels] + [name] * (name not in session.channels)
    return [(caption_of(known), known) for known in names]
