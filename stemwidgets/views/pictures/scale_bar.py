"""A bar of round length on a picture, white with a black rim so that it is seen on any colour."""

import numpy as np
from bqplot import Label, LinearScale, Lines, Mark

from stemwidgets.views.pictures.screen import Frame, round_length

INSET, ABOVE = 12, 16  # CSS px from the corner to the bar, and from the bar to its words
LETTER = 8.5  # CSS px: mean width of a bold letter of 14 px
RIM = ((-1, -1), (-1, 1), (1, -1), (1, 1), (0, 0))  # CSS px; the last, white one lies on top


class ScaleBar:
    """A scale bar in the lower left corner of a window, as `marks` to be drawn on the picture.

    Its `length` is in the units of the horizontal axis.
    """

    def __init__(self, frame: Frame, units: str, scales: dict[str, LinearScale]) -> None:
        self._units = units
        look = {"x": [0, 0], "y": [0, 0], "scales": scales, "visible": False}
        self._below = Lines(**look, colors=["black"], stroke_width=7)
        self._above = Lines(**look, colors=["white"], stroke_width=4)
        self._words = Label(
            x=[0.0] * len(RIM),
            y=[0.0] * len(RIM),
            text=[""] * len(RIM),
            scales=scales,
            align="middle",
            colors=["black"] * (len(RIM) - 1) + ["white"],
            default_size=14,
            font_weight="bold",
            visible=False,
        )
        self.marks: list[Mark] = [self._below, self._above, self._words]
        self.length = 0.0
        self.fit(frame)

    def fit(self, frame: Frame) -> None:
        """Draw the bar that suits a window."""
        span = abs(frame.right - frame.left)
        self.length = round_length(span / 3)
        step_x = (frame.right - frame.left) / frame.width
        step_y = (frame.bottom - frame.top) / frame.height
        across = self.length / span * frame.width
        left, down = frame.left + INSET * step_x, frame.bottom - INSET * step_y
        right = left + across * step_x
        inside = max(INSET + across / 2, INSET / 2 + LETTER * len(self.words) / 2)
        middle = frame.left + inside * step_x  # words longer than the bar stay on the picture
        for bar, rim in ((self._below, 1.5), (self._above, 0.0)):
            with bar.hold_sync():
                bar.x, bar.y = [left - rim * step_x, right + rim * step_x], [down, down]
        with self._words.hold_sync():
            self._words.x = np.array([middle + x * step_x for x, _ in RIM])
            self._words.y = np.array([down - (ABOVE + y) * step_y for _, y in RIM])
            self._words.text = [self.words] * len(RIM)

    @property
    def words(self) -> str:
        """Length with its unit: 2 Å, 0.5/Å."""
        gap = "" if self._units.startswith("1/") else " "
        return f"{self.length:g}{gap}{self._units.removeprefix('1')}"

    def show(self, visible: bool) -> None:
        """Show it or hide it."""
        for mark in self.marks:
            mark.visible = visible
