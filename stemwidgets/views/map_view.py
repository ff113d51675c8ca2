"""A map over the scan: any channel, with its colour bar or colour wheel and a crosshair."""

import operator
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import ipywidgets

from stemwidgets.state.channels import (
    ANGLE_SPREAD,
    COM_ANGLE_STD,
    LATENT_SPREAD,
    Channel,
    expected_source,
)
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.channel_choice import ChannelChoice
from stemwidgets.views.parts.controls import control, legend
from stemwidgets.views.parts.hover import Hover
from stemwidgets.views.parts.presenting import put
from stemwidgets.views.parts.view import ASIDE, REST, View, require_channel
from stemwidgets.views.parts.words import waiting_for, waiting_for_scan
from stemwidgets.views.pictures.display import Display
from stemwidgets.views.pictures.display_controls import DisplayControls
from stemwidgets.views.pictures.drawing import Drawing
from stemwidgets.views.pictures.fourier_picture import SUITED, FourierPicture
from stemwidgets.views.pictures.painting import AS_SUITS, paint
from stemwidgets.views.pictures.pointer import Phase, arrow
from stemwidgets.views.pictures.raster import Raster
from stemwidgets.views.pictures.screen import MARGIN, Grid

FAINT = 70  # opacity, of 255, outside the region
CLASSES = ("classes", "class confidence")
SEEDS, BEAM = "train several seeds", "set the direct beam"
WAITING = {ANGLE_SPREAD: SEEDS, LATENT_SPREAD: SEEDS, "BF": BEAM, "ADF": BEAM}


