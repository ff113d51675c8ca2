"""The rrVAE angle beside the COM angle: their difference, and their joint histogram."""

import math
from html import escape
from typing import Any

import ipywidgets
import numpy as np

from stemwidgets.arrays.maps.circular import AngleComparison, joint_histogram
from stemwidgets.state.channels import Channel
from stemwidgets.state.learning.comparison import Compared
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import beside, legend
from stemwidgets.views.parts.view import ASIDE, View, caption
from stemwidgets.views.parts.words import waiting_for
from stemwidgets.views.pictures import colors
from stemwidgets.views.pictures.painting import paint
from stemwidgets.views.pictures.raster import Raster, curve, place, ring
from stemwidgets.views.pictures.screen import MARGIN, Frame, Grid

FEW = 4096  # positions that cannot fill many bins
BINS = {True: 36, False: 72}  # of the histogram per circle, for few positions and for many
NOTE = "brighter where the patterns are; each counts by its COM magnitude; dashed: equal angles"


class AngleComparisonView(View):
    """Difference of the two angles over the scan, and their joint histogram.

    Offset and handedness, which no rrVAE can know, are removed first and stated in words. The
    difference is faint where either angle is uncertain. A click in it moves the position, which is
    ringed in the histogram.

    Parameters
    ----------
    session : Session
        Session to show.
    size : int
        Longer side of the map, and side of the histogram, on screen [CSS px].

    Examples
    --------
    >>> sw.AngleComparisonView(session)
    """

    def __init__(self, session: ScanSession, size: int = 276, **unknown: Any) -> None:
        super().__init__(session, unknown)
        self._grid = Grid(session.scan.axes.scan_y, session.scan.axes.scan_x)
        self.difference = Raster(
            self._grid.frame(size),
            on_click=lambda x, y: self.go_to(*self._grid.position(x, y)),
        )
        frame = _frame(size, 1)
        scales = frame.scales()
        self._diagonal = curve(scales, "#8a8a8a", line_style="dashed", stroke_width=1.5)
        self._ring = ring(scales)
        self.joint = Raster(frame, marks=[self._diagonal, self._ring], scales=scales)
        self.joint.figure.remove_class("stemwidgets-picture")
        self._words = ipywidgets.HTML()
        self._legend, self._note = (legend(max_width=f"{size}px") for _ in range(2))
        self.parts = {
            "difference": self.difference.figure,
            "joint": self.joint.figure,
            "ring": self._ring,
            "words": self._words,
            "legend": self._legend,
        }
        self._shown: Compared | None = None
        self._aligned: Any = None
        room = size + MARGIN["left"] + MARGIN["right"]
        boxes = [
            ipywidgets.VBox([caption(words), raster.box, below], layout={"min_width": f"{room}px"})
            for words, raster, below in (
                ("rrVAE angle − COM angle", self.difference, self._legend),
                ("rrVAE angle against COM angle", self.joint, self._note),
            )
        ]
        self.layout.width = f"{2 * room + 16}px"
        self.fill(self._words, beside(*boxes))
        self.look(self._draw, "compared", at=session.learned)
        self.look(self._mark, "position", delay=ASIDE)
        self.look(self._draw, "status", at=session.training)
        self._draw()

    def _draw(self) -> None:
        found = self.session.learned.compared
        self._say()
        if found is not None and found is self._shown:
            return
        self._shown, self._aligned = found, None
        if found is None:
            self._clear(waiting_for(self.session.training.active))
            return
        if found.agreement is None:
            self._clear("nothing to compare")
            return
        self._aligned = found.agreement.aligned(found.angle.values)
        self._draw_difference(found.agreement, found.angle, found.com)
        self._draw_joint(found.com, found.magnitude, found.angle.fold)
        self._mark()

    def _say(self) -> None:
        line = self.session.learned.comparison or "appears with the first rrVAE angle map"
        self._words.value = f"<b>rrVAE angle against COM angle:</b> {escape(line)}"

    def _clear(self, message: str) -> None:
        self.difference.clear(message)
        self.joint.clear(message)
        self._diagonal.visible = self._ring.visible = False
        self._legend.value = self._note.value = ""

    def _draw_difference(self, comparison: AngleComparison, angle: Channel, com: Channel) -> None:
        confidences = [
            np.nan_to_num(c.confidence) for c in (angle, com) if c.confidence is not None
        ]
        left = Channel(
            "angle difference",
            comparison.difference(angle.values, com.values).astype(np.float32),
            "rad",
            "angle",
            np.prod(confidences, axis=0, dtype=np.float32) if confidences else None,
            angle.fold,
        )
        picture, self._legend.value = paint(left)
        self.difference.show(picture)

    def _draw_joint(self, com: Channel, magnitude: Channel, fold: int) -> None:
        bins = BINS[com.values.size <= FEW]
        counts = joint_histogram(self._aligned, com.values, magnitude.values, bins, fold)
        brightness = np.sqrt(counts)
        picture = colors.sequential(brightness, 0, float(brightness.max()) or 1.0)
        picture[counts == 0, 3] = 0
        frame = _frame(self.joint.frame.width, fold)
        self.joint.move_to(frame)
        for axis in self.joint.axes:
            axis.tick_values = [part * frame.right / 2 for part in range(-2, 3)]
        self.joint.show(frame.from_top(picture))
        place(self._diagonal, [[frame.left, frame.right]] * 2)
        self._note.value = NOTE

    def _mark(self) -> None:
        com, here = self.session.channels.get("COM angle"), self.session.position
        if self._aligned is None or com is None:
            return
        gap = (self._grid.columns.scale, self._grid.rows.scale)
        self.difference.cross(self._grid.point(*here), gap)
        pair = math.degrees(com.values[here]), math.degrees(self._aligned[here])
        half = self.joint.frame.right
        points = [[(a + half) % (2 * half) - half] for a in pair]
        place(self._ring, points if all(map(math.isfinite, pair)) else None)


def _frame(size: int, fold: int) -> Frame:
    """The window of the joint histogram: degrees, from minus to plus half a turn."""
    half = 180 / fold
    return Frame(
        left=-half,
        right=half,
        top=half,
        bottom=-half,
        width=size,
        height=size,
        x_label="COM angle (degrees)",
        y_label="rrVAE angle (degrees)",
    )
