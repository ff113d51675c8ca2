"""Waiting for a job in the background, which an interrupt stops."""

from typing import Protocol

from stemwidgets.state.background.worker import Mailbox, wait_until

STOPPING = 10.0  # s, for the present step of a training to end


class Stoppable(Protocol):
    """A job in the background."""

    @property
    def active(self) -> bool:
        """True while it goes on."""

    @property
    def left(self) -> str:
        """Description of what a stopped job leaves."""

    def stop(self) -> None:
        """Ask it to end."""


def wait_or_stop(job: Stoppable, mailbox: Mailbox, timeout: float | None, name: str) -> bool:
    """Wait as `wait_until` does for the end of a job, and stop it on an interrupt.

    Raises
    ------
    KeyboardInterrupt
        After the end of the job; the message says what is left of it.
    """
    try:
        return wait_until(lambda: not job.active, mailbox, timeout)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(stop_in_words(job, mailbox, name)) from None


def stop_in_words(job: Stoppable, mailbox: Mailbox, name: str) -> str:
    """Stop a job, wait a moment for its end and describe what is left of it."""
    job.stop()
    ended = wait_until(lambda: not job.active, mailbox, STOPPING)
    return f"{name} {'was stopped' if ended else 'ends after its present step'}. {job.left}"
