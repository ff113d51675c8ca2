"""Cooperative cancellation of long computations."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Interrupted(BaseException):
    """Cancelled computation: not an error, so that `except Exception` does not catch it."""


_UNWANTED: ContextVar[Callable[[], bool]] = ContextVar("unwanted", default=lambda: False)


@contextmanager
def interruptible(unwanted: Callable[[], bool]) -> Iterator[None]:
    """Cancel the work inside, by `Interrupted`, at its next block once it is unwanted.

    `unwanted` returns True to cancel; it is called between blocks, from any thread.
    """
    before = _UNWANTED.set(unwanted)
    try:
        yield
    finally:
        _UNWANTED.reset(before)


def give_up_if_unwanted() -> None:
    """Raise `Interrupted` if the work has been cancelled; called between blocks of long work."""
    if _UNWANTED.get()():
        raise Interrupted


@contextmanager
def noted_interrupts() -> Iterator[list[int]]:
    """Note a first Ctrl-C, or a notebook's Stop, for work that ends well; raise a second one.

    Nothing is interrupted halfway. In another thread, or where another handler of interrupts is
    installed, nothing is changed. Yields a list that is empty until there was an interrupt.
    """
    asked: list[int] = []

    def note(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        try:
            signal.signal(signal.SIGINT, note)
        except ValueError:  # in another thread than the main one
            ours = False
    try:
        yield asked
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
