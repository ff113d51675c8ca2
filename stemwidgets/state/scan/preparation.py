"""Preparation of a session's scan: steps to try, through which a training then learns."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from traitlets import Instance, Tuple, observe

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.preparation.placement import Preview
from stemwidgets.arrays.preparation.recipe import STEPS, Recipe
from stemwidgets.arrays.preparation.step import PreparationStep
from stemwidgets.state.background.worker import Mailbox
from stemwidgets.state.scan.computing import Computing
from stemwidgets.state.scan.scan import Scan
from stemwidgets.state.traits import Array


@dataclass(frozen=True)
class Entry:
    """A step on the list, taken or not."""

    step: PreparationStep
    on: bool = True


class Preparing(Computing):
    """A list of steps, with a preview of the pattern at one position.

    Attributes
    ----------
    entries : tuple of Entry
        The steps in their order; replaced whole.
    preview : Preview or None
        The steps that are taken, measured on the scan; None while there are none or they are being
        measured.
    pattern : ndarray of float32, shape [ky, kx], or None
        Prepared pattern at the position, where it came from on the detector; NaN in
        pixels that the steps leave out.
    """

    entries = Tuple()
    preview = Instance(Preview, allow_none=True, read_only=True)
    pattern = Array()

    def __init__(self, scan: Scan, mailbox: Mailbox) -> None:
        super().__init__(scan, mailbox)
        self._before = Recipe()
        self._position = (0, 0)

    @property
    def recipe(self) -> Recipe:
        """The steps that are taken."""
        return Recipe(tuple(entry.step for entry in self.entries if entry.on))

    def add(self, name: str, **parameters: Any) -> None:
        """Append a step, by the name that it has as a method of a preparation.

        Raises
        ------
        InputError
            If there is no such step, or a parameter is out of range.
        """
        if name not in STEPS:
            raise InputError(f"There is no step {name!r}; steps: {', '.join(STEPS)}.")
        self.entries = (*self.entries, Entry(STEPS[name](**parameters)))

    def change(self, index: int, **parameters: Any) -> None:
        """Give a step other parameters; an InputError if they are out of range."""
        entry = self.entries[index]
        self._put(index, replace(entry, step=replace(entry.step, **parameters)))

    def switch(self, index: int, on: bool) -> None:
        """Take a step, or leave it out but on the list."""
        self._put(index, replace(self.entries[index], on=on))

    def move(self, index: int, by: int) -> None:
        """Move a step down the list, or up for a negative number, as far as the list goes."""
        entries = list(self.entries)
        entry = entries.pop(index)
        entries.insert(max(0, index + by), entry)
        self.entries = tuple(entries)

    def remove(self, index: int) -> None:
        """Remove a step from the list."""
        self.entries = (*self.entries[:index], *self.entries[index + 1 :])

    def making(self, make_model: Callable[..., Any]) -> Callable[..., Any]:
        """A maker of models that learn from prepared patterns while there are steps to take."""

        def make(**options: Any) -> Any:
            if self.recipe.steps:
                options = {"preparation": self.recipe.to_json(), **options}
            return make_model(**options)

        return make

    def _put(self, index: int, entry: Entry) -> None:
        self.entries = (*self.entries[:index], entry, *self.entries[index + 1 :])

    @observe("entries")
    def _measure(self, _: Any) -> None:
        recipe, scan = self.recipe, self._scan
        if recipe == self._before:
            return
        self._before = recipe
        self.set_trait("preview", None)
        self.pattern = None
        if not recipe.steps:
            self._forget()
            return
        self._compute(lambda: Preview(recipe, scan.data, scan.axes), self._keep)

    def _keep(self, preview: Preview) -> None:
        self.set_trait("preview", preview)
        self.look(self._position)

    def look(self, position: tuple[int, int]) -> None:
        """Prepare the pattern at another position."""
        self._position, preview = position, self.preview
        if preview is None:
            return

        def show(pattern: Any) -> None:
            if self.preview is preview:
                self.pattern = pattern

        self._worker.submit("prepared pattern", lambda: preview.pattern(position), show)
