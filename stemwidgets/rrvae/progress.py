"""A training as those see it who watch: progress all the time, maps now and then."""

import time
from collections.abc import Generator
from math import nan
from typing import cast

from stemwidgets.rrvae.checkpoint import Checkpoint
from stemwidgets.rrvae.common.device import one_thread
from stemwidgets.rrvae.common.notices import listening
from stemwidgets.rrvae.common.protocols import Run, Step
from stemwidgets.rrvae.common.records import Encoding, Progress

SECONDS_BETWEEN_READINGS = 0.2
SECONDS_TO_FIRST_MAPS = 0.1
SECONDS_BETWEEN_MAPS = 0.5
LARGEST_SHARE = 0.1  # of the time, for maps
FEWEST, MOST = 512, 4096  # patterns that maps are read off


def reading(
    parts: Generator[float, None, Run], since: float, told: bool
) -> Generator[Progress, None, Run]:
    """Start a run; while one is told of it, threads are given back.

    Parameters
    ----------
    parts : generator
        Yields that share and returns the run.
    since : float
        When the work began, by `time.perf_counter`.
    told : bool
        Whether to tell how much of the scan has been read.

    Yields
    ------
    Progress
        A few times a second.

    Returns
    -------
    Run
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
    """Train, telling every step; between two of them the threads are given back.

    Parameters
    ----------
    run : Run
        What is trained.
    since : float
        When the work began, by `time.perf_counter`.
    maps : bool
        Whether maps are wanted.
    checkpoint : Checkpoint, optional
        Kept up to date.

    Yields
    ------
    Progress
        With maps, if wanted, twice a second at most, and at the end. While they are read their
        step is told again, so that one may stop.
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
    """When maps are due, and of how many patterns: first of few, then of twice as many each time.

    Attributes
    ----------
    due : float
        When the next ones are [s].
    """

    def __init__(self) -> None:
        self.due = SECONDS_TO_FIRST_MAPS
        self._most, self._spent, self._each = FEWEST, 0.0, 0.0

    def most(self, elapsed: float) -> int:
        """How many patterns to read after so many seconds: no more than there is time for."""
        if self._each:
            paid = (LARGEST_SHARE * elapsed - self._spent) / self._each
            self._most = round(min(max(paid, FEWEST), MOST))
        return self._most

    def taken(self, cost: float, positions: int, elapsed: float) -> None:
        """Take note of the seconds that the last maps took, of so many positions."""
        self._spent += cost
        self._each = cost / min(self._most, positions)
        wanted = min(2 * self._most, positions, MOST)
        affordable = (self._spent + wanted * self._each) / LARGEST_SHARE
        self.due = max(elapsed + SECONDS_BETWEEN_MAPS, affordable)
