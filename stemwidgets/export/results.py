"""Results of a session at one moment, to be written in any thread."""

from dataclasses import dataclass
from pathlib import Path

from stemwidgets.export import folder, html_page, script
from stemwidgets.export.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class Results:
    """Folder, page and code that can be made of a session.

    Parameters
    ----------
    snapshot : Snapshot
        The session as it was.
    """

    snapshot: Snapshot

    def export(self, path: str | Path) -> Path:
        """Write a folder; see `Session.export`."""
        return folder.write(self.snapshot, path)

    def as_code(self) -> str:
        """Write Python that makes the maps; see `Session.as_code`."""
        return script.code(self.snapshot)

    def write_page(self, path: str | Path) -> Path:
        """Write a page; see `Session.write_page`."""
        return html_page.write(self.snapshot, path)
