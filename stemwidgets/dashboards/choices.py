"""Choices of a view, as values that fit into JSON."""

from contextlib import suppress
from dataclasses import asdict, is_dataclass
from typing import Any

from traitlets import TraitError

KEPT = (
    "channel",
    "color",
    "horizontal",
    "vertical",
    "kind",
    "latent_dim",
    "classes",
    "seed",
    "centered",
    "epochs",
    "count",
)
DISPLAY = "display"
_RENAMED = {"model": "kind"}  # names of controls in choices that were kept earlier


def view_choices(view: Any) -> dict[str, Any]:
    """Values of a view's controls that are choices, and its display."""
    if hasattr(view, "choices"):
        return dict(view.choices)
    parts = getattr(view, "parts", {})
    chosen = {name: parts[name].value for name in KEPT if hasattr(parts.get(name), "value")}
    display = getattr(view, DISPLAY, None)
    if is_dataclass(display) and not isinstance(display, type):
        chosen[DISPLAY] = asdict(display)
    elif hasattr(parts.get(DISPLAY), "value"):
        chosen[DISPLAY] = parts[DISPLAY].value
    return chosen


def choose(view: Any, chosen: dict[str, Any]) -> None:
    """Restore the result of `view_choices`; what does not fit any more is left as it is."""
    if hasattr(view, "choices"):
        with suppress(AttributeError, KeyError, TypeError, ValueError, TraitError):
            view.choices = chosen
        return
    for name, value in chosen.items():
        with suppress(AttributeError, KeyError, TypeError, ValueError, TraitError):
            display: Any = getattr(view, DISPLAY, None)
            if name == DISPLAY and is_dataclass(display):
                view.display = display.__class__(**value)
            elif name == "channel":
                view.channel = value
            else:
                view.parts[_RENAMED.get(name, name)].value = value
