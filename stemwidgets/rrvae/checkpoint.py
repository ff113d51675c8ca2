"""Checkpoint of a training, kept up to date while it runs."""

import time
from pathlib import Path
from typing import Any

from stemwidgets.arrays.files.left_overs import keep_up, let_go
from stemwidgets.rrvae import model_file
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.notices import tell
from stemwidgets.rrvae.common.protocols import Run, State

# s of training that a crash may cost at most, while writing is fast
SECONDS_BETWEEN_WRITINGS = 10.0
LARGEST_SHARE = 0.05  # of the time, for writing


class Checkpoint:
    """Checkpoint file with the state of a run, which is also a file of the trained model.

    It is replaced at each writing, once the new file is complete; `problem` is the reason why the
    last writing failed, empty if it did not. Of several processes only the first one writes. As
    long as it is not closed, the file is locked (`stemwidgets.arrays.files.left_overs.lock_of`),
    which shows others that a training runs. Raises what `model_file.require_writable` does.
    """

    def __init__(self, path: str | Path, settings: dict[str, Any]) -> None:
        self.path = model_file.require_writable(path) if distributed.first() else Path(path)
        self.problem = ""
        self._settings = settings
        self._due = time.perf_counter() + SECONDS_BETWEEN_WRITINGS
        self._lock = keep_up(self.path) if distributed.first() else None

    def close(self) -> None:
        """Release the claim that the file is kept up to date."""
        let_go(self._lock)

    def offer(self, run: Run) -> None:
        """Write from time to time; report a failure once, and let the training go on."""
        if not distributed.agreed(time.perf_counter() >= self._due):
            return
        before = self.problem
        if not self.write(run.state(run.result())):
            self._due = time.perf_counter() + SECONDS_BETWEEN_WRITINGS
        if self.problem and not before:
            tell(f"{self.problem} The training goes on.")
        elif before and not self.problem:
            tell(f"By now {self.path.name} is written again.")

    def write(self, state: State) -> bool:
        """Write the state of a run; False, with the `problem` in words, if the disk refuses."""
        if not distributed.first():
            return True
        try:
            self._write(state)
        except (OSError, MemoryError) as error:
            self.problem = f"The checkpoint {error}".rstrip(".") + "."
            return False
        self.problem = ""
        return True

    def _write(self, state: State) -> None:
        began = time.perf_counter()
        tensors, record = state
        model_file.write(self.path, tensors, {"settings": self._settings, **record})
        now = time.perf_counter()
        self._due = now + max(SECONDS_BETWEEN_WRITINGS, (now - began) / LARGEST_SHARE)
