"""Notices about a training that goes on all the same: a warning, or a line in Progress."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class TrainingNotice(UserWarning):
    """A deviation from the plan, after which the work went on."""


_LISTENER: ContextVar[list[str] | None] = ContextVar("listener", default=None)


def tell(notice: str) -> None:
    """Pass a notice to the listener of this thread; without one it becomes a warning."""
    listener = _LISTENER.get()
    if listener is None:
        warnings.warn(notice, TrainingNotice, stacklevel=3)
    elif notice not in listener:
        listener.append(notice)


@contextmanager
def listening(heard: list[str]) -> Iterator[None]:
    """Collect notices instead of warning.

    Parameters
    ----------
    heard : list of str
        Receives the notices, each once.
    """
    token = _LISTENER.set(heard)
    try:
        yield
    finally:
        _LISTENER.reset(token)
