"""The diffraction pattern at the position, with its reconstruction and the virtual detector."""

from collections.abc import Mapping
from typing import Any

import ipywidgets
import numpy as np
from bqplot import Lines
from numpy.typing import NDArray

from stemwidgets.arrays.disc.find import Disc
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import beside, legend, tick
from stemwidgets.views.parts.view import ASIDE, REST, View, caption, caption_html
from stemwidgets.views.parts.words import waiting_for_scan
from stemwidgets.views.pictures.detector_shape import Grip, area, grip, outline
from stemwidgets.views.pictures.disc_hand import DiscHand
from stemwidgets.views.pictures.faulty_marks import FaultyMarks
from stemwidgets.views.pictures.pattern_display import PatternDisplay
from stemwidgets.views.pictures.pointer import Phase
from stemwidgets.views.pictures.raster import Raster, place
from stemwidgets.views.pictures.screen import MARGIN, Grid

Counts = NDArray[np.floating]

ONE, MEAN, ALL, SHARED = "pattern", "region", "mean pattern", "with neighbours"
CYAN, SHADE = "#39d0ff", 0.2  # of the detector, and opacity of its area
REACH = 8  # CSS px from an edge of the detector within which a press takes it


class PatternView(View):
    """The pattern at the session's position; beside it its reconstruction by the trained model.

    Where the scan has a band limit, a tick below shows the pattern as its neighbours say.

    When a region is chosen, the mean of its patterns is shown until the position changes, and again
    at the user's request.

    Faulty pixels, rows and columns are marked in red, listed below, and left out unless the tick
    there is removed. The virtual detector is drawn on it about its beam, its area shaded.
    Dragging its inside moves it, dragging an edge changes that radius.

    Parameters
    ----------
    session : Session
        Session to show.
    display : {"square root", "linear", "logarithmic", "power", "difference from the mean"}
        Course of colours over counts; limits and colours are chosen on screen. The difference
        is that of the pattern from the scan's mean pattern, and that of the reconstruction from the
        mean of the reconstructions, each in its own range: a pattern of few electrons is mostly
        noise.
    reconstruction : bool
        True to leave room for the reconstruction.
    size : int
        Longer side of a pattern on screen [CSS px].

    Raises
    ------
    InputError
        For an unknown keyword or display.

    Examples
    --------
    >>> sw.PatternView(session, "difference from the mean")
    """

    def __init__(
        self,
        session: ScanSession,
        display: str = "square root",
        reconstruction: bool = True,
        size: int = 276,
        **unknown: Any,
    ) -> None:
        super().__init__(session, unknown)
        self._grid = Grid(session.scan.axes.ky, session.scan.axes.kx)
        frame = self._grid.frame(size, ("ky", "kx"))
        scales = frame.scales()
        self._display = PatternDisplay(self, display, self._draw, frame.width)
        self._rings = Lines(
            x=[[0, 0]],
            y=[[0, 0]],
            scales=scales,
            stroke_width=2,
            fill="inside",
            fill_colors=[CYAN],
            fill_opacities=[SHADE],
            visible=False,
        )
        units = session.scan.axes.kx.units
        self.parts = {}
        self._faulty = FaultyMarks(self, self._grid, frame, scales)
        marks = [*self._faulty.marks, self._rings]
        self._pattern = Raster(
            frame, marks=marks, scales=scales, on_drag=self._dragged, units=units
        )
        self._grip: Grip | None = None
        self._away = (0.0, 0.0)  # of the detector as it is drawn, (ky, kx) [px]
        self._hand = DiscHand(session, self._grid, self._draw_disc)
        self._reconstruction = Raster(frame, units=units) if reconstruction else None
        self._legends = [legend() for _ in range(2)]
        self.parts |= {
            "show": self._display.choice,
            "display": self._display.opened,
            "figure": self._pattern.figure,
            "legend": self._legends[0],
        }
        self._title = caption(ONE)
        self._where = ipywidgets.ToggleButtons(
            options=[("single pattern", False), ("mean of the region", True)],
            style={"button_width": "auto"},
        )
        self._where.add_class("stemwidgets-tools")
        self._where.layout.margin = self._legends[0].layout.margin
        self._where.layout.display = "none"
        hint = "the pattern as its neighbours in the scan say, without noise beyond the band limit"
        self._shared = tick(SHARED, False, tooltip=hint)
        self._shared.layout.margin = self._legends[0].layout.margin
        self.parts |= {"title": self._title, "where": self._where, "neighbours": self._shared}
        self.fill(self._arranged(frame.width))
        self._watch()
        self._draw()
        self._draw_rings()

    def _arranged(self, width: int) -> ipywidgets.HBox:
        """Pattern and reconstruction of this width [CSS px] side by side, with their legends."""
        toggles = ipywidgets.HBox([self._display.opened])
        toggles.add_class("stemwidgets-tools")
        heading = ipywidgets.HBox([self._title, self._display.choice, toggles])
        heading.layout.grid_gap = "4px"
        shown = [heading, self._pattern.box, self._legends[0], self._faulty.below]
        shown += [self._where, self._shared, self._display.below]
        pictures = [ipywidgets.VBox(shown)]
        if self._reconstruction is not None:
            self.parts["reconstruction"] = self._reconstruction.figure
            self.parts["reconstruction_legend"] = self._legends[1]
            heading = caption("rrVAE reconstruction")
            pictures.append(
                ipywidgets.VBox([heading, self._reconstruction.figure, self._legends[1]])
            )
        room = max(width + MARGIN["left"] + MARGIN["right"], 320)
        for box in pictures:
            box.layout.width = f"{room}px"
        self.layout.width = f"{(room + 4) * len(pictures) + 8 * (len(pictures) - 1) + 4}px"
        return beside(*pictures)

    def _watch(self) -> None:
        """Draw what changes on the session."""
        self.listen(self._where, self._draw)
        self.write(self._shared, self.session.looking, "with_neighbours")
        self.look(self._offer_neighbours, "chosen", at=self.session.limiting)
        self.look(self._offer_neighbours, "with_neighbours", at=self.session.looking)
        self._offer_neighbours()
        self.look(self._draw, "shown", "problem")
        self.look(self._draw, "overview", at=self.session.scan)
        self.look(self._draw, "mean_reconstruction", at=self.session.learned)
        self.look(self._draw, "left_out", "leave_out", at=self.session.scan)
        self.look(self._draw_rings, "detector")
        self.look(self._follow_beam, "position")
        self.look(self._follow_beam, "followed", at=self.session.scan)
        self.look(self._turn_to_beam, "placing", at=self.session.beam)
        self.look(self._turn_to_region, "region_pattern", at=self.session.selection)
        self.look(self._turn_to_position, "position")

    @property
    def choices(self) -> dict[str, Any]:
        """Choices of pattern and display, as plain JSON; may be set."""
        return self._display.choices

    @choices.setter
    def choices(self, choices: Mapping[str, Any]) -> None:
        self._display.choices = choices

    def _turn_to_region(self) -> None:
        there = self.session.selection.region_pattern is not None
        self._where.value = there
        self._where.layout.display = None if there else "none"
        self._draw()

    def _turn_to_position(self) -> None:
        if self._of_region:
            self._where.value = False
            self._draw()

    def _offer_neighbours(self) -> None:
        """Offer to read neighbours where the scan has a limit below which they share signal."""
        self._shared.value = self.session.looking.with_neighbours
        self._shared.layout.display = "none" if self.session.limiting.limit is None else None

    def _turn_to_beam(self) -> None:
        """Show the mean pattern while the user points out the direct beam."""
        self._draw()
        self._draw_rings()

    @property
    def _of_region(self) -> bool:
        return bool(self._where.value and self.session.selection.region_pattern is not None)

    def _follow_beam(self) -> None:
        """Draw the detector about the beam in the pattern shown."""
        mean = self._of_region or self.session.beam.placing
        away = (0.0, 0.0) if mean else self.session.scan.departure(self.session.position)
        if away != self._away:
            self._away = away
            self._draw_rings()

    def _draw(self) -> None:
        self._follow_beam()
        session = self.session
        overview = session.scan.overview
        pattern: Counts | None = session.pattern
        self._title.value = caption_html(MEAN if self._of_region else ONE)
        if self._of_region:
            pattern = session.selection.region_pattern
        elif session.beam.placing and overview is not None:
            pattern = overview.mean_pattern
            self._title.value = caption_html(ALL)
        elif session.shown is not None and session.shown.limited is not None:
            pattern = session.shown.limited
        if pattern is None:
            self._pattern.clear(waiting_for_scan(self.session.problem))
            return
        mean = None if overview is None else overview.mean_pattern
        if self._of_region and session.selection.compared_pattern is not None:
            mean = session.selection.compared_pattern
        pattern = self._faulty.without(pattern)
        picture, words = self._display.paint(pattern, mean, pattern)
        if self._of_region:
            words += f"mean of {np.count_nonzero(session.selection.region)} patterns"
        self._tell(0, words)
        self._pattern.show(picture)
        self._display.explain(pattern, mean)
        if self._reconstruction is not None:
            self._draw_reconstruction(self._reconstruction, pattern)

    def _draw_reconstruction(self, raster: Raster, pattern: Counts) -> None:
        learned = self.session.learned
        reconstruction, mean = self.session.reconstruction, learned.mean_reconstruction
        if self._of_region:
            raster.clear("click on a map for a single pattern")
            self._tell(1, "")
        elif reconstruction is None or (mean is None and self._display.difference):
            waiting = "averaging …" if reconstruction is not None else "appears after training"
            raster.clear(waiting if learned.earlier_maps is None else "only with the latest maps")
            self._tell(1, "")
        else:
            picture, words = self._display.paint(reconstruction, mean, pattern)
            self._tell(1, words)
            raster.show(picture)

    def _tell(self, index: int, words: str) -> None:
        """Write a legend, aside: a browser lays out the page for it."""

        def write() -> None:
            self._legends[index].value = words

        self.session.mailbox.post(f"legend {index} {id(self)}", write, delay=ASIDE)

    def _draw_disc(self, disc: Disc | None) -> None:
        disc = disc or self.session.beam.disc
        if disc is None:
            self._rings.visible = False
            return
        x, y = self._grid.point(*disc.outline(self.session.scan.axes.pixel_size))
        self._rings.colors = [CYAN]
        place(self._rings, (x[None], y[None]))

    def _draw_rings(self) -> None:
        if self.session.beam.placing:
            self._draw_disc(None)
            return
        inside, edges = area(self.session.detector), outline(self.session.detector)
        with self._rings.hold_sync():
            self._rings.visible = inside is not None
            if inside is not None:
                y, x = self._away
                curves = [self._grid.point(ky + y, kx + x) for ky, kx in (inside, *edges)]
                self._rings.colors = ["transparent"] + [CYAN] * len(edges)
                self._rings.x = np.array([x for x, _ in curves])
                self._rings.y = np.array([y for _, y in curves])

    def _dragged(self, phase: Phase, x: float, y: float) -> None:
        if self.session.beam.placing:
            self._hand(phase, x, y)
            return
        ky, kx = np.subtract(self._grid.position(x, y), self._away)
        if phase == "press":
            reach = REACH * self._grid.columns.size / self._pattern.frame.width
            self._grip = grip(self.session.detector, ky, kx, reach)
        held = self._grip
        if held is None:
            return

        def change() -> None:
            self.session.detector = held.moved(ky, kx, self.session.scan.shape[2:])

        self.session.mailbox.post("detector", change, rest=REST)
