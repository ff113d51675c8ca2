"""Calibration of a scan, its results, and the COM in the frame of the scan."""

import math
from dataclasses import replace
from html import escape
from typing import Any

import ipywidgets
import numpy as np

from stemwidgets.arrays.calibration.measure import Measured
from stemwidgets.arrays.calibration.report import findings
from stemwidgets.arrays.disc.find import Disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import beside, control, legend, lines, problem, tick
from stemwidgets.views.parts.view import View, caption
from stemwidgets.views.parts.words import waiting_for_scan
from stemwidgets.views.pictures.disc_hand import DiscHand, advice
from stemwidgets.views.pictures.painting import paint_counts
from stemwidgets.views.pictures.raster import Raster, curve, place
from stemwidgets.views.pictures.screen import Grid

ROTATIONS = {
    None: "choose …",
    "found": "as found",
    "opposite": "its opposite",
    "none": "none: frame of the detector",
    "given": "as typed in",
}
_WIDTH = "320px"


class CalibrationPanel(View):
    """Panel that finds disc, descan and scan rotation; the disc is drawn on the mean pattern.

    Where it is not the direct beam, press on the direct beam's centre and drag to its edge.

    The COM of all maps is calibrated while the box is ticked: less the descan, and in the frame of
    the scan. Where the scan does not determine the rotation it has to be chosen or typed in first.
    Typed in [degrees], it is that by which patterns are turned clockwise against the scan; the
    semi-angle [mrad] gives the COM its scale by the radius of the disc, 0 leaves that of the axes.

    Parameters
    ----------
    session : Session
        Session whose `calibration` it runs and shows.
    size : int
        Longer side of the mean pattern on screen [CSS px].

    Examples
    --------
    >>> sw.CalibrationPanel(session)
    """

    def __init__(self, session: ScanSession, size: int = 276, **unknown: Any) -> None:
        super().__init__(session, unknown)
        self._grid = Grid(session.scan.axes.ky, session.scan.axes.kx)
        frame = self._grid.frame(size, ("ky", "kx"))
        scales = frame.scales()
        self._outline = curve(scales, "#39d0ff", stroke_width=2)
        self._hand = DiscHand(session, self._grid, self._draw_disc)
        self.raster = Raster(frame, marks=[self._outline], scales=scales, on_drag=self._hand)
        self._button = ipywidgets.Button(description="Calibrate", button_style="primary")
        options = [(words, name) for name, words in ROTATIONS.items()]
        self._rotation = control(
            ipywidgets.Dropdown, "scan rotation", 314, 140, options=options, value=None
        )
        self._given = _number("rotation (degrees)", "clockwise positive, 0 along the scan")
        self._semi_angle = _number("semi-angle (mrad)", "of the disc; 0: scale of the axes", 0.0)
        self._apply = tick("apply to the COM", False, 314)
        self._status, self._table, self._legend = ipywidgets.HTML(), ipywidgets.HTML(), legend()
        self._refused = ""
        self.parts = {
            "calibrate": self._button,
            "rotation": self._rotation,
            "given": self._given,
            "semi_angle": self._semi_angle,
            "apply": self._apply,
            "status": self._status,
            "table": self._table,
            "figure": self.raster.figure,
            "legend": self._legend,
        }
        self._arrange()
        self.press(self._button, session.calibration.start)
        self.write(self._rotation, session.calibration, "rotation")
        self.listen(self._given, self._give)
        self.listen(self._semi_angle, self._scale)
        self.write(self._apply, session.calibration, "applied")
        self.look(self._draw_pattern, "problem")
        self.look(self._draw_pattern, "overview", at=session.scan)
        self.look(self._draw, "overview", at=session.scan)
        traits = ("status", "found", "rotation", "given", "semi_angle", "applied")
        self.look(self._draw, *traits, at=session.calibration)
        self.look(self._draw, "given", at=session.beam)
        self._draw_pattern()
        self._draw()

    def _arrange(self) -> None:
        controls = [*self.parts.values()][:-2]  # without the picture
        picture = [caption("mean pattern"), self.raster.box, self._legend]
        columns = (ipywidgets.VBox(part, layout={"width": _WIDTH}) for part in (controls, picture))
        self.layout.width = "656px"
        self.fill(caption("calibration"), beside(*columns))

    def _give(self) -> None:
        calibration, given = self.session.calibration, math.radians(self._given.value)
        if not math.isclose(given, calibration.given, abs_tol=1e-9):
            calibration.given = given
            calibration.rotation = "given"

    def _scale(self) -> None:
        calibration = self.session.calibration
        if self._semi_angle.value == calibration.semi_angle:
            return
        self._refused = ""
        try:
            calibration.semi_angle = self._semi_angle.value
        except InputError as error:
            self._refused = str(error)
        self._draw()

    def _draw_pattern(self) -> None:
        overview = self.session.scan.overview
        if overview is None:
            self.raster.clear(waiting_for_scan(self.session.problem))
            return
        mean = overview.mean_pattern
        picture, self._legend.value = paint_counts(mean, mean, np.sqrt, "counts, square root")
        self.raster.show(picture)

    def _draw(self) -> None:
        calibration = self.session.calibration
        ready = self.session.scan.overview is not None and not calibration.running
        self._button.disabled = not ready
        self._status.value = lines(self._words())
        self._rotation.disabled = calibration.found is None
        self._rotation.value = calibration.rotation
        self._given.disabled = self._semi_angle.disabled = calibration.found is None
        if calibration.rotation == "given":
            self._given.value = round(math.degrees(calibration.given), 9)
        self._semi_angle.value = calibration.semi_angle
        self._apply.disabled = calibration.used is None
        self._apply.value = calibration.applied
        found = calibration.found
        self._table.value = "" if found is None else _table(self._findings(found))
        self._draw_disc(None)

    def _findings(self, found: Measured) -> dict[str, str]:
        """Scale and typed rotation that are taken, and otherwise the results, chosen or not."""
        calibration = self.session.calibration
        used = calibration.used
        if used is not None:
            rotation = (used if calibration.rotation == "given" else found).scan_rotation
            found = replace(used, scan_rotation=rotation)
        return findings(found, calibration.semi_angle or None, calibration.wavelength)

    def _words(self) -> str:
        calibration = self.session.calibration
        if self._refused:
            return problem(self._refused)
        if calibration.running:
            return "reading the patterns …"
        if calibration.problem:
            return problem(calibration.problem)
        disc = self.session.beam.disc
        if self.session.scan.overview is not None and (disc is None or not disc.sure):
            return problem(advice(disc))
        if calibration.found is None:
            return "finds disc, descan and scan rotation"
        if calibration.applied:
            return "The COM is calibrated, in the frame of the scan."
        if calibration.rotation is None:
            return "The scan does not tell its rotation: choose it to apply the calibration."
        return "The COM is as it was read, in the frame of the detector."

    def _draw_disc(self, disc: Disc | None) -> None:
        found, beam = self.session.calibration.found, self.session.beam
        disc = disc or (beam.disc if found is None else found.disc)
        if disc is None or not disc.sure:
            self._outline.visible = False
            return
        x, y = self._grid.point(*disc.outline(self.session.scan.axes.pixel_size))
        place(self._outline, (x, y))


def _number(words: str, hint: str, least: float | None = None) -> ipywidgets.FloatText:
    kind = ipywidgets.FloatText if least is None else ipywidgets.BoundedFloatText
    limits = {} if least is None else {"min": least, "max": 1e4}
    hints = {"tooltip": hint, "continuous_update": False}
    return control(kind, words, 250, 140, value=0.0, **hints, **limits)


def _table(findings: dict[str, str]) -> str:
    rows = "".join(
        f"<tr><td style='vertical-align:top;white-space:nowrap'>{escape(name)}</td>"
        f"<td>{escape(text)}</td></tr>"
        for name, text in findings.items()
    )
    return f"<table style='line-height:1.3'>{rows}</table>"
