"""The one place that receives the mouse and the keys over a figure.

The browser sends at most one move every 33 ms. Keys are received from the first press on a figure
until the mouse leaves it, or Esc or Tab is hit; before that they belong to the rest of the page.
For this a pane in front of the figure is opened to the mouse, since ipyevents listens to keys only,
and to all of them, while the mouse is over what it watches.
"""

from collections.abc import Callable
from typing import Any, Literal

import ipywidgets
from ipyevents import Event

from stemwidgets.views.pictures.screen import Frame

Phase = Literal["press", "move", "release"]
Place = tuple[float, float]
# rows down and columns to the right
ARROWS = {"ArrowUp": (-1, 0), "ArrowDown": (1, 0), "ArrowLeft": (0, -1), "ArrowRight": (0, 1)}
FAR = 5  # positions that an arrow key moves while Shift is held
LATE = 2000  # ms by which a move may arrive late: more is the clock of another page
THROTTLE = 33  # ms
MIDDLE = 0.5  # px: rounding of the mouse's place to whole px of the screen


class Pointer:
    """Presses, drags and keys on a figure of a fixed size, whose window `frame` returns.

    Its `box`, the figure that listens, is to be displayed in its stead; `held` is True while the
    mouse is held after a press on it. Callbacks may be called in a thread of the kernel: `on_drag`
    with ``"press"``, ``"move"`` or ``"release"`` and the coordinates ``x, y`` of a drag, which
    begins in the window and may leave it; `on_key` with the name of a key, and True if Shift is
    held; `on_hover` with the coordinates of the mouse while no button is held, and None once it is
    no longer over the window.
    """

    def __init__(
        self,
        figure: ipywidgets.DOMWidget,
        frame: Callable[[], Frame],
        on_drag: Callable[[Phase, float, float], None],
        on_key: Callable[[str, bool], None] | None = None,
        on_hover: Callable[[Place | None], None] | None = None,
    ) -> None:
        self._frame, self._on_drag, self._on_key = frame, on_drag, on_key
        self._on_hover = on_hover
        self._width = float(figure.layout.width.removesuffix("px"))
        self.held = False
        self._time = 0.0
        pane = ipywidgets.Box()
        pane.add_class("stemwidgets-pane")
        size = {name: figure.layout.trait_values()[name] for name in ("width", "height", "flex")}
        layout = ipywidgets.Layout(**size, min_width=size["width"], min_height=size["height"])
        self.box = ipywidgets.Box([figure, pane], layout=layout)
        self.box.add_class("stemwidgets-pointer")
        self._mouse = Event(
            source=self.box,
            watched_events=["mousedown", "mousemove", "mouseup", "mouseleave"],
            prevent_default_action=True,
            wait=THROTTLE,
        )
        self._mouse.on_dom_event(self._mouse_event)
        if on_key is not None:
            self._keys = Event(
                source=pane, watched_events=["keydown"], ignore_modifier_key_events=True
            )
            self._keys.on_dom_event(self._key_event)

    def _mouse_event(self, event: dict[str, Any]) -> None:
        kind, time = event["type"], float(event["timeStamp"])
        if kind == "mouseleave":
            self._listen(False)
            self._hover(None)
            return
        # a throttled move may arrive after the release; on another page time begins anew
        if 0 < self._time - time < LATE:
            return
        self._time = time
        # a page that is presented is zoomed: the mouse is reported in px of the screen
        zoom = event.get("boundingRectWidth", self._width) / self._width
        across, down = (event[name] + MIDDLE for name in ("relativeX", "relativeY"))
        x, y = self._frame().at(across / zoom, down / zoom)
        if kind == "mousedown" and event["button"] == 0 and self._frame().holds(x, y):
            self.held = True
            self._listen(True)
            self._on_drag("press", x, y)
        elif self.held:
            self.held = kind == "mousemove" and bool(event["buttons"] & 1)
            self._on_drag("move" if self.held else "release", x, y)
        elif kind == "mousemove":
            self._hover((x, y) if self._frame().holds(x, y) else None)

    def _hover(self, place: Place | None) -> None:
        if self._on_hover is not None:
            self._on_hover(place)

    def _key_event(self, event: dict[str, Any]) -> None:
        if event["key"] in ("Escape", "Tab"):
            self._listen(False)
        if self._on_key is not None:
            self._on_key(event["key"], bool(event["shiftKey"]))

    def _listen(self, keys: bool) -> None:
        if self._on_key is None:
            return
        change = self.box.add_class if keys else self.box.remove_class
        change("stemwidgets-listening")


def arrow(key: str, shift: bool) -> tuple[int, int] | None:
    """Rows and columns by which an arrow key moves; None for any other key."""
    if key not in ARROWS:
        return None
    steps = FAR if shift else 1
    down, right = ARROWS[key]
    return steps * down, steps * right
