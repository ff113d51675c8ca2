"""Histogram of values, in the colours they get, between two limits that can be moved."""

from collections.abc import Callable

import numpy as np
from bqplot import Lines, Scatter
from numpy.typing import NDArray

from stemwidgets.views.pictures.colors import RGBA
from stemwidgets.views.pictures.display import Limits
from stemwidgets.views.pictures.pointer import Phase, arrow
from stemwidgets.views.pictures.raster import Raster
from stemwidgets.views.pictures.screen import Frame, ticks

HEIGHT, STRIP = 52, 12  # CSS px, of all and of the strip of colours
WIDER = 0.4  # of the distance of the limits, that is shown on either side of them
ROOM_OF_A_NUMBER = 36  # CSS px, on either side of a tick
DIGIT = 8  # CSS px, wide
# RGBA of bars between the limits and beyond
INSIDE, OUTSIDE = (110, 125, 140, 255), (150, 160, 170, 110)
BLUE = "#1e88e5"


class Histogram:
    """A histogram with two handles, to be displayed as ``raster.box``.

    `on_limits` receives the limits while a handle is dragged or moved by the arrow keys, possibly
    in a thread of the kernel.
    """

    def __init__(self, width: int, on_limits: Callable[[Limits], None]) -> None:
        frame = Frame(0.0, 1.0, 1.0, 0.0, width, HEIGHT)
        scales = frame.scales()
        self._on_limits = on_limits
        self._limits: Limits = (0.0, 1.0)
        self._mirrored = False
        self._held: int | None = None
        self._last = 1
        self._values: NDArray[np.floating] | None = None
        self._counts = np.zeros(width)
        self._lines = Lines(
            x=[[0, 0], [1, 1]], y=[[0, 1], [0, 1]], scales=scales, colors=[BLUE], stroke_width=2
        )
        self._handles = Scatter(
            x=[0, 1],
            y=[0.8, 0.8],
            scales=scales,
            colors=[BLUE],
            marker="square",
            default_size=150,
            stroke="white",
            stroke_width=1.5,
        )
        self.raster = Raster(
            frame,
            marks=[self._lines, self._handles],
            scales=scales,
            on_drag=self._dragged,
            on_key=self._key,
        )
        self.raster.axes[1].visible = False

    def show(
        self,
        values: NDArray[np.floating],
        limits: Limits,
        paint: Callable[[NDArray[np.float64]], RGBA],
        units: str,
        mirrored: bool = False,
    ) -> None:
        """Show these values and limits.

        Parameters
        ----------
        values : ndarray
            Values to count; those that are not finite are left out.
        limits : (low, high)
            Places of the handles.
        paint : callable
            Gives the colours of values.
        units : str
            Units of the values.
        mirrored : bool
            True to keep both limits equally far from zero.
        """
        self._limits, self._mirrored = limits, mirrored
        if self._held is None:
            self._move_window(values, limits, units)
        self._count(values)
        self.raster.show(self._picture(paint))
        low, high = limits
        with self._lines.hold_sync():
            self._lines.x = [[low, low], [high, high]]
        self._handles.x = [low, high]

    def _move_window(self, values: NDArray[np.floating], limits: Limits, units: str) -> None:
        finite = values[np.isfinite(values)]
        low, high = limits
        span = WIDER * (high - low or 1.0)
        if finite.size:
            left = min(low, max(low - span, float(finite.min())))
            right = max(high, min(high + span, float(finite.max())))
        else:
            left, right = low - span, high + span
        rim = 0.03 * (right - left or 1.0)
        old = self.raster.frame
        frame = Frame(left - rim, right + rim, 1.0, 0.0, old.width, old.height, units)
        if frame != old:
            self._values = None
            self.raster.move_to(frame)
            self.raster.axes[0].tick_values = _apart(frame)

    def _count(self, values: NDArray[np.floating]) -> None:
        if values is self._values:
            return
        frame = self.raster.frame
        self._values = values
        self._counts, _ = np.histogram(
            values[np.isfinite(values)], frame.width // 3, (frame.left, frame.right)
        )

    def _picture(self, paint: Callable[[NDArray[np.float64]], RGBA]) -> RGBA:
        frame = self.raster.frame
        centers = frame.left + (np.arange(frame.width) + 0.5) / frame.width * (
            frame.right - frame.left
        )
        counts = self._counts[np.arange(frame.width) * len(self._counts) // frame.width]
        tall = np.sqrt(counts / max(counts.max(), 1)) * (HEIGHT - STRIP - 2)
        rows = np.arange(HEIGHT - STRIP, 0, -1)[:, None]
        inside = (centers >= self._limits[0]) & (centers <= self._limits[1])
        shades = np.where(inside[:, None], INSIDE, OUTSIDE).astype(np.uint8)
        picture = np.zeros((HEIGHT, frame.width, 4), dtype=np.uint8)
        picture[:-STRIP] = np.where((rows <= np.ceil(tall))[..., None], shades, 0)
        picture[-STRIP:] = paint(centers)
        return picture

    def _dragged(self, phase: Phase, x: float, y: float) -> None:
        if phase == "press":
            self._held = self._last = int(abs(x - self._limits[1]) < abs(x - self._limits[0]))
        held = self._held
        if held is None:
            return
        if phase == "release":
            self._held = None
        self._on_limits(self._moved(held, x))

    def _key(self, key: str, shift: bool) -> None:
        """Move the handle that was taken last, a pixel at a time."""
        _, right = arrow(key, shift) or (0, 0)
        if right:
            frame = self.raster.frame
            step = right * (frame.right - frame.left) / frame.width
            # at once: the next key may be struck before these limits are shown
            self._limits = self._moved(self._last, self._limits[self._last] + step)
            self._on_limits(self._limits)

    def _moved(self, held: int, x: float) -> Limits:
        frame = self.raster.frame
        pixel = (frame.right - frame.left) / frame.width
        x = float(np.clip(x, frame.left, frame.right))
        low, high = self._limits
        if self._mirrored:
            limit = max(x if held else -x, pixel)
            return -limit, limit
        return (low, max(x, low + pixel)) if held else (min(x, high - pixel), high)


def _apart(frame: Frame) -> list[float]:
    """Round numbers to write below, far enough apart not to run into each other."""
    pixel = (frame.right - frame.left) / frame.width
    room = ROOM_OF_A_NUMBER * pixel
    numbers = ticks(frame.left + room, frame.right - room, 3)
    needed = (max((len(f"{value:.12g}") for value in numbers), default=0) + 1) * DIGIT * pixel
    return numbers[::2] if len(numbers) > 1 and numbers[1] - numbers[0] < needed else numbers
