"""The latent space: one point for each pattern, or a histogram where there are too many."""

import operator
from typing import Any

import ipywidgets
import numpy as np
from bqplot import Scatter
from numpy.typing import NDArray

from stemwidgets.arrays.maps.polygon import surrounded
from stemwidgets.state.channels import Channel, latents
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.channel_choice import ChannelChoice
from stemwidgets.views.parts.controls import INDENT, button, legend
from stemwidgets.views.parts.view import ASIDE, REST, View, caption, require_channel
from stemwidgets.views.parts.words import caption_of, waiting_for
from stemwidgets.views.pictures import colors
from stemwidgets.views.pictures.painting import paint
from stemwidgets.views.pictures.pointer import Phase
from stemwidgets.views.pictures.raster import Raster, curve, place, ring
from stemwidgets.views.pictures.screen import Frame

MOST_POINTS = 4096  # of a bqplot scatter, which takes seconds to show beyond
BINS = 128  # along each axis of the histogram that replaces more points
CLICK = 0.02  # of the window: a shorter drag is a click
FAINT = 0.12  # opacity outside the selection


class LatentView(View):
    """Patterns in latent space, coloured by a channel.

    A click moves the session's position to the nearest pattern. A line drawn around patterns makes
    them the session's region, Esc removes it. Regions drawn on maps are seen here, too.

    Parameters
    ----------
    session : Session
        Session to show.
    color : str
        Name of the channel that colours the points.
    size : int
        Side of the plot on screen [CSS px].

    Raises
    ------
    InputError
        For an unknown keyword or channel.

    Examples
    --------
    >>> sw.LatentView(session, color="COM angle")
    """

    kept = ("color", "horizontal", "vertical")

    def __init__(
        self, session: ScanSession, color: str = "angle", size: int = 276, **unknown: Any
    ) -> None:
        super().__init__(session, unknown)
        require_channel(session, color)
        self._size = size
        frame = Frame(-3, 3, 3, -3, size, size, "latent z1", "latent z2")
        scales = frame.scales()
        self._points = Scatter(
            x=[], y=[], scales=scales, default_size=24, stroke="#00000055", stroke_width=0.5
        )
        self._ring = ring(scales)
        self._lasso = curve(scales, "#e53935", stroke_width=2)
        self.raster = Raster(
            frame,
            on_drag=self._dragged,
            on_key=self._key,
            marks=[self._points, self._ring, self._lasso],
            scales=scales,
        )
        self._path: list[tuple[float, float]] = []
        self._shown: tuple[Any, ...] = ()
        self._choice = ChannelChoice(session, color, "colour", layout={"width": "206px"})
        self.raster.figure.remove_class("stemwidgets-picture")
        self._legend, self._clear, self._words = legend(), button("clear", 84), ipywidgets.HTML()
        self._selected = ipywidgets.HBox(
            [self._words, self._clear], layout={"margin": INDENT, "grid_gap": "16px"}
        )
        self.parts = {
            "color": self._choice,
            "figure": self.raster.figure,
            "legend": self._legend,
            "points": self._points,
            "ring": self._ring,
            "lasso": self._lasso,
            "clear": self._clear,
        }
        heading = ipywidgets.HBox([caption("latent space"), self._choice])
        heading.layout.grid_gap = "4px"
        self.fill(heading, self.raster.box, self._legend, self._selected)
        self.listen(self._choice, self._draw)
        self.press(self._clear, self._deselect)
        self.look(self._draw, "region", at=session.selection)
        self.look(self._offer, "channels")
        self.look(self._draw_ring, "position", delay=ASIDE)
        self.look(self._draw, "status", at=session.training)
        self._offer()

    def _coordinates(self) -> tuple[Channel, Channel] | None:
        channels = self.session.channels
        found = latents(channels)
        if not found:
            return None
        return found[0], found[1] if len(found) > 1 else channels["residual"]

    def _offer(self) -> None:
        self._choice.offer()
        self._draw()

    def _draw(self) -> None:
        coordinates, region = self._coordinates(), self.session.selection.region
        self._tell(region)
        if coordinates is None:
            self._points.visible = self._ring.visible = False
            self.raster.clear(waiting_for(self.session.training.active))
            self._legend.value = ""
            self._shown = ()
            return
        color = self._choice.channel or coordinates[0]
        shown = (*coordinates, color, region)
        if len(self._shown) == len(shown) and all(map(operator.is_, shown, self._shown)):
            return
        self._shown = shown
        self.raster.move_to(_frame(*coordinates, self._size))
        z1, z2 = (channel.values.ravel() for channel in coordinates)
        many = z1.size > MOST_POINTS
        if many:
            self._points.visible = False
            self._legend.value = "brighter where there are more patterns"
            self.raster.show(_histogram(z1, z2, self.raster.frame, region))
        else:
            self.raster.clear()
            picture, self._legend.value = paint(color)
            with self._points.hold_sync():
                self._points.x, self._points.y = z1, z2
                self._points.colors = [colors.css(c) for c in picture.reshape(-1, 4)]
                self._points.opacities = (
                    [1.0] if region is None else np.where(region.ravel(), 1.0, FAINT).tolist()
                )
                self._points.visible = True
        self._draw_ring()

    def _draw_ring(self) -> None:
        coordinates = self._coordinates()
        if coordinates is None:
            return
        here = self.session.position
        place(self._ring, [[channel.values[here]] for channel in coordinates])

    def _tell(self, region: NDArray[np.bool_] | None) -> None:
        count = 0 if region is None else int(region.sum())
        self._words.value = f"{count} pattern{'s' * (count != 1)} selected"
        self._selected.layout.display = "none" if region is None else None

    def _key(self, key: str, _: bool) -> None:
        if key == "Escape":
            self.session.mailbox.post(f"lasso {id(self)}", self._deselect)

    def _deselect(self) -> None:
        self.session.selection.region = None

    def _dragged(self, phase: Phase, x: float, y: float) -> None:
        self._path = [*([] if phase == "press" else self._path), (x, y)]
        path = self._path
        if phase != "release":
            points = tuple(zip(*path, strict=True))
            key = f"lasso {id(self)}"
            self.session.mailbox.post(key, lambda: place(self._lasso, points), rest=REST)
            return
        across, down = np.ptp(np.array(path), axis=0)
        frame = self.raster.frame
        if across < CLICK * (frame.right - frame.left) and down < CLICK * (
            frame.top - frame.bottom
        ):
            self._clicked(x, y)
            path = []
        self.session.mailbox.post(f"lasso {id(self)}", lambda: self._select(path))

    def _select(self, path: list[tuple[float, float]]) -> None:
        """Make the patterns inside a path the region."""
        self._lasso.visible = False
        coordinates = self._coordinates()
        if not path or coordinates is None:
            return
        horizontal, vertical = (channel.values for channel in coordinates)
        outline = [(y, x) for x, y in path]
        self.session.selection.region = surrounded(vertical, horizontal, outline)

    def _clicked(self, x: float, y: float) -> None:
        coordinates = self._coordinates()
        if coordinates is None:
            return
        frame = self.raster.frame
        distance = ((coordinates[0].values - x) / (frame.right - frame.left)) ** 2
        distance = distance + ((coordinates[1].values - y) / (frame.top - frame.bottom)) ** 2
        if np.isfinite(distance).any():
            iy, ix = np.unravel_index(np.nanargmin(distance), distance.shape)
            self.go_to(int(iy), int(ix))


def _frame(horizontal: Channel, vertical: Channel, size: int) -> Frame:
    (left, right), (bottom, top) = (_limits(c.values) for c in (horizontal, vertical))
    labels = (caption_of(channel.name).removeprefix("rrVAE ") for channel in (horizontal, vertical))
    return Frame(left, right, top, bottom, size, size, *labels)


def _limits(values: NDArray[np.floating]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return -1.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    step = 10.0 ** np.floor(np.log10(max(high - low, 1e-3))) / 2  # steady axes while it trains
    return float(np.floor(low / step - 0.1) * step), float(np.ceil(high / step + 0.1) * step)


def _histogram(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    frame: Frame,
    region: NDArray[np.bool_] | None,
) -> colors.RGBA:
    """Histogram of the patterns: those of the region, if there is one, in front of the others."""
    counts = frame.counts(x, y, BINS)
    brightness = np.where(counts > 0, np.sqrt(counts), np.nan)
    picture = colors.sequential(brightness, 0, float(np.sqrt(counts.max())))
    picture[counts == 0, 3] = 0
    if region is not None:
        chosen = region.ravel()
        picture[frame.counts(x[chosen], y[chosen], BINS) == 0, 3] //= round(1 / FAINT)
    return picture
