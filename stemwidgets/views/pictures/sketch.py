"""Drawing on a map by mouse or keys, corner by corner.

Positions are ``(iy, ix)`` of the scan, fractions allowed.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Tool = Literal["Rectangle", "Polygon", "Lasso", "Line"]
Place = tuple[float, float]


@dataclass
class Sketch:
    """A drawing of a tool that is not finished, on a scan of a shape.

    Rectangles, lassos and lines are dragged. The corners of a polygon are clicked one after the
    other; a click on the first or once more on the last ends it. With keys, all are set corner by
    corner. The last of the `corners` (iy, ix) follows the pointer; `reach` has the rows and columns
    within which two places count as the same; `backwards` is True while the first end of a line is
    held.
    """

    tool: Tool
    shape: tuple[int, int]
    reach: tuple[float, float]
    corners: list[Place] = field(default_factory=list)
    backwards: bool = False

    def press(self, place: Place) -> bool:
        """Handle a press of the mouse; return True if the drawing is finished."""
        if self.tool == "Polygon" and self.corners:
            return self.add(place)
        self.corners = [place] if self.tool == "Lasso" else [place, place]
        return False

    def take(self, line: tuple[Place, Place], place: Place) -> bool:
        """Take an end of an existing line; return True if there is one."""
        first, last = line
        for held, other in ((last, first), (first, last)):
            if self.near(place, held):
                self.corners, self.backwards = [other, place], held is first
                return True
        return False

    def move(self, place: Place) -> None:
        """Handle a drag, or a move to the next corner of a polygon."""
        if self.tool == "Lasso":
            self.corners.append(place)
        else:
            self.corners[-1] = place

    def release(self, place: Place) -> bool:
        """Handle a release of the mouse; return True if the drawing is finished."""
        self.move(place)
        return self.tool != "Polygon"

    def add(self, place: Place) -> bool:
        """Set a corner by click or key; return True if the drawing is finished.

        The corner that follows the pointer stays there from then on, and a new one follows.
        """
        if not self.corners:
            self.corners = [place, place]
            return False
        fixed = self.corners[:-1]
        if self.tool in ("Rectangle", "Line"):
            self.corners = [fixed[0], place]
            return True
        again = self.near(place, fixed[-1]) or self.near(place, fixed[0])
        self.corners = fixed if again else [*fixed, place, place]
        return again

    def near(self, one: Place, other: Place) -> bool:
        """True if two places count as the same."""
        apart = np.subtract(one, other) / self.reach
        return bool(np.hypot(*apart) <= 1)

    @property
    def path(self) -> list[Place]:
        """Visible part of it: a rectangle as it will be, the others open."""
        return self.outline if self.tool == "Rectangle" else self.corners

    @property
    def empty(self) -> bool:
        """True if it is no more than a click."""
        return all(self.near(self.corners[0], corner) for corner in self.corners)

    @property
    def outline(self) -> list[Place]:
        """Corners around the region; a rectangle takes in every position that it touches."""
        if self.tool != "Rectangle":
            return self.corners
        inner = np.clip(np.rint(self.corners), 0, np.subtract(self.shape, 1))
        (top, left), (bottom, right) = inner.min(axis=0) - 0.5, inner.max(axis=0) + 0.5
        return [(top, left), (top, right), (bottom, right), (bottom, left)]

    @property
    def line(self) -> tuple[Place, Place]:
        """Both ends of a line, on the scan."""
        first, last = np.clip(self.corners, 0, np.subtract(self.shape, 1)).tolist()
        if self.backwards:
            first, last = last, first
        return (first[0], first[1]), (last[0], last[1])
