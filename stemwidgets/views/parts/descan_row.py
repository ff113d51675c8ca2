"""Controls for the origin of a descan."""

from typing import Any

import ipywidgets

from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import beside, button, control, lines, problem, tick

FOUND, REGION, FILE = "found in the scan", "measured in the region", "measured on another scan"
_HINTS = {
    FOUND: "A plane in the COM may also be a field of the specimen: vacuum tells.",
    REGION: "Draw a region in vacuum on a map, and press Measure.",
    FILE: "Write down its path, and press Enter.",
}


class DescanRow:
    """A choice of the origin of the descan, the file of another scan, and a line for problems.

    `box` is the row, opened by the button ``open`` among its `parts`; the others are ``source``,
    ``path``, ``measure`` and ``status``.
    """

    def __init__(self, session: ScanSession) -> None:
        self._session = session
        self._open = ipywidgets.ToggleButton(
            description="Descan …",
            tooltip="where the descan that is taken off comes from: the scan itself, or vacuum",
            layout=ipywidgets.Layout(width="104px", height="26px", flex="0 0 auto"),
        )
        self._source = control(
            ipywidgets.Dropdown, "descan", 290, 56, options=(FOUND, REGION, FILE)
        )
        hint = "file of a scan of vacuum, with as many positions"
        self._path = control(ipywidgets.Text, "", 380, placeholder=hint, continuous_update=False)
        self._measure = button("Measure", 90)
        self._status = ipywidgets.HTML()
        self.parts: dict[str, Any] = {
            "open": self._open,
            "source": self._source,
            "path": self._path,
            "measure": self._measure,
            "status": self._status,
        }
        parts = self._source, self._path, self._measure, self._status
        self.box = beside(*parts, gap="2px 8px", width="100%", align_items="center")

    def choose(self) -> None:
        """Follow the choice: at once where nothing is missing."""
        chosen, path = self._source.value, self._path.value.strip()
        if (chosen, path if chosen == FILE else "") != self._measured:
            if chosen == FOUND:
                self._session.vacuum.forget()
            elif chosen == REGION or path:
                self.measure()
        self.draw()

    def choose_file(self) -> None:
        """Use the file whose path was typed, where that is the choice."""
        if self._source.value == FILE:
            self.choose()

    def measure(self) -> None:
        """Measure in the region as it is now, or on the file whose path was typed."""
        if self._source.value == FILE:
            self._session.vacuum.on_scan(self._path.value)
        else:
            self._session.vacuum.in_region(self._session.selection.region)

    def follow(self) -> None:
        """Show the origin of the session's descan; a session that was saved brings its own."""
        source, path = self._measured
        self._path.value = path or self._path.value
        self._source.value = source
        self.draw()

    @property
    def _measured(self) -> tuple[str, str]:
        """Origin of the session's descan, and the file."""
        measured = self._session.scan.in_vacuum
        if measured is None:
            return FOUND, ""
        return (FILE, measured.file) if measured.file else (REGION, "")

    def draw(self) -> None:
        """Show the choice, and the progress of the measurement."""
        vacuum, chosen = self._session.vacuum, self._source.value
        self.box.layout.display = None if self._open.value else "none"
        self._path.layout.display = None if chosen == FILE else "none"
        self._measure.layout.display = None if chosen != FOUND else "none"
        self._measure.disabled = vacuum.running
        if vacuum.problem:
            self._status.value = problem(vacuum.problem)
        else:
            self._status.value = lines("measuring …" if vacuum.running else _HINTS[chosen])


def tick_of_descan(session: ScanSession) -> ipywidgets.Checkbox:
    """The box to tick that takes the descan off."""
    hint = "a plane in the COM may also be a field of the specimen: then leave it in"
    return tick("take off the descan", session.scan.take_off, tooltip=hint)
