"""Controls for the display of one picture, with a histogram whose limits can be dragged."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import ipywidgets
import numpy as np

from stemwidgets.state.channels import Channel
from stemwidgets.views.parts.controls import beside, button, control, lines
from stemwidgets.views.parts.view import View
from stemwidgets.views.pictures.colors import TABLES, looked_up
from stemwidgets.views.pictures.display import SCALINGS, Display, Limits
from stemwidgets.views.pictures.histogram import Histogram
from stemwidgets.views.pictures.painting import AS_SUITS, on_screen, suited_colors
from stemwidgets.views.pictures.screen import MARGIN

BY_HAND = "as set by hand"
# % of the values between the limits
PERCENTILES = ((0.0, 100.0), (0.5, 99.5), (2.0, 98.0), (5.0, 95.0), (50.0, 100.0), (0.0, 99.9))
SHARES = {
    "all values" if share == (0, 100) else "percentiles {:g} to {:g} %".format(*share): share
    for share in PERCENTILES
}
HINT = "Drag a handle; then ← → move it. In the fields, ↑ ↓."
FIXED = {
    "angle": "Angles keep the colour wheel: a direction has the same colour on every map.",
    "category": "Categories keep their colours: a class has the same one on every map.",
}


class DisplayControls:
    """Scaling, limits and colours of one picture, in a `box` to display; its `parts` by name.

    `on_change` receives the `Display` that is asked for, or None for the one that suits the values,
    and answers by `show`; `width` is that of the histogram [CSS px].
    """

    def __init__(
        self,
        view: View,
        on_change: Callable[[Display | None], None],
        width: int = 276,
    ) -> None:
        self._view, self._on_change = view, on_change
        self._display = AS_SUITS
        self._limits: Limits = (0.0, 1.0)
        self._factor, self._units = 1.0, ""
        self._shown: dict[str, Any] = {}
        self.histogram = Histogram(width, self._drag)
        self._note = ipywidgets.HTML(layout=ipywidgets.Layout(max_width=f"{width}px"))
        self._low, self._high = (
            control(ipywidgets.FloatText, edge, 138, "initial") for edge in ("from", "to")
        )
        self._scaling = _choice("scaling", SCALINGS, 186)
        self._exponent = control(
            ipywidgets.BoundedFloatText, "exponent", 136, min=0.1, max=10, step=0.1
        )
        self._colors = _choice("colours", TABLES, 210)
        self._share = _choice("limits", (*SHARES, BY_HAND), 234)
        self._auto = button("Auto", 60, tooltip="Go back to what suits the values")
        self.parts: dict[str, Any] = {
            "histogram": self.histogram.raster.figure,
            "low": self._low,
            "high": self._high,
            "scaling": self._scaling,
            "exponent": self._exponent,
            "colors": self._colors,
            "percentiles": self._share,
            "auto": self._auto,
            "note": self._note,
        }
        self._rows = ipywidgets.VBox(
            [
                self.histogram.raster.box,
                ipywidgets.HTML(HINT),
                _row(self._low, self._high),
                _row(self._share, self._auto),
                _row(self._scaling, self._exponent),
                _row(self._colors),
            ]
        )
        self.box = ipywidgets.VBox([self._note, self._rows])
        self.box.add_class("stemwidgets-display")
        room = f"{width + MARGIN['left'] + MARGIN['right']}px"
        self.box.layout.width = self._rows.layout.width = room
        self._listen()

    def _listen(self) -> None:
        for name, answer in {
            "low": self._type,
            "high": self._type,
            "percentiles": self._share_out,
            "scaling": lambda: self._ask(scaling=self._scaling.value),
            "exponent": lambda: self._ask(exponent=self._exponent.value),
            "colors": lambda: self._ask(colors=self._colors.value),
        }.items():
            self._view.listen(self.parts[name], partial(self._answer, name, answer))
        self._view.press(self._auto, lambda: self._on_change(None))

    def _answer(self, name: str, answer: Callable[[], None]) -> None:
        """Respond to a control, unless its change comes from `show`."""
        if self.parts[name].value != self._shown[name]:
            answer()

    def show(self, channel: Channel, display: Display) -> None:
        """Show the display of a channel."""
        self._display = display
        note = FIXED.get(channel.kind, "")
        if not note and not np.isfinite(channel.values).any():
            note = "Nothing is defined here."
        self._note.value = lines(note) if note else ""
        self._note.layout.display = None if note else "none"
        self._rows.layout.display = "none" if note else None
        if note:
            return
        suited = suited_colors(channel)
        self._limits = display.limits_of(channel.values, suited)
        self._factor, self._units = on_screen(channel.units)
        low, high = (self._factor * edge for edge in self._limits)
        digits = 3 - math.floor(math.log10(high - low)) if high > low else 6
        names = [name for name, share in SHARES.items() if share == display.percentiles]
        self._shown = {
            "low": round(low, digits),
            "high": round(high, digits),
            "percentiles": names[0] if names and not display.limits else BY_HAND,
            "scaling": display.scaling,
            "exponent": display.exponent,
            "colors": display.colors or suited,
        }
        for name, value in self._shown.items():
            self.parts[name].value = value
        self._low.step = self._high.step = 10.0 ** (1 - digits)
        self._exponent.layout.display = None if display.scaling == "power" else "none"
        self._show_histogram(channel, display, suited)

    def _show_histogram(self, channel: Channel, display: Display, suited: str) -> None:
        table, limits, factor = display.table(suited), self._limits, self._factor
        tone = partial(display.tone, suited=suited)
        low, high = limits
        self.histogram.show(
            channel.values if factor == 1 else factor * channel.values,
            (factor * low, factor * high),
            lambda values: looked_up(values / factor, limits, table, tone),
            self._units,
            display.diverges(suited),
        )

    def _ask(self, **changes: Any) -> None:
        self._on_change(replace(self._display, **changes))

    def _drag(self, limits: Limits) -> None:
        low, high = (limit / self._factor for limit in limits)

        def change() -> None:
            self._on_change(replace(self._display, limits=(low, high)))

        self._view.session.mailbox.post(f"limits {id(self)}", change)

    def _type(self) -> None:
        low, high = sorted(edge.value / self._factor for edge in (self._low, self._high))
        self._ask(limits=(low, high) if low < high else self._display.limits)

    def _share_out(self) -> None:
        share = SHARES.get(self._share.value)
        if share is None:
            self._ask(limits=self._limits)
        else:
            self._ask(percentiles=share, limits=None)


def _choice(words: str, options: Any, width: int) -> ipywidgets.Dropdown:
    return control(ipywidgets.Dropdown, words, width, "initial", options=list(options))


def _row(*controls: ipywidgets.Widget) -> ipywidgets.HBox:
    return beside(*controls, gap="2px 6px", align_items="center")
