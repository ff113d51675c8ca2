"""Progress of a training for its observers: all the time, and maps now and then."""

import time
from collections.abc import Generator
from math import nan
from typing import cast

from stemwidgets.rrvae.checkpoint import Checkpoint
from stemwidgets.rrvae.common.device import one_thread
from stemwidgets.rrvae.common.notices import listening
from stemwidgets.rrvae.common.protocols import Run, Step
from stemwidgets.rrvae.common.records import Encoding, Progress

SECONDS_BETWEEN_READINGS = 0.2  # as often as a bar of progress needs to move
SECONDS_TO_FIRST_MAPS = 0.1  # after the training begins: a first look, however rough
SECONDS_BETWEEN_MAPS = 0.5  # at least: faster maps cannot be followed by eye
LARGEST_SHARE = 0.1  # of the time, for maps
FEWEST, MOST = 512, 4096  # patterns that maps are read off


def reading(
    parts: Generator[float, None, Run], since: float, told: bool
) -> Generator[Progress, None, Run]:
    """Start a run, reporting on the reading; the threads are given back at each report.

    `parts` yields the share that has been read and returns the run; `since` is the time at which
    the work began, by `time.perf_counter`. Yields a report a few times a second if the reading is
    to be `told`.
    """
    last = since
    while True:
        with one_thread():
            try:
                share = next(parts)
            except StopIteration as end:
                return cast(Run, end.value)
        now = time.perf_counter()
        if told and share < 1 and now - last >= SECONDS_BETWEEN_READINGS:
            last, elapsed = now, now - since
            yield Progress(0, 0, nan, nan, nan, elapsed, elapsed * (1 - share) / share, read=share)


def watch(
    run: Run, since: float, maps: bool, checkpoint: Checkpoint | None = None
) -> Generator[Progress]:
    """Train, reporting every step; between two of them the threads are given back.

    Parameters
    ----------
    run : Run
        Run to train.
    since : float
        Time at which the work began, by `time.perf_counter`.
    maps : bool
        True if maps are wanted.
    checkpoint : Checkpoint, optional
        Checkpoint to keep up to date.

    Yields
    ------
    Progress
        Report, with maps, if wanted, twice a second at most, and at the end. While they are read
        their step is reported again, so that one may stop.
    """
    steps = run.steps()
    began = time.perf_counter()
    pace = _Pace()
    before = 0.0 if run.last is None else run.last.fraction % 1
    heard: list[str] = []

    def told(step: Step, encoding: Encoding | None = None) -> Progress:
        now = time.perf_counter()
        gained = step.fraction - before
        return Progress(
            epoch=step.epoch,
            epochs=step.epochs,
            loss=step.reconstruction + step.kl,
            reconstruction=step.reconstruction,
            kl=step.kl,
            elapsed=now - since,
            remaining=(now - began) * (1 - step.fraction) / gained if gained > 0 else nan,
            encoding=encoding,
            notice=" ".join(heard),
            fraction=step.fraction,
            passes=step.passes,
        )

    try:
        while True:
            with one_thread(), listening(heard):
                step = next(steps, None)
                if step is None:
                    return
                if checkpoint is not None:
                    checkpoint.offer(run)
            yield told(step)
            elapsed = time.perf_counter() - began
            if maps and (elapsed >= pace.due or step.fraction == 1):
                cost, encoding = 0.0, None
                parts = run.preview(pace.most(elapsed))
                while encoding is None:
                    start = time.perf_counter()
                    with one_thread(), listening(heard):
                        encoding = next(parts)
                    cost += time.perf_counter() - start
                    yield told(step, encoding)
                pace.taken(cost, encoding.angle.size, elapsed)
    finally:
        steps.close()


class _Pace:
    """Schedule of the maps, and of how many patterns: few first, then twice as many each time.

    The next maps are `due` so many seconds after the training began.
    """

    def __init__(self) -> None:
        self.due = SECONDS_TO_FIRST_MAPS
        self._most, self._spent, self._each = FEWEST, 0.0, 0.0

    def most(self, elapsed: float) -> int:
        """Number of patterns to read after so many seconds, as many as there is time for."""
        if self._each:
            paid = (LARGEST_SHARE * elapsed - self._spent) / self._each
            self._most = round(min(max(paid, FEWEST), MOST))
        return self._most

    def taken(self, cost: float, positions: int, elapsed: float) -> None:
        """Record the seconds that the last maps took, of so many positions."""
        self._spent += cost
        self._each = cost / min(self._most, positions)
        wanted = min(2 * self._most, positions, MOST)
        affordable = (self._spent + wanted * self._each) / LARGEST_SHARE
        self.due = max(elapsed + SECONDS_BETWEEN_MAPS, affordable)
