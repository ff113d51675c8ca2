"""The virtual detector: a ring on the pattern, its radii and presets."""

from functools import partial
from html import escape
from typing import Any

import ipywidgets

from stemwidgets.arrays.detectors import PRESETS, AnnularDetector
from stemwidgets.arrays.disc import Disc, find_disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.state.session import Session
from stemwidgets.views.view import View, caption


class DetectorPanel(View):
    """Radii of an annular detector about the bright-field disc, which is found in the mean pattern.

    Parameters
    ----------
    session : Session
        Whose `detector` it sets.
    preset : {"BF", "ABF", "ADF"}
        The detector chosen first: bright field, annular bright field, annular dark field.

    Raises
    ------
    InputError
        For an unknown keyword.
    """

    def __init__(self, session: Session, preset: str = "ADF", **unknown: Any) -> None:
        super().__init__(session, unknown)
        axis = session.axes.kx
        self._scale = abs(axis.scale)
        self._disc: Disc | None = None
        self._first = preset
        largest = 0.71 * max(session.shape[2:]) * self._scale
        self._radii = ipywidgets.FloatRangeSlider(
            value=(0.0, largest),
            min=0.0,
            max=largest,
            step=self._scale / 2,
            readout_format=".2f",
            layout=ipywidgets.Layout(width="340px"),
            disabled=True,
        )
        self._presets = {
            name: ipywidgets.Button(
                description=name, disabled=True, layout=ipywidgets.Layout(width="84px")
            )
            for name in PRESETS
        }
        self._status = ipywidgets.HTML()
        self.parts = {"radii": self._radii, **self._presets, "status": self._status}
        self.parts["problem"] = self.problem_line()
        row = ipywidgets.HBox(
            list(self._presets.values()), layout=ipywidgets.Layout(flex_flow="row wrap")
        )
        self.fill(
            caption("virtual detector"),
            row,
            ipywidgets.HTML(f"inner and outer radius ({axis.units})"),
            self._radii,
            self._status,
            self.parts["problem"],
        )
        for name, button in self._presets.items():
            self.press(button, partial(self._choose, name))
        self.listen(self._radii, self._set)
        self.look(self._find, "overview")
        self._find()

    def _find(self) -> None:
        overview = self.session.overview
        if overview is None or self._disc is not None:
            return
        axes = self.session.axes
        try:
            self._disc = find_disc(overview.mean_pattern, axes.pixel_size)
            radius = f"{self._disc.radius * self._scale:.3g} {axes.kx.units}"
            self._status.value = escape(f"bright-field disc of radius {radius}")
        except InputError as error:
            self.session.report(error)
            rows, columns = self.session.shape[2:]
            self._disc = Disc(((rows - 1) / 2, (columns - 1) / 2), min(rows, columns) / 4)
        for control in (self._radii, *self._presets.values()):
            control.disabled = False
        self._choose(self._first)

    def _choose(self, preset: str) -> None:
        if self._disc is None:
            return
        inner, outer = (factor * self._disc.radius * self._scale for factor in PRESETS[preset])
        self._radii.value = (inner, min(outer, self._radii.max))
        self._set()

    def _set(self) -> None:
        if self._disc is None:
            return
        inner, outer = (radius / self._scale for radius in self._radii.value)
        if outer > inner:
            self.session.detector = AnnularDetector(self._disc.center, inner, outer)
