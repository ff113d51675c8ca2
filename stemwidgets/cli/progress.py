"""A training in the shell: its progress, and the effect of Ctrl-C."""

import sys
import time
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemwidgets.arrays.cancel import noted_interrupts
from stemwidgets.views.parts.words import left

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stemwidgets.rrvae.common.records import Progress

_BAR_WIDTH = 30  # characters, so that the numbers beside it fit on the line
_LOG_INTERVAL = 10.0  # s


def train(
    model: Any, scan: Any, checkpoint: Path | None, mask: "NDArray[Any] | None" = None
) -> "Progress":
    """Train to the end, showing the bar: in place on a terminal, now and then in a log.

    The first one of several processes shows it, and obeys Ctrl-C.

    Parameters
    ----------
    model : RRVAE
        Model to train.
    scan : signal
        Scan to train on.
    checkpoint : Path or None
        With one, Ctrl-C lets the present step end, so that the checkpoint is up to date.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out.

    Returns
    -------
    Progress
        The last report.
    """
    last: Progress | None = None
    from stemwidgets.rrvae.common import distributed

    shown = _Shown(distributed.first())
    with closing(model.steps(scan, mask=mask, maps=False, checkpoint=checkpoint)) as steps:
        for first in steps:
            shown.show(first)
            if first.read == 1:
                break
        with noted_interrupts() if checkpoint else nullcontext(()) as asked:
            for last in steps:
                shown.show(last)
                if distributed.agreed(bool(asked)):
                    break
    shown.end()
    if model.checkpoint_problem and model.checkpoint_problem not in shown.notice:
        print(f"notice: {model.checkpoint_problem}", file=sys.stderr)
    if asked:
        if distributed.first() and not model.checkpoint_problem:
            print(f"{checkpoint} is up to date: --resume goes on from it", file=sys.stderr)
        raise KeyboardInterrupt
    return last or first


class _Shown:
    """Last report shown of a training, and its time."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self.terminal = wanted and sys.stderr.isatty()
        self.at = time.monotonic()
        self.notice = ""

    def show(self, progress: "Progress") -> None:
        if progress.notice != self.notice:
            self.notice = progress.notice
            print(f"\nnotice: {self.notice}", file=sys.stderr, flush=True)
        if self.terminal:
            print(f"\r{bar(progress):<78}", end="", file=sys.stderr, flush=True)
        elif self.wanted and time.monotonic() - self.at > _LOG_INTERVAL:
            print(bar(progress), file=sys.stderr, flush=True)
            self.at = time.monotonic()

    def end(self) -> None:
        if self.terminal:
            print(file=sys.stderr)


def bar(progress: "Progress") -> str:
    """Draw the state of a training as one line of text."""
    reading = progress.read < 1
    done = progress.read if reading else progress.share_done
    filled = round(done * _BAR_WIDTH)
    loss = "" if reading else f"loss {progress.loss:.4g}  "
    return (
        f"{'reading' if reading else 'training'} [{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] "
        f"{done:4.0%}  {loss}{left(progress.remaining)}"
    ).rstrip()
