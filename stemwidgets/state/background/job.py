"""A job in a thread of its own that can be paused, resumed, stopped and awaited."""

from collections.abc import Callable, Iterator
from typing import Any

from traitlets import Bool, HasTraits, Unicode

from stemwidgets.state.background.worker import Mailbox, Puller, wait_until

STOPPING = 10.0  # s, for the present step of a training to end


class Job(HasTraits):
    """Work that reports each of its steps; one at a time.

    Parameters
    ----------
    mailbox : Mailbox
        Passes the reports to the main loop.

    Attributes
    ----------
    status : {"idle", "running", "paused", "finished", "stopped", "failed"}
    stopping : bool
        True while the present step has still to end after a stop.
    failure : the exception that ended the last work, or None
    name : str
        Subject of a sentence about it.
    """

    status = Unicode("idle", read_only=True)
    stopping = Bool(False, read_only=True)
    name = "The work"

    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__()
        self._mailbox = mailbox
        self._puller: Puller[Any] | None = None
        self.failure: Exception | None = None

    @property
    def left(self) -> str:
        """Sentence on what is left of it when it is stopped."""
        return "What is done stays."

    @property
    def active(self) -> bool:
        """True while it runs or is paused."""
        return self.status in ("running", "paused")

    def pause(self) -> None:
        """Hold after the present step."""
        if self._puller is not None and self.status == "running":
            self._puller.pause()
            self.set_trait("status", "paused")

    def resume(self) -> None:
        """Let it go on after a pause."""
        if self._puller is not None and self.status == "paused":
            self._puller.resume()
            self.set_trait("status", "running")

    def stop(self) -> None:
        """End it after its present step; what is done stays usable."""
        if self._puller is not None and self.active:
            self._puller.stop()
            self.set_trait("stopping", True)

    def wait(self, timeout: float | None = None) -> None:
        """Wait for its end; an interrupt stops it, and the message says what is left.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Raises
        ------
        TimeoutError, Exception
            If it goes on; whatever ended it.
        """
        try:
            ended = wait_until(lambda: not self.active, self._mailbox, timeout)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self.stop_in_words()) from None
        if not ended:
            raise TimeoutError(f"{self.name} is still {self.status} after {timeout} s")
        if self.failure is not None:
            raise self.failure

    def stop_in_words(self) -> str:
        """Stop it, wait a moment for its end and describe what is left of it."""
        self.stop()
        ended = wait_until(lambda: not self.active, self._mailbox, STOPPING)
        how = "was stopped" if ended else "ends after its present step"
        return f"{self.name} {how}. {self.left}"

    def close(self, timeout: float = 8.0) -> None:
        """Stop it, and wait a moment [s] for its thread."""
        self.stop()
        if self._puller is not None:
            self._puller.join(timeout)

    def _begin(
        self, steps: Callable[[], Iterator[Any]], record: Callable[[list[Any]], None], thread: str
    ) -> None:
        """Go through the steps in the background; `record` receives those since its last call."""
        self.failure = None
        self.set_trait("status", "running")
        self._puller = Puller(steps, self._mailbox, record, self._end, name=thread)

    def _end(self, failure: Exception | None) -> None:
        self.failure = failure
        failed = failure is not None
        self._leave("failed" if failed else "stopped" if self.stopping else "finished")

    def _leave(self, status: str) -> None:
        """Take the status in which it ended."""
        with self.hold_trait_notifications():
            self.set_trait("stopping", False)
            self.set_trait("status", status)
