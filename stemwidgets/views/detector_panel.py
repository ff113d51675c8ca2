"""The virtual detector: its kind, presets and radii."""

from dataclasses import asdict
from functools import partial
from html import escape
from typing import Any

import ipywidgets
import numpy as np

from stemwidgets.arrays.detectors import PRESETS, AnnularDetector, SegmentDetector, preset
from stemwidgets.arrays.disc.find import Disc, find_disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import beside, button, control, problem
from stemwidgets.views.parts.view import View, caption
from stemwidgets.views.pictures.detector_shape import Round, radii, with_radii
from stemwidgets.views.pictures.disc_hand import advice

STEP = 0.1  # px, of the slider
KINDS = ("disc", "annulus", "segments")


class DetectorPanel(View):
    """A disc, annulus or quadrants about the bright-field disc, which is found in the patterns.

    It follows the session's detector, also while that is dragged on a pattern.

    Parameters
    ----------
    session : Session
        Session whose `detector` it sets.
    preset : {"BF", "ABF", "ADF"}
        The detector chosen first: bright field, annular bright field, annular dark field.

    Raises
    ------
    InputError
        For an unknown keyword or preset.
    """

    def __init__(self, session: ScanSession, preset: str = "ADF", **unknown: Any) -> None:
        super().__init__(session, unknown)
        if preset not in PRESETS:
            raise InputError(f"a detector is one of {', '.join(PRESETS)} first, not {preset!r}")
        axis = session.scan.axes.kx
        self._scale = abs(axis.scale)
        self._disc: Disc | None = None
        self._first = preset
        largest = 0.71 * max(session.scan.shape[2:]) * self._scale
        self._radii = ipywidgets.FloatRangeSlider(
            value=(0.0, largest),
            min=0.0,
            max=largest,
            step=self._scale * STEP,
            readout_format=".2f",
            layout=ipywidgets.Layout(width="314px"),
            disabled=True,
        )
        self._kind = control(
            ipywidgets.Dropdown, "kind", 160, "initial", options=KINDS, disabled=True
        )
        self._presets = {name: button(name, 84, disabled=True) for name in PRESETS}
        hint = "press on its centre in the mean pattern and drag to its edge"
        self._place = control(
            ipywidgets.ToggleButton, "Set the direct beam", 200, tooltip=hint, disabled=True
        )
        self._again = button("As found", 104)
        self._again.layout.display = "none"
        self._status = ipywidgets.HTML(layout=ipywidgets.Layout(max_width="314px"))
        self.parts = {"shape": self._kind, "radii": self._radii, **self._presets}
        self.parts |= {"place": self._place, "as found": self._again}
        self.parts |= {"status": self._status, "problem": self.problem_line()}
        self.fill(
            beside(caption("virtual detector"), self._kind, gap="16px"),
            beside(*self._presets.values(), gap="16px"),
            ipywidgets.HTML(escape(f"inner and outer radius ({axis.units})")),
            self._radii,
            self._status,
            ipywidgets.HBox([self._place, self._again]),
            self.parts["problem"],
        )
        for name, one in self._presets.items():
            self.press(one, partial(self._choose, name))
        self.listen(self._radii, self._set_radii)
        self.listen(self._kind, self._set_kind)
        self.write(self._place, session.beam, "placing")
        self.press(self._again, self._take_found)
        self.look(self._find, "overview", at=session.scan)
        self.look(self._find, "given", "placing", at=session.beam)
        self.look(self._follow, "detector")
        self._find()

    @property
    def _detector(self) -> Round | None:
        detector = self.session.detector
        return detector if isinstance(detector, Round) else None

    def _find(self) -> None:
        overview = self.session.scan.overview
        if overview is None:
            return
        old, first = self._disc, self._disc is None
        self._disc = self._known(overview.mean_pattern)
        self._tell(self._disc)
        for part in (self._kind, self._radii, self._place):
            part.disabled = False
        for one in self._presets.values():
            one.disabled = not self._disc.sure
        if first and self.session.detector is None and self._disc.sure:
            self._choose(self._first)
        elif old is not None and old != self._disc:
            self._move_from(old)
        self._follow()

    def _known(self, mean_pattern: Any) -> Disc:
        disc = self.session.beam.disc
        if disc is not None:
            return disc
        rows, columns = self.session.scan.shape[2:]
        try:
            return find_disc(mean_pattern, self.session.scan.axes.pixel_size)
        except InputError as error:
            self.session.report(error)
            center = ((rows - 1) / 2, (columns - 1) / 2)
            doubt = "every pixel is alike"
            return Disc(center, min(rows, columns) / 4, has_edge=False, doubt=doubt)

    def _tell(self, disc: Disc) -> None:
        beam = self.session.beam
        self._place.value = beam.placing
        self._again.layout.display = None if beam.given else "none"
        size = escape(f"{disc.radius * self._scale:.3g} {self.session.scan.axes.kx.units}")
        if beam.placing:
            self._status.value = "press on the centre of the direct beam and drag to its edge"
            return
        if not disc.sure:
            self._status.value = problem(advice(disc))
            return
        found = "direct beam as you said, of" if disc.given else "bright-field disc of"
        cut = ", cut by the detector's edge" if disc.cut else ""
        self._status.value = (
            f"{found} radius {size}{cut}<br>drag the detector on the pattern, or its edges"
        )

    def _move_from(self, old: Disc) -> None:
        """Keep a preset a preset when the disc is another one."""
        detector, pixel_size = self._detector, self.session.scan.axes.pixel_size
        if detector is None and self.session.detector is None:
            self._choose(self._first)
        for name in PRESETS:
            was = preset(name, old, pixel_size)  # type: ignore[arg-type]  # a name of a preset
            if detector is not None and self._is_like(detector, was):
                self._choose(name)
                return

    def _is_like(self, detector: Round, other: Round) -> bool:
        """True if they differ by no more than the steps of the slider."""
        apart = np.subtract((*detector.center, *radii(detector)), (*other.center, *radii(other)))
        return bool(np.abs(apart).max() <= STEP)

    def _take_found(self) -> None:
        self.session.beam.given = None

    def _choose(self, name: Any) -> None:
        if self._disc is not None:
            chosen = preset(name, self._disc, self.session.scan.axes.pixel_size)
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
