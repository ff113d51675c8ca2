"""Views for a projector: all of them larger by one factor.

The browser zooms the page. bqplot sizes a figure by its size on screen, margins by its own
settings, and so its drawing is left out of the zoom and its margins and words are enlarged here.
"""

from collections.abc import Iterator

import ipywidgets
from bqplot import Figure, Label

from stemwidgets.views.parts.view import PRESENTED, View

LARGER = 1.4  # times, the zoom of `.stemwidgets-presented` in the style of all views


def present(page: ipywidgets.Widget) -> None:
    """Show a page and all views in it large."""
    page.add_class(PRESENTED)
    enlarge(page)


def put(view: View, room: ipywidgets.Box, made: ipywidgets.Widget) -> None:
    """Put a late part of a view into the box that is kept for it."""
    if view.presented:
        enlarge(made)
    room.children = (made,)


def enlarge(widget: ipywidgets.Widget) -> None:
    """Enlarge the figures in a widget for a page that is presented."""
    for part in _all_in(widget):
        if hasattr(part, "presented"):
            part.presented = True
        elif isinstance(part, Figure):
            _enlarge(part)


def _enlarge(figure: Figure) -> None:
    figure.fig_margin = {side: round(LARGER * room) for side, room in figure.fig_margin.items()}
    for axis in figure.axes:
        axis.label_offset = f"{round(LARGER * float(axis.label_offset.removesuffix('px')))}px"
    for mark in figure.marks:
        if isinstance(mark, Label):
            mark.default_size = round(LARGER * mark.default_size)


def _all_in(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _all_in(child)
