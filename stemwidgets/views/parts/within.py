"""All widgets inside a widget."""

from collections.abc import Iterator
from typing import Any

import ipywidgets
from traitlets import HasTraits

OURS = ("stemwidgets.views.", "stemwidgets.dashboards.")


def within(root: ipywidgets.Widget, hidden: bool = False) -> Iterator[ipywidgets.Widget]:
    """Yield a widget and all inside it, each once; hidden ones that are kept, too, if asked for."""
    seen, waiting = set(), [root]
    while waiting:
        widget = waiting.pop()
        if id(widget) in seen:
            continue
        seen.add(id(widget))
        yield widget
        for key in widget.keys:
            waiting += _widgets(getattr(widget, key), hidden)
        if hidden:
            waiting += _kept(widget)


def close_within(root: ipywidgets.Widget) -> None:
    """Close all widgets inside a widget, but not the widget itself."""
    for widget in list(within(root, hidden=True)):
        if widget is not root:
            widget.close()


def _widgets(value: Any, hidden: bool) -> Iterator[ipywidgets.Widget]:
    if isinstance(value, ipywidgets.Widget):
        yield value
    elif isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _widgets(part, hidden)
    elif hidden and not isinstance(value, HasTraits) and type(value).__module__.startswith(OURS):
        yield from _kept(value)


def _kept(holder: Any) -> Iterator[ipywidgets.Widget]:
    """Widgets among the attributes of a widget, or of its helpers."""
    for name, value in getattr(holder, "__dict__", {}).items():
        if not name.startswith("_trait") and name != "_looking":
            yield from _widgets(value, hidden=True)
