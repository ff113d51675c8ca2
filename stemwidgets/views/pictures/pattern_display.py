"""Display of a pattern: counts or their difference from the mean, and the controls of both."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.state.channels import Channel
from stemwidgets.views.parts.controls import control
from stemwidgets.views.parts.presenting import put
from stemwidgets.views.parts.view import View
from stemwidgets.views.pictures.colors import RGBA
from stemwidgets.views.pictures.display import SCALINGS, Display
from stemwidgets.views.pictures.display_controls import DisplayControls
from stemwidgets.views.pictures.painting import limits_of, paint

Counts = NDArray[np.floating]

DIFFERENCE = "difference from the mean"
SHOWN = (0.0, 99.9)  # %, of the values; a few pixels are far brighter than all others


class PatternDisplay:
    """A choice of the quantity to show of a pattern, and controls that can be opened.

    `show` is one of the scalings, or ``"difference from the mean"``: an InputError for any other;
    `on_change` is called when patterns are to be painted anew. The list `choice` and the switch
    `opened` are to be displayed, and the box `below` for the controls.
    """

    def __init__(
        self, view: View, show: str, on_change: Callable[[], None], width: int = 276
    ) -> None:
        options = [*SCALINGS, DIFFERENCE]
        if show not in options:
            raise InputError(f"a pattern is shown as {' or '.join(options)}, not {show!r}")
        self._view, self._on_change, self._width = view, on_change, width
        self._displays = dict(_at_first("square root" if show == DIFFERENCE else show))
        self._shown: Channel | None = None
        self._controls: DisplayControls | None = None
        self.choice = ipywidgets.Dropdown(
            options=[*zip(SCALINGS, SCALINGS, strict=True), ("minus mean", DIFFERENCE)],
            value=show,
            description="show",
            layout=ipywidgets.Layout(flex="1 1 auto", width="0px"),
            style={"description_width": "initial"},
        )
        self.opened = control(
            ipywidgets.ToggleButton, "Display", "auto", tooltip="limits and colours"
        )
        self.below = ipywidgets.VBox()
        view.listen(self.choice, self._choose)
        view.listen(self.opened, self._open)

    @property
    def difference(self) -> bool:
        """True if the difference from the mean is shown."""
        return bool(self.choice.value == DIFFERENCE)

    @property
    def display(self) -> Display:
        """The display of the quantity shown."""
        return self._displays[self.difference]

    @property
    def choices(self) -> dict[str, Any]:
        """Quantity and displays, as plain JSON."""
        counts, difference = (asdict(self._displays[which]) for which in (False, True))
        return {"show": self.choice.value, "counts": counts, "difference": difference}

    @choices.setter
    def choices(self, choices: Mapping[str, Any]) -> None:
        displays = {
            which: Display(**choices[name])
            for which, name in ((False, "counts"), (True, "difference"))
        }
        self.choice.value = choices["show"]
        self._displays = displays
        self._on_change()

    def paint(self, counts: Counts, mean: Counts | None, like: Counts) -> tuple[RGBA, str]:
        """A pattern ``[ky, kx]``, or its difference from a mean, and its legend.

        Counts run over the range of `like`; a difference runs over its own.
        """
        channel = self._channel(counts, mean)
        within = channel if channel.kind == "signed" else self._channel(like, None)
        display = self._displays[channel.kind == "signed"]
        return paint(channel, display, limits_of(within, display))

    def explain(self, counts: Counts, mean: Counts | None) -> None:
        """Show a pattern in the controls, if they are open."""
        self._shown = self._channel(counts, mean)
        if self._controls is not None and self.opened.value:
            self._controls.show(self._shown, self._displays[self._shown.kind == "signed"])

    def _channel(self, counts: Counts, mean: Counts | None) -> Channel:
        if self.difference and mean is not None:
            return Channel("difference", np.subtract(counts, mean, dtype=float), "counts", "signed")
        return Channel("pattern", np.asarray(counts), "counts")

    def _choose(self) -> None:
        if not self.difference:
            self._displays[False] = replace(self._displays[False], scaling=self.choice.value)
        self._on_change()

    def _open(self) -> None:
        if self._controls is None:
            self._controls = DisplayControls(self._view, self._redisplay, self._width)
            self._view.parts["controls"] = self._controls.parts
            put(self._view, self.below, self._controls.box)
        self.below.layout.display = None if self.opened.value else "none"
        self._on_change()

    def _redisplay(self, display: Display | None) -> None:
        which = self.difference
        self._displays[which] = _at_first("square root")[which] if display is None else display
        if not which and self.choice.value != self._displays[False].scaling:
            self.choice.value = self._displays[False].scaling
        else:
            self._on_change()


def _at_first(scaling: str) -> dict[bool, Display]:
    """Displays of counts, and of differences."""
    return {
        False: Display(scaling, percentiles=SHOWN, colors="inferno"),
        True: Display(percentiles=SHOWN),
    }
