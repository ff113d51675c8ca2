"""Export: files, a page, and the Python that makes the maps."""

import re
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets

from stemwidgets.state.errors import in_words
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import beside, control, problem
from stemwidgets.views.parts.view import View, caption

_WIDTH = "720px"
_COPY = """<button class='jupyter-widgets jupyter-button widget-button'
style='width:190px' onclick="
const text = this.closest('.stemwidgets-export-panel').querySelector('textarea');
text.select(); document.execCommand('copy');">Copy to the clipboard</button>"""
_LINES = "line-height:1.4;overflow-wrap:anywhere"


class ExportPanel(View):
    """Panel that writes the session's results in the background, and shows them as Python.

    It needs a `stemwidgets.Session`, which can be exported; one on bare arrays cannot.

    Parameters
    ----------
    session : Session
        Session to export.
    folder : str, optional
        Name offered first, of a folder or, with ``.html``, of a page; from the scan's title if not
        given.

    Examples
    --------
    >>> sw.ExportPanel(session, "graphene.html")
    """

    def __init__(self, session: ScanSession, folder: str = "", **unknown: Any) -> None:
        super().__init__(session, unknown)
        name = folder or _name(session.scan.title)
        self._folder = control(ipywidgets.Text, "folder", "auto", 60, value=name)
        self._buttons = {
            "export": ipywidgets.Button(description="Export"),
            "page": ipywidgets.Button(description="Write a page"),
            "code": ipywidgets.Button(description="Copy as code"),
        }
        self._status = ipywidgets.HTML(layout=ipywidgets.Layout(width="auto"))
        self._say("Export: maps, model, pictures and a table. Page: all in one HTML file.")
        self._code = ipywidgets.Textarea(
            layout=ipywidgets.Layout(width="auto", height="190px", display="none")
        )
        self._copy = ipywidgets.HTML(_COPY, layout=ipywidgets.Layout(display="none"))
        self.parts = {
            "folder": self._folder,
            **self._buttons,
            "status": self._status,
            "python": self._code,
            "copy": self._copy,
        }
        buttons = beside(*self._buttons.values(), gap="0")
        self.fill(caption("Export"), self._folder, buttons, self._status, self._code, self._copy)
        self.layout.width = _WIDTH
        self._results: Callable[[], Any] | None = getattr(session, "results", None)
        self._aside: Any = getattr(session, "aside", None)
        self.press(self._buttons["export"], self._export)
        self.press(self._buttons["page"], self._write_page)
        self.press(self._buttons["code"], self._show_code)
        if self._results is None:
            self._say("open the scan with stemwidgets.Session to take it away")
            self._set_busy(True)

    def _export(self) -> None:
        folder = self._folder.value
        self._write(lambda results: results.export(folder), "maps, pictures and table are in")

    def _write_page(self) -> None:
        folder = self._folder.value.rstrip("/\\")
        self._write(lambda results: results.write_page(folder), "the page is")

    def _write(self, work: Callable[[Any], Any], words: str) -> None:
        results = self._taken()
        if results is None:
            return
        self._say("writing …")
        self._set_busy(True)

        def attempt() -> Any:
            try:
                return work(results)
            except Exception as error:
                return error

        def tell(outcome: Any) -> None:
            self._set_busy(False)
            if isinstance(outcome, Exception):
                self._complain(outcome)
            else:
                self._say(f"{words} {outcome}")

        self._aside(attempt, tell)

    def _show_code(self) -> None:
        results = self._taken()
        if results is not None:
            self._code.value = results.as_code()
            self._code.layout.display = self._copy.layout.display = None
            self._say("this Python makes the maps")

    def _taken(self) -> Any:
        assert self._results is not None
        try:
            return self._results()
        except ValueError as error:
            self._complain(error)
            return None

    def _say(self, words: str) -> None:
        self._status.value = f"<div style='{_LINES}'>{escape(words)}</div>"

    def _complain(self, error: Exception) -> None:
        words = f"not written: {in_words(error)}"
        if isinstance(error, OSError):
            words += " Nothing is lost: type another folder above, and press again."
        self._status.value = problem(words)

    def _set_busy(self, busy: bool) -> None:
        for button in self._buttons.values():
            button.disabled = busy


def _name(title: str) -> str:
    return "-".join(re.findall(r"\w+", title)).lower() or "scan"
