"""A page: a title row with the scan's name and size, and views below."""

from html import escape
from typing import Any

import ipywidgets
from traitlets import TraitError

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.memory import return_memory
from stemwidgets.dashboards.added_maps import AddedMaps
from stemwidgets.dashboards.arrival import Arrival
from stemwidgets.desk.session import Session
from stemwidgets.signals.io.load import OPTIONS
from stemwidgets.state.session import ScanSession
from stemwidgets.views.left_out_line import LeftOutLine
from stemwidgets.views.parts.cells import made, make_room
from stemwidgets.views.parts.presenting import present
from stemwidgets.views.parts.view import View
from stemwidgets.views.parts.within import close_within
from stemwidgets.views.restored_line import RestoredLine

MODES = ("desk", "present")
SIZE = 250  # CSS px of a picture: three views stand side by side on a projector of 1024 px


class Dashboard(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Views of one session on a page.

    Parameters
    ----------
    session : Session
        Session that all views share.
    parts : dict of str to widget
        The views by name, shown one after the other, in rows as long as the page is wide.
    mode : {"desk", "present"}
        Layout for a screen, or large for a projector.
    **inner : widget
        Further names in `parts`, of widgets within the views.
    """

    _there = False  # until it is complete, and once it is closed

    def __init__(
        self, session: ScanSession, parts: dict[str, Any], mode: str = "desk", **inner: Any
    ) -> None:
        wrap = ipywidgets.Layout(flex_flow="row wrap", grid_gap="12px", margin="0 0 12px 0")
        restored, left_out = RestoredLine(session), LeftOutLine(session)
        super().__init__(
            [
                ipywidgets.HTML(headline(session)),
                left_out,
                restored,
                ipywidgets.HBox(list(parts.values()), layout=wrap),
            ]
        )
        self.add_class("stemwidgets")
        self._session: Any = session
        self.parts = {**parts, **inner, "restored": restored, "left_out": left_out}
        self._arrival: Any = Arrival(self, session.mailbox)
        if mode == "present":
            present(self)
        self._there = True
        session.attach(self)
        made(self)
        if isinstance(session, Session):
            self.choose(session.views)
            session.page = self

    @property
    def session(self) -> Any:
        """Session that all views share; an InputError once the page is closed."""
        if self._session is None:
            raise InputError(
                "This page is closed, and its session with it. Show the scan again: run the cell "
                "that made the page, or stemwidgets.explore(...)."
            )
        return self._session

    def close(self) -> None:
        """Close the page with all its widgets.

        The session of a page that was given a file, signal or array is closed with its last view:
        its training is stopped and its scan leaves the memory. A session that was given stays open.
        """
        if not self._there:
            super().close()
            return
        self._there, session = False, self._session
        if getattr(session, "page", None) is self:
            session.views, session.page = self.choices(), None
        if not session.closed:
            self._session = None
        close_within(self)
        super().close()
        self.children, self.parts = (), {}
        self._arrival = None
        session.detach(self)
        return_memory()

    def choices(self) -> dict[str, Any]:
        """Choices of the views, as values that fit into JSON."""
        return {name: chosen for name, view in self._views().items() if (chosen := view.choices)}

    def choose(self, choices: dict[str, Any]) -> None:
        """Restore the choices of the views; what does not fit is left as it is, and told."""
        misfits, views = [], self._views()
        for name in (name for name in choices if name in views):
            try:
                views[name].choices = choices[name]
            except (KeyError, TypeError, ValueError, TraitError):
                misfits.append(name)
        if misfits:
            names = ", ".join(sorted(misfits))
            self.session.report(f"Not all settings fit this page, and some were left out: {names}.")

    def _views(self) -> dict[str, Any]:
        kinds = View, AddedMaps
        return {name: part for name, part in self.parts.items() if isinstance(part, kinds)}


def session_of(
    source: Any, lazy: bool, mode: str, unknown: dict[str, Any], name: str
) -> ScanSession:
    """The session itself, or a new one on a file, signal or array."""
    load_options = {option: unknown.pop(option) for option in OPTIONS & unknown.keys()}
    if mode not in MODES:
        raise InputError(f"a page has the mode {' or '.join(map(repr, MODES))}, not {mode!r}")
    if unknown:
        raise InputError(
            f"{name} does not know {', '.join(map(repr, sorted(unknown)))}: "
            "it takes a file, a signal, an array or a Session, lazy=True for a large file, "
            'mode="present" for a projector, and for a file what stemwidgets.load takes.'
        )
    if load_options and isinstance(source, ScanSession):
        raise InputError(f"A Session is read already: leave out {', '.join(sorted(load_options))}.")
    if isinstance(source, ScanSession):
        source.require_open()
        session = source
    else:
        make_room()
        session = Session(source, lazy, **load_options)
        session.closes_with_views = True
    if isinstance(session, Session):
        session.keep()
    return session


def headline(session: ScanSession) -> str:
    """Name and size of the scan and unused parts of its metadata, as HTML."""
    scan = session.scan
    rows, columns, height, width = scan.shape
    facts = [f"scan {rows} × {columns}", f"patterns {height} × {width}"]
    if scan.beam_energy:
        facts.append(f"{scan.beam_energy:g} kV")
    notes = "".join(
        f"<div style='font-size:14px;color:#b35900;line-height:1.4'>{escape(note)}</div>"
        for note in scan.notes
    )
    return (
        "<div style='display:flex;align-items:baseline;gap:16px;flex-wrap:wrap;"
        "border-bottom:2px solid #1565c0;padding:4px 0 6px;margin-bottom:6px;line-height:1.3'>"
        f"<span style='font-size:22px;font-weight:600'>{escape(scan.title or '4D-STEM')}</span>"
        f"<span style='font-size:16px'>{', '.join(facts)}</span></div>"
        f"{notes}"
    )


def problem_page(text: str) -> ipywidgets.Widget:
    """A page that states in words why there is no dashboard."""
    return ipywidgets.HTML(
        "<div style='font-size:22px;font-weight:600;line-height:1.5'>"
        f"This scan cannot be shown</div><div style='font-size:16px'>{escape(text)}</div>"
    )
