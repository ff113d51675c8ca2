"""A file that a training can go on from, kept up to date while it runs."""

import time
from pathlib import Path
from typing import Any

from stemwidgets.rrvae import processes, storage
from stemwidgets.rrvae.interface import Run, State
from stemwidgets.rrvae.notices import tell

SECONDS_BETWEEN_WRITINGS = 10.0
LARGEST_SHARE = 0.05  # of the time, for writing


class Checkpoint:
    """Writes the state of a run, which is also a file of the trained model.

    Of several processes only the first one writes.

    Parameters
    ----------
    path : str or Path
        Replaced at each writing, once the new file is complete.
    settings : dict
        Of the model, as plain values.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    InputError
        If the path is that of a folder.
    PermissionError
        If the folder may not be written to.
    """

    def __init__(self, path: str | Path, settings: dict[str, Any]) -> None:
        self.path = storage.require_writable(path) if processes.first() else Path(path)
        self._settings = settings
        self._due = time.perf_counter() + SECONDS_BETWEEN_WRITINGS

    def offer(self, run: Run) -> None:
        """Write now and then; what prevents it is told, and the training goes on."""
        if not processes.agreed(time.perf_counter() >= self._due):
            return
        state = run.state(run.result())
        try:
            self.write(state)
        except OSError as error:
            self._due = time.perf_counter() + SECONDS_BETWEEN_WRITINGS
            tell(f"The checkpoint {self.path.name} could not be written: {error}.")

    def write(self, state: State) -> None:
        """Write where a run stands."""
        if not processes.first():
            return
        began = time.perf_counter()
        tensors, record = state
        storage.write(self.path, tensors, {"settings": self._settings, **record})
        now = time.perf_counter()
        self._due = now + max(SECONDS_BETWEEN_WRITINGS, (now - began) / LARGEST_SHARE)
