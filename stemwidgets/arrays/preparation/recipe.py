"""An ordered list of steps that can be applied, printed and read again."""

import difflib
import json
from dataclasses import MISSING, dataclass, fields
from typing import Any, Self

import numpy as np

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.checks import require_scan
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.masks import common_mask
from stemwidgets.arrays.preparation.counts import Denoise, Masked, Scale, SubtractMean
from stemwidgets.arrays.preparation.geometry import Bin, Center, Crop
from stemwidgets.arrays.preparation.step import Mask, PreparationStep, PreparedScan

FORMAT = "stemwidgets preparation 1"
STEPS: dict[str, type[PreparationStep]] = {
    step.name: step for step in (Center, Crop, Bin, Masked, SubtractMean, Scale, Denoise)
}
LINE = 88  # characters of a line of code, as formatters have it


@dataclass(frozen=True, repr=False)
class Recipe:
    """Steps from recorded patterns to those that are looked at or learned from.

    Parameters
    ----------
    steps : tuple of PreparationStep
        In the order in which they are taken.
    """

    steps: tuple[PreparationStep, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.steps, tuple) or not all(
            isinstance(s, PreparationStep) for s in self.steps
        ):
            raise InputError(
                f"Expected a tuple of steps, got {self.steps!r}. Write them one after the other: "
                "Preparation().center().crop()."
            )

    @property
    def spoils_com(self) -> tuple[str, ...]:
        """Steps after which the centre of mass is no longer that of the counts."""
        return tuple(step.name for step in self.steps if step.spoils_com)

    def prepared(
        self, data: Any, axes: Axes, mask: Mask | None = None
    ) -> tuple[PreparedScan, Self]:
        """Take all steps with a scan ``[iy, ix, ky, kx]``, numpy or dask.

        The mask ``[ky, kx]`` of pixels that hold no counts that were seen is carried along. Returns
        the prepared scan, with its axes and its mask, and the same steps with numbers for all that
        they left open, as far as it can be a number.
        """
        require_scan(data)
        known = common_mask(data)
        if known is not None:
            mask = known if mask is None else known | mask
        if hasattr(data, "dask"):
            import dask.array as da

            data = da.ma.filled(data, 0) if known is not None else data
            data = data.rechunk({2: -1, 3: -1})
        else:
            data = np.ma.filled(data, 0)
        scan, taken = PreparedScan(data, axes, None, mask), []
        for step in self.steps:
            taken.append(step.measured(scan))
            scan = taken[-1].apply(scan)
        return scan, type(self)(tuple(taken))

    def to_json(self) -> str:
        """Write all steps as JSON, which `from_json` reads."""
        steps = [{"step": step.name, **_given(step)} for step in self.steps]
        return json.dumps({"format": FORMAT, "steps": steps})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the result of `to_json`.

        An InputError if it is no preparation, or names a step or a parameter that does not exist.
        """
        try:
            record = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"Expected a preparation as JSON, got {str(text)[:60]!r}.") from error
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            found = record.get("format") if isinstance(record, dict) else record
            raise InputError(f"Expected JSON with the format {FORMAT!r}, got {str(found)[:60]!r}.")
        steps = record.get("steps")
        if not isinstance(steps, list):
            raise InputError(f"Expected a list of steps, got {steps!r}.")
        return cls(tuple(_step(entry) for entry in steps))

    def to_code(self) -> str:
        """Write all steps as Python, which gives the same preparation again."""
        calls = [f".{step.name}({_arguments(step)})" for step in self.steps]
        line = "".join(["sw.Preparation()", *calls])
        if len(line) <= LINE:
            return line
        return "\n".join(["(", "    sw.Preparation()", *(f"    {call}" for call in calls), ")"])

    def __repr__(self) -> str:
        """The preparation as Python code."""
        return self.to_code()


def _given(step: PreparationStep) -> dict[str, Any]:
    """Parameters that are not at their default."""
    values = {field.name: getattr(step, field.name) for field in fields(step)}
    defaults = {field.name: field.default for field in fields(step)}
    return {name: value for name, value in values.items() if value != defaults[name]}


def _arguments(step: PreparationStep) -> str:
    given = _given(step)
    needed = {field.name for field in fields(step) if field.default is MISSING}
    return ", ".join(
        repr(value) if name in needed else f"{name}={value!r}" for name, value in given.items()
    )


def _step(entry: Any) -> PreparationStep:
    if not isinstance(entry, dict) or not isinstance(entry.get("step"), str):
        raise InputError(f'Expected a step as {{"step": name, …}}, got {entry!r}.')
    parameters = dict(entry)
    name = parameters.pop("step")
    if name not in STEPS:
        near = difflib.get_close_matches(name, STEPS, n=1)
        advice = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(f"There is no step {name!r}; steps: {', '.join(STEPS)}.{advice}")
    known = {field.name for field in fields(STEPS[name])}
    unknown = sorted(set(parameters) - known)
    if unknown:
        raise InputError(
            f"The step {name!r} has no {unknown[0]!r}; it has {', '.join(sorted(known)) or 'none'}."
        )
    try:
        return STEPS[name](**parameters)
    except TypeError as error:
        raise InputError(f"The step {name!r} lacks a parameter: {error}.") from error
