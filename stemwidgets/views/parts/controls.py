"""Controls, rows and lines of text as all views have them."""

from html import escape
from typing import Any

import ipywidgets

from stemwidgets.views.pictures.screen import MARGIN

INDENT = f"0 0 0 {MARGIN['left']}px"  # margin of what stands below a picture


def control(kind: Any, words: str, width: int | str, label: int | str = "", **options: Any) -> Any:
    """A control of some class with its label.

    `width` of both together, and of the `label`: CSS px, or as CSS says it; as usual if empty.
    """
    if label:
        options["style"] = {"description_width": _css(label)}
    return kind(description=words, layout={"width": _css(width)}, **options)


def button(words: str, width: int | str, **options: Any) -> ipywidgets.Button:
    """A button of a width."""
    return control(ipywidgets.Button, words, width, **options)


def tick(words: str, value: bool, width: int | str = "max-content", **options: Any) -> Any:
    """A box to tick, with words behind it."""
    return control(ipywidgets.Checkbox, words, width, value=value, indent=False, **options)


def beside(*children: ipywidgets.Widget, gap: str = "4px 8px", **layout: str) -> ipywidgets.HBox:
    """Widgets beside one another, and below where there is no room."""
    return ipywidgets.HBox(children, layout={"flex_flow": "row wrap", "grid_gap": gap, **layout})


def legend(**layout: str) -> ipywidgets.HTML:
    """A text that begins below the left edge of a picture."""
    return ipywidgets.HTML(layout={"margin": INDENT, **layout})


def problem(words: str) -> str:
    """A problem as HTML."""
    return f"<div class='stemwidgets-problem'>{escape(words)}</div>"


def lines(html: str) -> str:
    """Text as HTML, with room between its lines."""
    return f"<div style='line-height:1.4'>{html}</div>"


def _css(width: int | str) -> str:
    return f"{width}px" if isinstance(width, int) else width
