"""Closing of widgets that a notebook's cell showed, once the cell is run again.

A kernel keeps every widget until it is closed. Of the pages and views that a cell made earlier,
those are closed that its new run replaces: shown by no other cell, and held by no variable.
"""

import gc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import ipywidgets
from IPython import get_ipython
from ipywidgets.widgets.widget import _instances


@dataclass(frozen=True)
class CellRun:
    """One run of a cell, known by its identifier in the notebook, or by its code."""

    cell: str
    number: str


@dataclass
class Notebook:
    """Widgets that the cells of the present kernel, that of IPython's shell, made and show."""

    shell: Any
    makers: WeakKeyDictionary[ipywidgets.Widget, CellRun] = field(default_factory=WeakKeyDictionary)
    showing: WeakKeyDictionary[ipywidgets.Widget, set[CellRun]] = field(
        default_factory=WeakKeyDictionary
    )
    replaced: set[CellRun] = field(default_factory=set)  # runs, of whose cell there is a later one

    def __post_init__(self) -> None:
        self.shell.events.register("post_run_cell", self.cell_ran)
        formatter = self.shell.display_formatter.mimebundle_formatter
        formatter.for_type(ipywidgets.Widget, self.show)

    def present(self) -> CellRun | None:
        """The run of a cell that goes on, if there is one."""
        asked = self.shell.get_parent()
        header = asked.get("header", {})
        if header.get("msg_type") != "execute_request":
            return None
        code = str(asked.get("content", {}).get("code", ""))
        cell = asked.get("metadata", {}).get("cellId") or code
        return CellRun(str(cell), str(header["msg_id"]))

    def show(self, widget: ipywidgets.Widget, **options: Any) -> Any:
        """Record where a widget is shown, and show it."""
        run = self.present()
        if run is not None:
            self.showing.setdefault(widget, set()).add(run)
        draw = widget._repr_mimebundle_  # None once the widget is closed
        return None if draw is None else draw(**options)

    def cell_ran(self, _: Any = None) -> None:
        """Close what the run of a cell that has just ended replaces."""
        run = self.present()
        if run is not None:
            self.replace(run, run in self.makers.values())

    def replace(self, run: CellRun, made_anew: bool) -> None:
        """Close what no cell shows any more, now that one is run again and shows something else."""
        for runs in self.showing.values():
            runs -= {old for old in runs if old.cell == run.cell and old != run}
        if made_anew:
            makers = self.makers.values()
            self.replaced |= {old for old in makers if old.cell == run.cell and old != run}
        made = [widget for widget, maker in self.makers.items() if maker in self.replaced]
        if made:
            self._close(made)

    def _close(self, made: list[ipywidgets.Widget]) -> None:
        around, held = _containers(), list(_held(self.shell.user_ns))
        used = {id(value) for value in held}
        gone = [
            widget
            for widget in made
            if not any(
                self.showing.get(one) or id(one) in used for one in _with_containers(widget, around)
            )
        ]
        boxes = [box for widget in gone for box in _with_containers(widget, around)]
        sessions = {id(session): session for widget in gone for session in _session(widget)}
        for widget in gone:
            widget.close()
            self.makers.pop(widget, None)
        for box in boxes:  # of the user's, around what is gone
            box.layout.close()
            box.close()
            _forget(self.shell, box)
        for number, session in sessions.items():
            if number not in used and not session.in_use:
                session.close()
        self.replaced &= set(self.makers.values())
        if gone:
            del made, held, around, boxes, box, sessions, gone, widget
            gc.collect()


_NOTEBOOKS: dict[int, Notebook] = {}


def made(view: ipywidgets.Widget) -> None:
    """Record which cell made a page or a view; outside a notebook there is nothing to record."""
    notebook = _notebook()
    run = None if notebook is None else notebook.present()
    if notebook is not None and run is not None:
        notebook.makers[view] = run


def make_room() -> None:
    """Close what the present cell made in an earlier run, before it reads a scan again."""
    notebook = _notebook()
    run = None if notebook is None else notebook.present()
    if notebook is not None and run is not None:
        notebook.replace(run, made_anew=True)


def _notebook() -> Notebook | None:
    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    if id(shell) not in _NOTEBOOKS:
        _NOTEBOOKS[id(shell)] = Notebook(shell)
    return _NOTEBOOKS[id(shell)]


def _containers() -> dict[int, list[ipywidgets.Widget]]:
    """Boxes by the widgets that they hold."""
    around: dict[int, list[ipywidgets.Widget]] = {}
    for box in list(_instances.values()):
        for child in getattr(box, "children", ()):
            around.setdefault(id(child), []).append(box)
    return around


def _with_containers(
    widget: ipywidgets.Widget, around: dict[int, list[ipywidgets.Widget]]
) -> Iterator[ipywidgets.Widget]:
    seen, waiting = set(), [widget]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += around.get(id(one), [])


def _held(names: dict[str, Any]) -> Iterator[Any]:
    """Values of the user's variables, and what lists and dicts among them hold."""
    for name, value in list(names.items()):
        if name.startswith("_") or name in ("In", "Out"):
            continue
        yield value
        if isinstance(value, dict):
            yield from list(value.values())
        elif isinstance(value, list | tuple | set):
            yield from list(value)


def _session(widget: ipywidgets.Widget) -> Iterable[Any]:
    session = getattr(widget, "session", None)
    return () if session is None or session.closed else (session,)


def _forget(shell: Any, widget: ipywidgets.Widget) -> None:
    """Take a widget out of the history of results: ``Out`` and the names that begin with _."""
    names, results = shell.user_ns, shell.user_ns.get("Out", {})
    for number in [number for number, result in results.items() if result is widget]:
        del results[number]
    for name in ("_", "__", "___"):  # the last results
        if names.get(name) is widget:
            names[name] = shell.user_ns_hidden[name] = ""
            setattr(shell.displayhook, name, "")
    numbered = [name for name, value in names.items() if value is widget and name.startswith("_")]
    shell.drop_by_id(dict.fromkeys(numbered, widget))
