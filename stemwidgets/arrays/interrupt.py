"""Giving up long work whose result nobody wants any more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Interrupted(BaseException):
    """The work was given up; no error, and so caught by nothing that catches errors."""


def _never() -> bool:
    return False


_UNWANTED: ContextVar[Callable[[], bool]] = ContextVar("unwanted", default=_never)


@contextmanager
def interruptible(unwanted: Callable[[], bool]) -> Iterator[None]:
    """Have work inside give up, by `Interrupted`, at its next block once it is unwanted.

    Parameters
    ----------
    unwanted : callable
        Asked between blocks, in any thread.
    """
    before = _UNWANTED.set(unwanted)
    try:
        yield
    finally:
        _UNWANTED.reset(before)


def give_up_if_unwanted() -> None:
    """Called between the blocks of long work.

    Raises
    ------
    Interrupted
        If the work has become unwanted.
    """
    if _UNWANTED.get()():
        raise Interrupted
