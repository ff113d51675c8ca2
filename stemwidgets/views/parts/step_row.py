"""One step of a preparation as a row of controls."""

from contextlib import suppress
from typing import Any

import ipywidgets
import numpy as np

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.preparation.counts import SCALES
from stemwidgets.arrays.preparation.geometry import MARGIN
from stemwidgets.arrays.preparation.mask_text import from_rectangles, from_words, in_words
from stemwidgets.arrays.preparation.step import PreparationStep
from stemwidgets.state.scan.preparation import Entry
from stemwidgets.views.parts.controls import beside, button, control, tick

WORDS = {
    "center": "centre on the disc",
    "crop": "crop about the disc",
    "bin": "bin pixels",
    "mask": "leave out pixels",
    "denoise": "denoise by PCA",
    "subtract_mean": "subtract the mean",
    "scale": "scale",
}
# shares of the disc, pixels or components: what a user would mostly try
_FIRST: dict[str, dict[str, Any]] = {
    "crop": {"margin": MARGIN},
    "bin": {"factor": 2},
    "mask": {"pixels": ""},
    "denoise": {"components": 13},
    "scale": {"by": "std"},
}
_SCALES = {
    "std": "over standard deviation",
    "dose": "each pattern over its sum",
    "range": "the scan into 0 to 1",
}


def first_parameters(name: str, detector: tuple[int, int]) -> dict[str, Any]:
    """Parameters with which a step is added, for patterns ``[ky, kx]``."""
    if name == "mask":
        return {"pixels": np.zeros(detector, dtype=bool)}
    return _FIRST.get(name, {})


def kind_of(step: PreparationStep) -> str:
    """Kind of a step, by which its controls are chosen."""
    by = getattr(step, "by", "")
    return f"scale by {by:g}" if isinstance(by, float) else step.name


class StepRow:
    """A box to tick, the step's name and parameter, and buttons to move and remove it.

    `box` is the row, `kind` that of its step, see `kind_of`; the `parts` are ``on``, ``up``,
    ``down``, ``remove`` and, if the step has one, ``parameter``.
    """

    def __init__(self, step: PreparationStep) -> None:
        self.kind, self._pixels_now = kind_of(step), ""
        self.parts: dict[str, Any] = {"on": tick(WORDS.get(self.kind, self.kind), True, 206)}
        parameter = _parameter(step)
        if parameter is not None:
            self.parts["parameter"] = parameter
        widths = {"up": 52, "down": 64, "remove": 84}
        buttons = {word: button(word, width) for word, width in widths.items()}
        self.parts |= buttons
        middle = ipywidgets.HBox([parameter] if parameter else [], layout={"width": "228px"})
        self.box = beside(self.parts["on"], middle, *buttons.values(), gap="0")

    def parameters(self) -> dict[str, Any]:
        """Parameter as the step takes it; an InputError if there is none."""
        (name,) = _FIRST[self.kind]
        value = self.parts["parameter"].value
        return {name: self._pixels(value) if self.kind == "mask" else value}

    def show(self, entry: Entry, first: bool, last: bool) -> None:
        """Show the state of the step in the list."""
        self.parts["on"].value = entry.on
        self.parts["up"].disabled, self.parts["down"].disabled = first, last
        if "parameter" in self.parts:
            (name,) = _FIRST[self.kind]
            value = getattr(entry.step, name)
            if self.kind == "mask":
                self._pixels_now = value
                value = self._as_written(value)
            if value is not None:
                self.parts["parameter"].value = value

    def _pixels(self, text: str) -> str:
        """Mask from the typed text, in the words of the step."""
        if ":" in text:
            return text
        return in_words(from_rectangles(text, from_words(self._pixels_now).shape))

    def _as_written(self, pixels: str) -> str:
        """Typed text if it means these pixels, else their own words."""
        text = str(self.parts["parameter"].value)
        with suppress(InputError):
            if self._pixels(text) == pixels:
                return text
        return pixels if from_words(pixels).any() else ""


def _parameter(step: PreparationStep) -> Any:
    limits: dict[str, Any]
    hints: dict[str, Any]
    if step.name == "crop":
        limits = {"value": MARGIN, "min": 0.1, "max": 10, "step": 0.1, "continuous_update": False}
        return control(ipywidgets.BoundedFloatText, "disc radii", 200, 110, **limits)
    if step.name == "bin":
        limits = {"value": 2, "min": 1, "max": 64}
        return control(ipywidgets.BoundedIntText, "pixels a side", 200, 110, **limits)
    if step.name == "mask":
        hints = {"placeholder": "rows 60-70, columns 0-64", "continuous_update": False}
        return control(ipywidgets.Text, "", 222, **hints)
    if step.name == "denoise":
        limits = {"value": 13, "min": 1, "max": 200}
        return control(ipywidgets.BoundedIntText, "components", 200, 110, **limits)
    if kind_of(step) == "scale":
        options = [(_SCALES[name], name) for name in SCALES]
        return control(ipywidgets.Dropdown, "", 222, options=options)
    return None