class MapView(View):
    """One channel of the session over the scan; what lies outside the region is faint.

    Pressing and dragging moves the session's position. After a press arrow keys move it too, with
    Shift five at a time, until the mouse leaves the map. Other tools draw the session's region and
    line, with the mouse or, corner by corner, with Enter. Esc removes them.

    "Display" opens scaling, limits and colours, for each channel its own; "FFT" its frequencies.

    Parameters
    ----------
    session : Session
        Session to show.
    channel : str
        Name of the channel shown first; it may be one that training will bring.
    size : int
        Longer side of the map on screen [CSS px].

    Attributes
    ----------
    channel : str
        Name of the channel that is chosen.
    fourier : bool
        True if its frequencies are shown.
    display : Display
        Display of the map; another one for every channel, and for its frequencies.
    choices : dict
        All three, as plain JSON; may be set.

    Raises
    ------
    InputError
        For an unknown keyword or channel.

    Examples
    --------
    >>> sw.MapView(session, "COM magnitude")
    """

    def __init__(
        self, session: ScanSession, channel: str = "COM angle", size: int = 276, **unknown: Any
    ) -> None:
        super().__init__(session, unknown)
        require_channel(session, channel)
        self._grid = Grid(session.scan.axes.scan_y, session.scan.axes.scan_x)
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
            units=session.scan.axes.scan_x.units,
        )
        self._hover = Hover(session, self.drawing.hint, size + MARGIN["left"])
        self._size = size
        self._shown: Channel | None = None
        self._drawn: tuple[Any, ...] = ()
        self._displays: dict[tuple[str, bool], Display | None] = {}
        self._controls: DisplayControls | None = None
        self._fourier: FourierPicture | None = None
        self._steps: deque[tuple[int, int]] = deque()
        self._choice = ChannelChoice(session, channel, layout={"flex": "1 1 auto", "width": "0px"})
        self._opened = _toggle("Display", "scaling, limits and colours")
        self._transform = _toggle("FFT", "frequencies of the map")
        self._legend = legend()
        room = f"{size + MARGIN['left'] + MARGIN['right']}px"
        self.layout.min_width = room
        self.parts = {"channel": self._choice, "figure": self.raster.figure, "legend": self._legend}
        self.parts |= {"tool": self.drawing.tools, "clear": self.drawing.clear}
        self.parts["under mouse"] = self._hover.line
        self.parts |= {"display": self._opened, "fourier": self._transform}
        self._map = ipywidgets.VBox([self.drawing.bar, self.raster.box, self._hover.line])
        self._instead, self._below = ipywidgets.VBox(), ipywidgets.VBox()
        toggles = ipywidgets.HBox([self._opened, self._transform])
        toggles.add_class("stemwidgets-tools")
        heading = ipywidgets.HBox([self._choice, toggles], layout={"width": room})
        self.fill(heading, self._map, self._instead, self._legend, self._below)
        self.listen(self._opened, self._open)
        self.listen(self._transform, self._draw)
        self.listen(self.drawing.tools, self._choose_tool)
        self.listen(self._choice, self._draw)
        self.look(self._offer, "channels")
        self.look(self._offer, "overview", at=session.scan)
        self.look(self._cross_if_held, "position")
        self.look(self._cross, "position", delay=ASIDE)
        self.look(self._draw, "problem", "detector")
        self.look(self._draw, "region", at=session.selection)
        self.look(self._draw, "status", at=session.training)
        self._draw()

    @property
    def channel(self) -> str:
        """Name of the channel that is chosen."""
        return str(self._choice.value)

    @channel.setter
    def channel(self, name: str) -> None:
        self._choice.offer(name)

    @property
    def fourier(self) -> bool:
        """True if its frequencies are shown."""
        return bool(self._transform.value)

    @fourier.setter
    def fourier(self, shown: bool) -> None:
        self._transform.value = shown

    @property
    def display(self) -> Display:
        """Display of the map."""
        chosen = self._displays.get((self.channel, self.fourier))
        return chosen or (SUITED if self.fourier else AS_SUITS)

    @display.setter
    def display(self, display: Display) -> None:
        self._redisplay(display)

    @property
    def choices(self) -> dict[str, Any]:
        """Channel, fourier and display, as plain JSON."""
        return {
            "channel": self.channel,
            "fourier": self.fourier,
            "display": asdict(self.display),
        }

    @choices.setter
    def choices(self, choices: Mapping[str, Any]) -> None:
        display = Display(**choices.get("display", {}))
        self.channel, self.fourier = choices["channel"], bool(choices.get("fourier"))
        self.display = display

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
            f"hover {id(self)}", lambda: self._hover.show(place, self._shown), rest=REST
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
        self._cross()

    def _offer(self) -> None:
        self._choice.offer()
        self._draw()

    def _cross_if_held(self) -> None:
        if self.raster.pointer.held:
            self._cross()

    def _cross(self) -> None:
        if self._shown is not None:
            grid = self._grid
            gap = (grid.columns.scale, grid.rows.scale)
            self.raster.cross(grid.point(*self.session.position), gap)

    def _why_not(self) -> str:
        if self.session.scan.overview is None:
            return waiting_for_scan(self.session.problem)
        if self.channel == COM_ANGLE_STD:
            return "computing …" if self.session.scan.counting is None else "dose not known"
        if self.channel == "virtual detector":
            return "choose a detector" if self.session.detector is None else "computing …"
        if expected_source(self.channel) == "decomposition":
            return "press Compute"
        if self.channel in CLASSES and self.session.model is not None:
            return "trained without classes"
        if self.channel in WAITING:
            return WAITING[self.channel]
        return waiting_for(self.session.training.active)

    def _open(self) -> None:
        if self._controls is None:
            self._controls = DisplayControls(self, self._redisplay, self._size)
            self.parts["controls"] = self._controls.parts
            put(self, self._below, self._controls.box)
        self._below.layout.display = None if self._opened.value else "none"
        self._show_controls()

    def _redisplay(self, display: Display | None) -> None:
        """Take a display that the controls ask for; None for the one that suits."""
        self._displays[self.channel, self.fourier] = display
        self._drawn = ()
        self._draw()

    def _show_controls(self) -> None:
        if self._controls is None or not self._opened.value or self._shown is None:
            return
        shown = self._shown
        if self._fourier is not None and self.fourier and shown.kind != "category":
            shown = self._fourier.transformed(shown)
        self._controls.show(shown, self.display)

    def _draw(self) -> None:
        channel = self._choice.channel
        now = (channel, self.session.selection.region, self.display, self.fourier)
        if channel is not None and self._drawn and all(map(operator.is_, now, self._drawn)):
            return
        self._shown, self._drawn = channel, now
        self._map.layout.display = "none" if self.fourier else None
        self._instead.layout.display = None if self.fourier else "none"
        if self.fourier:
            self._draw_frequencies(channel)
        elif channel is None:
            self.raster.clear(self._why_not())
            self._legend.value = ""
        else:
            picture, self._legend.value = paint(channel, self.display)
            if self.session.selection.region is not None:
                picture[~self.session.selection.region, 3] = FAINT
            self.raster.show(picture)
            self._cross()
        self._show_controls()

    def _draw_frequencies(self, channel: Channel | None) -> None:
        if self._fourier is None:
            self._fourier = FourierPicture(self, self._size)
            self.parts["frequencies"] = self._fourier.raster.figure
            self.parts["spacing"] = self._fourier.line
            put(self, self._instead, self._fourier.box)
        if channel is None or channel.kind == "category":
            self._fourier.clear("categories have none" if channel else self._why_not())
            self._legend.value = ""
        else:
            picture, self._legend.value = paint(self._fourier.transformed(channel), self.display)
            self._fourier.show(picture, channel)


def _toggle(name: str, tooltip: str) -> ipywidgets.ToggleButton:
    return control(ipywidgets.ToggleButton, name, "auto", tooltip=tooltip)
