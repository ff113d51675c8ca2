"""A page: a title row with the scan's name and size, and views below."""

from html import escape
from typing import Any

import ipywidgets

from stemwidgets.arrays.errors import InputError
from stemwidgets.dashboards.arrival import Arrival
from stemwidgets.dashboards.choices import choose, view_choices
from stemwidgets.state.session import Session as StateSession
from stemwidgets.takeaway.session import Session
from stemwidgets.views.presenting import present
from stemwidgets.views.restored_line import RestoredLine

MODES = ("desk", "present")
SIZE = 250  # CSS px of a picture: three views stand side by side on a projector of 1024 px


class Dashboard(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Views of one session on a page.

    Parameters
    ----------
    session : Session
        What all views share.
    views : list of widgets
        One after the other, in rows as long as the page is wide.
    mode : {"desk", "present"}
        For one's own screen, or large for a projector.

    Attributes
    ----------
    session : Session
        What all views share.
    parts : dict of str to widget
        The views by name.
    """

    def __init__(
        self, session: StateSession, views: list[ipywidgets.Widget], mode: str = "desk"
    ) -> None:
        wrap = ipywidgets.Layout(flex_flow="row wrap", grid_gap="12px", margin="0 0 12px 0")
        restored = RestoredLine(session)
        super().__init__(
            [ipywidgets.HTML(headline(session)), restored, ipywidgets.HBox(views, layout=wrap)]
        )
        self.add_class("stemwidgets")
        self.session = session
        self.parts: dict[str, Any] = {}
        self._restored = restored
        self._arrival = Arrival(self, session.mailbox)
        if mode == "present":
            present(self)

    def hold(self, parts: dict[str, Any]) -> None:
        """Name the views, show what the session says of them, and be what it shows on.

        Parameters
        ----------
        parts : dict of str to widget
            The views by name.
        """
        self.parts = {**parts, "restored": self._restored}
        if isinstance(self.session, Session):
            self.choose(self.session.views)
            self.session.page = self

    def choices(self) -> dict[str, Any]:
        """How the views show the session, as values that fit into JSON."""
        return {name: chosen for name, view in self.parts.items() if (chosen := view_choices(view))}

    def choose(self, choices: dict[str, Any]) -> None:
        """Let the views show the session as `choices` told; what does not fit is left as it is."""
        for name, chosen in choices.items():
            if name in self.parts:
                choose(self.parts[name], chosen)


def session_of(
    source: Any, lazy: bool, mode: str, unknown: dict[str, Any], name: str
) -> StateSession:
    """The session itself, or a new one on a file, signal or array."""
    if mode not in MODES:
        raise InputError(f"a page has the mode {' or '.join(map(repr, MODES))}, not {mode!r}")
    if unknown:
        raise InputError(
            f"{name} does not know {', '.join(map(repr, sorted(unknown)))}: "
            "it takes a file, a signal, an array or a Session, lazy=True for a large file, and "
            'mode="present" for a projector.'
        )
    session = source if isinstance(source, StateSession) else Session(source, lazy=lazy)
    if isinstance(session, Session):
        session.keep()
    return session


def headline(session: StateSession) -> str:
    """Name and size of the scan, as HTML."""
    rows, columns, height, width = session.shape
    facts = [f"scan {rows} × {columns}", f"patterns {height} × {width}"]
    if session.beam_energy:
        facts.append(f"{session.beam_energy:g} kV")
    return (
        "<div style='display:flex;align-items:baseline;gap:16px;flex-wrap:wrap;"
        "border-bottom:2px solid #1565c0;padding:4px 0 6px;margin-bottom:6px;line-height:1.3'>"
        f"<span style='font-size:22px;font-weight:600'>{escape(session.title or '4D-STEM')}</span>"
        f"<span style='font-size:16px'>{', '.join(facts)}</span></div>"
    )


def problem_page(text: str) -> ipywidgets.Widget:
    """A page that says in words why there is no dashboard."""
    return ipywidgets.HTML(
        "<div style='font-size:22px;font-weight:600;line-height:1.5'>"
        f"This scan cannot be shown</div><div style='font-size:16px'>{escape(text)}</div>"
    )
