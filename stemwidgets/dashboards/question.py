"""Pages that ask for what a file does not state about its scan, and go on with the answer."""

import re
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.io.frames import (
    Folding,
    SeveralScansError,
    UnknownScanError,
    require_fit,
    wanted,
)
from stemwidgets.views.parts.controls import beside, button, control
from stemwidgets.views.pictures.colors import intensity, sequential
from stemwidgets.views.pictures.raster import uri

_SHOWN = 64  # patterns of which the mean is shown
_MOST_BYTES = 2**28  # of patterns whose sums are drawn as maps
_LIMITS = (0.5, 99.5)  # percentiles between which colours run
_PATTERN, _MAP = 240, 120  # CSS px of a picture


class Question(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A page that becomes the one to go on with when one of its `buttons` is pressed.

    `answer` receives the arguments of `stemwidgets.load` and returns that page.
    """

    def __init__(self, answer: Callable[[dict[str, Any]], ipywidgets.Widget]) -> None:
        self._answer = answer
        self.buttons: list[ipywidgets.Button] = []
        self.said = ipywidgets.HTML("")
        super().__init__()
        self.add_class("stemwidgets")
        self.add_class("stemwidgets-question")

    def add(self, words: str, options: dict[str, Any]) -> ipywidgets.Button:
        """Make a button that answers with these arguments."""
        made = button(words, "auto")
        made.on_click(lambda _: self.take(words, options))
        self.buttons.append(made)
        return made

    def take(self, words: str, options: dict[str, Any]) -> None:
        """Go on with an answer, on this very page."""
        self._set_busy(True)
        self.said.value = _line(f"Opening {words} …")
        try:
            page = self._answer(options)
        except (InputError, OSError) as error:
            self.said.value = _line(str(error), "#b00020")
            self._set_busy(False)
            return
        self.remove_class("stemwidgets-question")
        self.children = [page]

    def _set_busy(self, busy: bool) -> None:
        for each in self.buttons:
            each.disabled = busy


class ScanChoice(Question):
    """Several scans in a file of a name, to be chosen with a click: an error to be answered."""

    def __init__(
        self,
        question: SeveralScansError,
        name: str,
        answer: Callable[[dict[str, Any]], ipywidgets.Widget],
    ) -> None:
        super().__init__(answer)
        buttons = [self.add(words, options) for words, options in question.choices.items()]
        sentence = re.split(r" Which one| Pass | Say which", str(question))[0]
        _, options = next(iter(question.choices.items()))
        told = ", ".join(f"{key}={value!r}" for key, value in options.items())
        self.said.value = _line(f'In a notebook: sw.explore("{name}", {told})')
        head = _head(name, sentence)
        self.children = [
            ipywidgets.HTML(head),
            ipywidgets.HTML("<b>Which one do you want?</b>"),
            beside(*buttons, gap="12px"),
            self.said,
        ]


class ScanQuestion(Question):
    """The scans that a sequence can be, to be clicked, and the numbers to be typed.

    `buttons` has one for each proposal of the error to be answered; `accept` takes the numbers of
    `rows`, `columns`, `flyback`, `first` and `last`.
    """

    def __init__(
        self, question: UnknownScanError, answer: Callable[[dict[str, Any]], ipywidgets.Widget]
    ) -> None:
        super().__init__(answer)
        self._question, patterns = question, question.patterns
        question.patterns = None  # drawn once, and let go
        proposed = [self.add(each.in_words(), each.options()) for each in question.proposals]
        likeliest = question.proposals[0] if question.proposals else Folding(1, question.count)
        self.rows = _number("rows", likeliest.rows, 1)
        self.columns = _number("columns", likeliest.columns, 1)
        self.flyback = _number("flyback", likeliest.flyback)
        self.first = _number("skip at start", likeliest.skip[0])
        self.last = _number("skip at end", likeliest.skip[1])
        self.accept = ipywidgets.Button(description="Open", button_style="primary")
        self.accept.on_click(lambda _: self._typed())
        self.buttons.append(self.accept)
        if question.proposals:
            self.said.value = _line(f"In a notebook: {_in_code(question, likeliest)}")
        typed = (self.rows, self.columns, self.flyback, self.first, self.last)
        for field in typed:
            field.observe(lambda _: self._check(), "value")
        sums = _sums(patterns)
        choices = [
            ipywidgets.VBox([answer, _map_of(sums, folding)])
            for answer, folding in zip(proposed, question.proposals, strict=True)
        ]
        asked = [
            ipywidgets.HTML(
                "<b>How were they scanned?</b> Rows × columns; below, the sum of counts:"
            ),
            beside(*choices, gap="12px"),
            ipywidgets.HTML("or in numbers:"),
            beside(*typed, self.accept, gap="12px"),
            self.said,
        ]
        body = [_mean_of(patterns), ipywidgets.VBox(asked, layout={"flex": "1 1 600px"})]
        head = ipywidgets.HTML(_headline(question, patterns))
        self.children = [head, beside(*body, gap="12px")]

    def _wish(self) -> Folding:
        shape = (self.rows.value, self.columns.value)
        wish = wanted(shape, self.flyback.value, (self.first.value, self.last.value))
        assert wish is not None
        require_fit(wish, self._question.count, self._question.path)
        return wish

    def _check(self) -> None:
        """State whether the numbers fit, as they are typed."""
        try:
            wish = self._wish()
        except InputError as error:
            self.said.value = _line(str(error), "#b00020")
            self.accept.disabled = True
        else:
            self.said.value = _line(f"In a notebook: {_in_code(self._question, wish)}")
            self.accept.disabled = False

    def _typed(self) -> None:
        try:
            wish = self._wish()
        except InputError as error:
            self.said.value = _line(str(error), "#b00020")
            return
        self.take(wish.in_words(), wish.options())


def _headline(question: UnknownScanError, patterns: Any) -> str:
    sentence = str(question).partition(" Pass ")[0].partition(" Say what")[0]
    if patterns is not None:
        height, width = patterns.shape[-2:]
        sentence += f" Each has {height} × {width} pixels."
    return _head(question.path.name, sentence)


def _head(name: str, sentence: str) -> str:
    sentence = f"This file{sentence.removeprefix(name)}"
    return (
        f"<div style='font-size:22px;font-weight:600;line-height:1.4'>{escape(name)}</div>"
        f"<div style='font-size:16px;margin-bottom:8px'>{escape(sentence)}</div>"
    )


def _in_code(question: UnknownScanError, folding: Folding) -> str:
    return f'sw.explore("{question.path.name}", {folding})'


def _line(text: str, color: str = "#444") -> str:
    return f"<div style='color:{color};line-height:1.4'>{escape(text)}</div>"


def _number(name: str, value: int, least: int = 0) -> ipywidgets.BoundedIntText:
    limits = {"min": least, "max": 10**9}
    return control(ipywidgets.BoundedIntText, name, 150, "initial", value=value, **limits)


def _mean_of(patterns: Any) -> ipywidgets.Widget:
    """The mean of some patterns from all over the sequence, on a square-root scale."""
    if patterns is None:
        return ipywidgets.HTML("")
    chosen = patterns[:: max(1, len(patterns) // _SHOWN)][:_SHOWN]
    mean = np.asarray(chosen.mean(axis=0, dtype=float))
    picture = _picture(np.sqrt(np.clip(mean, 0, None)), _PATTERN, intensity)
    caption = ipywidgets.HTML(f"mean of {len(chosen)} patterns")
    return ipywidgets.VBox([picture, caption])


def _sums(patterns: Any) -> NDArray[np.floating] | None:
    """Counts in each pattern; None where that would take long."""
    if patterns is None or patterns.nbytes > _MOST_BYTES:
        return None
    return np.asarray(patterns.sum(axis=(1, 2), dtype=float))


def _map_of(sums: NDArray[np.floating] | None, folding: Folding) -> ipywidgets.Widget:
    """Map of the sums, folded as the scan would be."""
    if sums is None:
        return ipywidgets.HTML("")
    return _picture(sums[folding.indices()], _MAP, sequential)


def _picture(values: NDArray[np.floating], size: int, paint: Any) -> ipywidgets.HTML:
    """Values in colours, the longer side so many CSS px long."""
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, _LIMITS) if finite.size else (0.0, 1.0)
    zoom = size / max(values.shape)
    height, width = (max(4, round(zoom * side)) for side in values.shape)
    style = f"width:{width}px;height:{height}px;image-rendering:pixelated;border:1px solid #ccc"
    return ipywidgets.HTML(f"<img style='{style}' src='{uri(paint(values, low, high))}'>")
