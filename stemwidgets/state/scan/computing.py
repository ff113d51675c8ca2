"""A computation in the background, on request, that may fail."""

from collections.abc import Callable
from typing import TypeVar

from traitlets import HasTraits, Unicode

from stemwidgets.state.background.worker import Mailbox, Worker, wait_until
from stemwidgets.state.errors import in_words
from stemwidgets.state.scan.scan import Scan

T = TypeVar("T")


class Computing(HasTraits):
    """One kind of work on a session's scan; of several requests only the latest counts.

    Parameters
    ----------
    scan : Scan
        The scan.
    mailbox : Mailbox
        Passes results to the main loop.

    Attributes
    ----------
    status : {"idle", "running", "finished", "failed"}
    problem : str
        Last error in words; empty if there was none.
    failure : the exception that ended the last work, or None
    """

    status = Unicode("idle", read_only=True)
    problem = Unicode("", read_only=True)

    def __init__(self, scan: Scan, mailbox: Mailbox) -> None:
        super().__init__()
        self._scan, self._mailbox = scan, mailbox
        self._worker = Worker(mailbox)
        self._asked = 0
        self.failure: Exception | None = None

    @property
    def running(self) -> bool:
        """True while something is being computed."""
        return self.status == "running"

    @property
    def busy(self) -> bool:
        """True while anything goes on in the background, small things included."""
        return self.running or self._worker.busy

    def wait(self, timeout: float | None = None) -> None:
        """Wait for the result; an interrupt cancels the work.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Raises
        ------
        TimeoutError
            If the work goes on.
        Exception
            Any error that ended it.
        """
        try:
            done = wait_until(lambda: not self.running, self._mailbox, timeout)
        except KeyboardInterrupt:
            self._worker.forget(type(self).__name__)
            self._forget()
            raise KeyboardInterrupt("The work was given up; what was there before stays.") from None
        if not done:
            raise TimeoutError(f"still computing after {timeout} s")
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        """Cancel requests that have not begun, and wait a moment for the rest."""
        self._worker.close()

    def _compute(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do `work` in the background and pass its result to `then` in the main loop."""
        self._scan.require_open()
        self._asked += 1
        asked, self.failure = self._asked, None
        self.set_trait("problem", "")
        self.set_trait("status", "running")

        def attempt() -> T | Exception:
            try:
                return work()
            except Exception as error:
                return error

        def finish(result: T | Exception) -> None:
            if asked != self._asked:
                return
            if isinstance(result, Exception):
                self.failure = result
                self.set_trait("problem", in_words(result))
                self.set_trait("status", "failed")
            else:
                then(result)
                self.set_trait("status", "finished")

        self._worker.submit(type(self).__name__, attempt, finish)  # one key for all

    def _forget(self) -> None:
        """Cancel the request and clear the last error."""
        self._asked += 1
        self.failure = None
        self.set_trait("problem", "")
        self.set_trait("status", "idle")
