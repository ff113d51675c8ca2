"""Base of all views: a box with named parts that reads and writes one session."""

import re
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ipywidgets
from traitlets import HasTraits, TraitError

from stemwidgets.arrays.errors import InputError
from stemwidgets.state.channels import expected_source
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.cells import made
from stemwidgets.views.parts.within import close_within
from stemwidgets.views.pictures.pointer import Phase

REST = 0.02  # s, between responses to a drag
ASIDE = 0.1  # s, for views that nobody watches while the position is dragged
PRESENTED = "stemwidgets-presented"
STYLE = f"<style>\n{Path(__file__).with_name('style.css').read_text(encoding='utf-8')}</style>"


class View(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Base of all views.

    Parameters
    ----------
    session : Session
        Session to show.
    unknown : dict
        Keywords that were given to the view and are not known: every view refuses them.

    Raises
    ------
    InputError
        For an unknown keyword, or if `session` is none.

    Attributes
    ----------
    parts : dict of str to widget
        Controls and figures, by name.
    kept : tuple of str
        Names of the controls whose values a saved session keeps.
    renamed : mapping of str to str
        Their names by those that they had in earlier versions.
    presented : bool
        True if it is shown large, so that figures made late have to be enlarged.

    Examples
    --------
    >>> class Place(sw.View):
    ...     def __init__(self, session, **unknown):
    ...         super().__init__(session, unknown)
    ...         self.parts["words"] = ipywidgets.Label()
    ...         self.fill(self.parts["words"])
    ...         self.look(self.show, "position")
    ...
    ...     def show(self):
    ...         self.parts["words"].value = "row {}, column {}".format(*self.session.position)
    """

    kept: tuple[str, ...] = ()
    renamed: Mapping[str, str] = MappingProxyType({})
    presented = False
    _there = False  # until it is complete, and once it is closed

    def __init__(self, session: ScanSession, unknown: dict[str, Any]) -> None:
        if unknown:
            raise InputError(
                f"{type(self).__name__} does not know {', '.join(map(repr, sorted(unknown)))}. "
                f"See help({type(self).__name__}) for what it takes."
            )
        if not isinstance(session, ScanSession):
            raise InputError(
                f"{type(self).__name__} shows a Session, not {type(session).__name__}: "
                "make one with stemwidgets.Session(signal)."
            )
        session.require_open()
        super().__init__(
            layout=ipywidgets.Layout(width="max-content", max_width="100%", flex="0 0 auto")
        )
        self.add_class("stemwidgets")
        words = re.findall("[A-Z][a-z]*", type(self).__name__)
        self.add_class(f"stemwidgets-{'-'.join(words).lower()}")  # stemwidgets-map-view
        self.session = session
        self.parts: dict[str, Any] = {}
        self._looking: list[tuple[HasTraits, Callable[[Any], None], list[str]]] = []
        self._there = True
        session.attach(self)
        made(self)

    def fill(self, *children: ipywidgets.Widget) -> None:
        """Put the children in the box, below the style that all views share."""
        style = ipywidgets.HTML(STYLE, layout=ipywidgets.Layout(display="none"))
        self.children = (style, *children)

    def look(
        self,
        callback: Callable[[], None],
        *traits: str,
        at: HasTraits | None = None,
        delay: float = 0.0,
    ) -> None:
        """Call back when one of the session's traits changes; `delay` seconds later, if given.

        While a trait keeps changing, a delayed callback is called no more often than that.
        """
        seen, names = self.session if at is None else at, list(traits)
        key = f"look {id(self)} {callback.__name__}"

        def look(_: Any) -> None:
            if delay:
                self.session.mailbox.post(key, callback, delay)
            else:
                callback()

        seen.observe(look, names)
        self._looking.append((seen, look, names))

    def close(self) -> None:
        """Close the view with all its widgets; it no longer follows the session."""
        if self._there:
            self._there = False
            for seen, look, names in self._looking:
                seen.unobserve(look, names)
            self._looking.clear()
            close_within(self)
            self.session.detach(self)
        super().close()

    def listen(
        self, control: HasTraits, callback: Callable[[], None], trait: str = "value"
    ) -> None:
        """Call back in the main loop on a change of a control; of a drag, the latest value."""
        key = f"control {id(control)}"
        control.observe(lambda _: self.session.mailbox.post(key, callback, rest=REST), trait)

    def write(self, control: Any, owner: HasTraits, trait: str) -> None:
        """Write the value of a control into a trait when the user changes it."""
        self.listen(control, lambda: setattr(owner, trait, control.value))

    def press(self, button: ipywidgets.Button, callback: Callable[[], None]) -> None:
        """Call back in the main loop when the user presses a button."""
        key = f"button {id(button)}"
        button.on_click(lambda _: self.session.mailbox.post(key, callback))

    @property
    def choices(self) -> dict[str, Any]:
        """Values of the controls that are `kept`, as plain JSON.

        Setting them leaves alone what does not fit any more; an InputError then names it.
        """
        return {name: self.parts[name].value for name in self.kept if name in self.parts}

    @choices.setter
    def choices(self, choices: Mapping[str, Any]) -> None:
        misfits = []
        for name, value in choices.items():
            control = self.renamed.get(name, name)
            if control in self.kept:
                try:
                    self.parts[control].value = value
                except (KeyError, TypeError, ValueError, TraitError):
                    misfits.append(control)
        if misfits:
            raise InputError(f"Expected other values of {', '.join(misfits)}, got {choices}.")

    def problem_line(self) -> ipywidgets.HTML:
        """A line that shows the session's problem in words, while there is one."""
        line = ipywidgets.HTML()

        def show() -> None:
            words = escape(self.session.problem)
            line.value = words and f"<div class='stemwidgets-problem'>{words}</div>"
            line.layout.display = None if words else "none"

        self.look(show, "problem")
        show()
        return line

    def go_to(self, iy: float, ix: float, phase: Phase = "press") -> None:
        """Ask the session to move; of many moves within a moment only the last counts."""

        def move() -> None:
            self.session.position = (iy, ix)

        self.session.mailbox.post("position", move, rest=REST if phase == "move" else 0.0)


def require_channel(session: ScanSession, name: str) -> None:
    """Check that the session has, or may get, a channel of this name."""
    if not isinstance(name, str) or not (name in session.channels or expected_source(name)):
        raise InputError(
            f"there is no channel {name!r}: choose one such as 'sum', 'COM angle', 'angle' or 'z1'"
        )


def caption(text: str) -> ipywidgets.HTML:
    """A heading in a view."""
    return ipywidgets.HTML(caption_html(text), layout=ipywidgets.Layout(flex="0 0 auto"))


def caption_html(text: str) -> str:
    """The heading of `caption`, as HTML."""
    return f"<span class='stemwidgets-caption'>{escape(text)}</span>"
