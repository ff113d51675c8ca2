"""What those who train should know although the work goes on: a warning, or a line in Progress."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class TrainingNotice(UserWarning):
    """Something went otherwise than planned, and the work went on."""


_LISTENER: ContextVar[list[str] | None] = ContextVar("listener", default=None)


def tell(notice: str) -> None:
    """Pass a notice to who listens in this thread; without a listener it becomes a warning."""
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
        Where they go, each once.
    """
    token = _LISTENER.set(heard)
    try:
        yield
    finally:
        _LISTENER.reset(token)
