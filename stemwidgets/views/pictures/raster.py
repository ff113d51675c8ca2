"""The one class that draws pictures, on the one kind of figure that all views share."""

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import numpy as np
from bqplot import Figure, Image, Label, LinearScale, Lines, Mark, Scatter
from PIL import Image as Picture

from stemwidgets.views.pictures.colors import RGBA
from stemwidgets.views.pictures.pointer import Phase, Place, Pointer
from stemwidgets.views.pictures.scale_bar import ScaleBar
from stemwidgets.views.pictures.screen import MARGIN, Frame

RUNS = 3  # of equal bytes only: nearly as short, in half the time


def png(picture: RGBA) -> bytes:
    """A picture ``[rows, columns, RGBA]`` as PNG."""
    buffer = io.BytesIO()
    Picture.fromarray(picture).save(buffer, "PNG", compress_level=1, compress_type=RUNS)
    return buffer.getvalue()


def uri(picture: RGBA) -> str:
    """A picture as PNG inside an address, for HTML."""
    return "data:image/png;base64," + base64.b64encode(png(picture)).decode()


def ring(scales: dict[str, LinearScale], color: str = "#e53935") -> Scatter:
    """A ring around one point, not yet shown."""
    return Scatter(
        x=[],
        y=[],
        scales=scales,
        default_size=160,
        fill=False,
        colors=[color],
        stroke=color,
        stroke_width=3,
        visible=False,
    )


def curve(scales: dict[str, LinearScale], color: str, **look: Any) -> Lines:
    """A curve, not yet shown."""
    return Lines(x=[0, 1], y=[0, 1], scales=scales, colors=[color], visible=False, **look)


def place(mark: Mark, points: Any | None) -> None:
    """Show a mark at points, ``x`` and ``y``, or hide it."""
    with mark.hold_sync():
        mark.visible = points is not None
        if points is not None:
            mark.x, mark.y = points


CLEAR = np.zeros((1, 1, 4), dtype=np.uint8)  # one transparent pixel


class Raster:
    """A figure with a picture, axes with units, a crosshair, and a glass that catches clicks.

    Its `box` is to be displayed: the `figure`, with its pointer if there is one. `on_click`
    receives the coordinates ``x, y`` of a click, possibly in a thread of the kernel; `on_drag`,
    `on_key` and `on_hover` make it follow the mouse and the keys, see `Pointer`. The marks, of the
    same scales, are drawn between the picture and the crosshair. With units of the horizontal axis
    there is a scale bar.
    """

    def __init__(
        self,
        frame: Frame,
        on_click: Callable[[float, float], None] | None = None,
        marks: Sequence[Mark] = (),
        scales: dict[str, LinearScale] | None = None,
        on_drag: Callable[[Phase, float, float], None] | None = None,
        on_key: Callable[[str, bool], None] | None = None,
        on_hover: Callable[[Place | None], None] | None = None,
        units: str = "",
    ) -> None:
        self.frame = frame
        self.scales = frame.scales() if scales is None else scales
        self._blank = True
        # bqplot draws another image, not another value of the same one: two take turns
        self._images = (_image(CLEAR), _image(CLEAR))
        self._picture = Image(image=self._images[0], scales=self.scales, **frame.extent)
        self._crossed: tuple[Frame, tuple[float, float]] | None = None
        self._crosshair = Lines(
            x=[[0, 0]],
            y=[[0, 0]],
            scales=self.scales,
            colors=["black"] * 4 + ["white"] * 4,
            stroke_width=1.5,
            visible=False,
        )
        self._message = _words()
        self._glass = Image(image=_image(CLEAR), scales=self.scales, **frame.extent)
        if on_click is not None:
            self._glass.on_element_click(
                lambda _, message: on_click(message["data"]["click_x"], message["data"]["click_y"])
            )
        self.scale_bar = ScaleBar(frame, units, self.scales) if units else None
        drawn = [*marks, *(self.scale_bar.marks if self.scale_bar else ())]
        self.axes = frame.axes(self.scales)
        self.figure = Figure(
            marks=[self._picture, *drawn, self._crosshair, self._message, self._glass],
            axes=self.axes,
            fig_margin=MARGIN,
            padding_x=0,
            padding_y=0,
            animation_duration=0,
            display_toolbar=False,
            layout=_layout(frame),
        )
        self.figure.add_class("stemwidgets-picture")
        self.box: ipywidgets.DOMWidget = self.figure
        if on_drag is not None:
            self.pointer = Pointer(self.figure, lambda: self.frame, on_drag, on_key, on_hover)
            self.box = self.pointer.box

    @property
    def message(self) -> str:
        """The words that stand in for a picture; empty if there is one."""
        return str(self._message.text[0]) if self._message.visible else ""

    def show(self, picture: RGBA) -> None:
        """Draw a picture that fills the window."""
        self._message.visible = False
        self._blank = picture is CLEAR
        if self.scale_bar is not None:
            self.scale_bar.show(not self._blank)
        image = self._images[self._picture.image is self._images[0]]
        image.value = png(picture)
        self._picture.image = image

    def clear(self, message: str = "") -> None:
        """Draw no picture but a few words instead."""
        if not self._blank:
            self.show(CLEAR)
        self._crosshair.visible = False
        self._message.text = [message]
        self._message.visible = bool(message)

    def cross(self, point: tuple[float, float], gap: tuple[float, float]) -> None:
        """Move the crosshair to a point ``(x, y)``, leaving a gap ``(width, height)``."""
        frame, (x, y) = self.frame, point
        if self._crosshair.visible and self._crossed == (frame, point):
            return
        self._crossed = frame, point
        right, down = np.sign([frame.right - frame.left, frame.bottom - frame.top])
        gap_x, gap_y = right * abs(gap[0]) / 2, down * abs(gap[1]) / 2
        segments = []
        for shade in (1.0, 0.0):  # one pixel beside the white cross a black one, seen on any colour
            at_x = x + shade * (frame.right - frame.left) / frame.width
            at_y = y + shade * (frame.bottom - frame.top) / frame.height
            segments += [
                [(frame.left, x - gap_x), (at_y, at_y)],
                [(x + gap_x, frame.right), (at_y, at_y)],
                [(at_x, at_x), (frame.top, y - gap_y)],
                [(at_x, at_x), (y + gap_y, frame.bottom)],
            ]
        with self._crosshair.hold_sync():
            self._crosshair.x = [segment[0] for segment in segments]
            self._crosshair.y = [segment[1] for segment in segments]
            self._crosshair.visible = True

    def move_to(self, frame: Frame) -> None:
        """Show another window of the same size on screen."""
        if frame == self.frame:
            return
        self.frame = frame
        for mark in (self._picture, self._glass):
            with mark.hold_sync():
                mark.x, mark.y = frame.extent["x"], frame.extent["y"]
        frame.fit(self.scales)
        frame.label(self.axes)
        if self.scale_bar is not None:
            self.scale_bar.fit(frame)


def _image(picture: RGBA) -> ipywidgets.Image:
    return ipywidgets.Image(value=png(picture), format="png")


def _words() -> Label:
    return Label(
        x=[0.5],
        y=[0.5],
        text=[""],
        align="middle",
        colors=["#8a8a8a"],
        default_size=14,
        font_weight="normal",
        visible=False,
    )


def _layout(frame: Frame) -> ipywidgets.Layout:
    width = f"{frame.width + MARGIN['left'] + MARGIN['right']}px"
    height = f"{frame.height + MARGIN['top'] + MARGIN['bottom']}px"
    return ipywidgets.Layout(
        width=width, min_width=width, height=height, min_height=height, flex="0 0 auto"
    )
