"""One step of a preparation as a row of controls."""

from typing import Any

import ipywidgets

from stemwidgets.arrays.recipe.counts import SCALES
from stemwidgets.arrays.recipe.geometry import MARGIN
from stemwidgets.arrays.recipe.step import Step
from stemwidgets.state.preparing import Entry

WORDS = {
    "center": "centre on the disc",
    "crop": "crop about the disc",
    "bin": "bin pixels",
    "denoise": "denoise by PCA",
    "subtract_mean": "subtract the mean pattern",
    "scale": "scale",
}
_FIRST: dict[str, dict[str, Any]] = {
    "crop": {"margin": MARGIN},
    "bin": {"factor": 2},
    "denoise": {"components": 13},
    "scale": {"by": "std"},
}
_SCALES = {
    "std": "over the standard deviation",
    "dose": "each pattern over its sum",
    "range": "the scan into 0 to 1",
}


def first_parameters(name: str) -> dict[str, Any]:
    """What a step is added with."""
    return _FIRST.get(name, {})


def kind_of(step: Step) -> str:
    """What decides which controls a step needs."""
    by = getattr(step, "by", "")
    return f"scale by {by:g}" if isinstance(by, float) else step.name


class StepRow:
    """A box to tick, the step's name and parameter, and buttons to move and remove it.

    Parameters
    ----------
    step : Step
        The step; its kind stays.

    Attributes
    ----------
    kind : str
        Which controls the step needs, see `kind_of`.
    parts : dict of str to widget
        ``on``, ``up``, ``down``, ``remove`` and, if the step has one, ``parameter``.
    box : widget
        The row.
    """

    def __init__(self, step: Step) -> None:
        self.kind = kind_of(step)
        self.parts: dict[str, Any] = {
            "on": ipywidgets.Checkbox(
                value=True,
                description=WORDS.get(self.kind, self.kind),
                indent=False,
                layout=ipywidgets.Layout(width="228px"),
            )
        }
        parameter = _parameter(step)
        if parameter is not None:
            self.parts["parameter"] = parameter
        for word, width in (("up", "52px"), ("down", "64px"), ("remove", "84px")):
            button = ipywidgets.Button(description=word)
            button.layout.width = width
            self.parts[word] = button
        space = ipywidgets.Layout(width="228px")
        middle = ipywidgets.HBox([] if parameter is None else [parameter], layout=space)
        buttons = [self.parts[word] for word in ("up", "down", "remove")]
        self.box = ipywidgets.HBox([self.parts["on"], middle, *buttons])
        self.box.layout.flex_flow = "row wrap"

    def parameters(self) -> dict[str, Any]:
        """The parameter as the step takes it."""
        (name,) = _FIRST[self.kind]
        return {name: self.parts["parameter"].value}

    def show(self, entry: Entry, first: bool, last: bool) -> None:
        """Bring the controls to what the list says."""
        self.parts["on"].value = entry.on
        self.parts["up"].disabled, self.parts["down"].disabled = first, last
        if "parameter" in self.parts:
            (name,) = _FIRST[self.kind]
            value = getattr(entry.step, name)
            if value is not None:
                self.parts["parameter"].value = value


def _parameter(step: Step) -> Any:
    style = {"description_width": "110px"}
    layout = ipywidgets.Layout(width="200px")
    if step.name == "crop":
        return ipywidgets.BoundedFloatText(
            value=MARGIN,
            min=0.1,
            max=10,
            step=0.1,
            description="disc radii",
            layout=layout,
            style=style,
            continuous_update=False,
        )
    if step.name == "bin":
        return ipywidgets.BoundedIntText(
            value=2, min=1, max=64, description="pixels a side", layout=layout, style=style
        )
    if step.name == "denoise":
        return ipywidgets.BoundedIntText(
            value=13, min=1, max=200, description="components", layout=layout, style=style
        )
    if kind_of(step) == "scale":
        return ipywidgets.Dropdown(
            options=[(_SCALES[name], name) for name in SCALES],
            layout=ipywidgets.Layout(width="222px"),
        )
    return None
