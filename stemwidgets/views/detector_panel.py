"""The virtual detector: its kind, presets and radii."""

from dataclasses import asdict
from functools import partial
from html import escape
from typing import Any

import ipywidgets

from stemwidgets.arrays.detectors import PRESETS, AnnularDetector, SegmentDetector, preset
from stemwidgets.arrays.disc import Disc, find_disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.state.session import Session
from stemwidgets.views.detector_shape import Round, radii, with_radii
from stemwidgets.views.view import View, caption

KINDS = ("disc", "annulus", "segments")


class DetectorPanel(View):
    """A disc, annulus or quadrants about the bright-field disc, which is found in the patterns.

    It follows the session's detector, also while that is dragged on a pattern.

    Parameters
    ----------
    session : Session
        Whose `detector` it sets.
    preset : {"BF", "ABF", "ADF"}
        The detector chosen first: bright field, annular bright field, annular dark field.

    Raises
    ------
    InputError
        For an unknown keyword or preset.
    """

    def __init__(self, session: Session, preset: str = "ADF", **unknown: Any) -> None:
        super().__init__(session, unknown)
        if preset not in PRESETS:
            raise InputError(f"a detector is one of {', '.join(PRESETS)} first, not {preset!r}")
        axis = session.axes.kx
        self._scale = abs(axis.scale)
        self._disc: Disc | None = None
        self._first = preset
        largest = 0.71 * max(session.shape[2:]) * self._scale
        self._radii = ipywidgets.FloatRangeSlider(
            value=(0.0, largest),
            min=0.0,
            max=largest,
            step=self._scale / 10,
            readout_format=".2f",
            layout=ipywidgets.Layout(width="314px"),
            disabled=True,
        )
        self._kind = ipywidgets.Dropdown(
            options=KINDS,
            description="kind",
            disabled=True,
            layout=ipywidgets.Layout(width="160px"),
            style={"description_width": "initial"},
        )
        self._presets = {
            name: ipywidgets.Button(
                description=name, disabled=True, layout=ipywidgets.Layout(width="84px")
            )
            for name in PRESETS
        }
        self._status = ipywidgets.HTML(layout=ipywidgets.Layout(max_width="314px"))
        self.parts = {"kind": self._kind, "radii": self._radii, **self._presets}
        self.parts |= {"status": self._status, "problem": self.problem_line()}
        wrap = ipywidgets.Layout(flex_flow="row wrap")
        heading = ipywidgets.HBox([caption("virtual detector"), self._kind], layout=wrap)
        heading.layout.grid_gap = "16px"
        self.fill(
            heading,
            ipywidgets.HBox(list(self._presets.values()), layout=wrap),
            ipywidgets.HTML(escape(f"inner and outer radius ({axis.units})")),
            self._radii,
            self._status,
            self.parts["problem"],
        )
        for name, button in self._presets.items():
            self.press(button, partial(self._choose, name))
        self.listen(self._radii, self._set_radii)
        self.listen(self._kind, self._set_kind)
        self.look(self._find, "overview")
        self.look(self._follow, "detector")
        self._find()

    @property
    def _detector(self) -> Round | None:
        detector = self.session.detector
        return detector if isinstance(detector, Round) else None

    def _find(self) -> None:
        overview = self.session.overview
        if overview is None or self._disc is not None:
            return
        axes = self.session.axes
        try:
            self._disc = overview.disc or find_disc(overview.mean_pattern, axes.pixel_size)
            size = f"{self._disc.radius * self._scale:.3g} {axes.kx.units}"
            found = escape(f"bright-field disc of radius {size}")
            self._status.value = f"{found}<br>drag the detector on the pattern, or its edges"
        except InputError as error:
            self.session.report(error)
            rows, columns = self.session.shape[2:]
            self._disc = Disc(((rows - 1) / 2, (columns - 1) / 2), min(rows, columns) / 4)
        for control in (self._kind, self._radii, *self._presets.values()):
            control.disabled = False
        if self.session.detector is None:
            self._choose(self._first)
        self._follow()

    def _choose(self, name: Any) -> None:
        if self._disc is not None:
            chosen = preset(name, self._disc, self.session.axes.pixel_size)
            quadrants = isinstance(self.session.detector, SegmentDetector)
            self.session.detector = SegmentDetector(**asdict(chosen)) if quadrants else chosen

    def _follow(self) -> None:
        detector = self._detector
        if detector is not None:
            self._kind.value, self._radii.value = _kind_of(detector), self._radii_of(detector)

    def _radii_of(self, detector: Round) -> tuple[float, float]:
        inner, outer = (min(radius * self._scale, self._radii.max) for radius in radii(detector))
        return inner, outer

    def _set_radii(self) -> None:
        detector = self._detector
        if detector is None or self._radii.value == self._radii_of(detector):
            return
        inner, outer = (radius / self._scale for radius in self._radii.value)
        if outer > inner:
            self.session.detector = with_radii(detector, inner, outer)

    def _set_kind(self) -> None:
        detector, kind = self._detector, self._kind.value
        if detector is None or kind == _kind_of(detector):
            return
        inner, outer = radii(detector)
        if kind == "disc":
            inner = 0.0
        elif kind == "annulus" and inner == 0:
            inner = outer / 2
        make = SegmentDetector if kind == "segments" else AnnularDetector
        self.session.detector = make(detector.center, inner, outer, aspect=detector.aspect)


def _kind_of(detector: Round) -> str:
    if isinstance(detector, SegmentDetector):
        return "segments"
    return "annulus" if radii(detector)[0] > 0 else "disc"
