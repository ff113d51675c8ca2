"""A training as those see it who watch: progress all the time, maps now and then."""

import time
from collections.abc import Generator
from math import nan
from typing import cast

from stemwidgets.rrvae.checkpoint import Checkpoint
from stemwidgets.rrvae.device import one_thread
from stemwidgets.rrvae.interface import Run
from stemwidgets.rrvae.notices import listening
from stemwidgets.rrvae.records import Progress

SECONDS_BETWEEN_READINGS = 0.2
SECONDS_TO_FIRST_ENCODING = 0.1
SECONDS_BETWEEN_ENCODINGS = 0.5
LARGEST_SHARE = 0.1  # of the time, for encoding


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
    """Train, telling every moment; between two of them the threads are given back.

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
        With maps, if wanted, twice a second at most, and at the end.
    """
    moments = run.moments()
    began = time.perf_counter()
    due = began + SECONDS_TO_FIRST_ENCODING
    before = 0.0 if run.last is None else run.last.fraction % 1
    heard: list[str] = []
    try:
        while True:
            with one_thread(), listening(heard):
                moment = next(moments, None)
                if moment is None:
                    return
                encoding, now = None, time.perf_counter()
                if maps and (now >= due or moment.fraction == 1):
                    encoding = run.preview()
                    cost = time.perf_counter() - now
                    due = now + max(SECONDS_BETWEEN_ENCODINGS, cost / LARGEST_SHARE)
                if checkpoint is not None:
                    checkpoint.offer(run)
            now = time.perf_counter()
            yield Progress(
                epoch=moment.epoch,
                epochs=moment.epochs,
                loss=moment.reconstruction + moment.kl,
                reconstruction=moment.reconstruction,
                kl=moment.kl,
                elapsed=now - since,
                remaining=(now - began) * (1 - moment.fraction) / (moment.fraction - before),
                encoding=encoding,
                notice=" ".join(heard),
            )
    finally:
        moments.close()
