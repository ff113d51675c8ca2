"""The only threads of the project, and the mailbox that passes their results to the main loop.

Traits may be set in one thread only, the one that made the session: observers draw widgets.
Results of threads, and events that the front end delivers in a thread of its own (JupyterLab sends
widget messages to a subshell), are therefore posted and run in that thread by the event loop.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any, Generic, TypeVar

from stemwidgets.arrays.cancel import Interrupted, interruptible, noted_interrupts
from stemwidgets.arrays.memory import return_memory

T = TypeVar("T")


class Mailbox:
    """Runner of callbacks in the thread that made it; of several with one key only the latest.

    Parameters
    ----------
    on_error : callable
        Receives any error of a callback; nothing is lost in an event loop's log.
    """

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        self._on_error = on_error
        self._home = threading.get_ident()
        self._lock = threading.Lock()
        self._letters: dict[str, Callable[[], None]] = {}
        self._closed = False
        self._resting: set[str] = set()
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    def post(
        self, key: str, callback: Callable[[], None], delay: float = 0.0, rest: float = 0.0
    ) -> None:
        """Run the callback in the main loop after `delay` seconds, unless a newer one replaces it.

        After it no other of this key is run for `rest` seconds, in which the event loop collects
        all that come meanwhile: the first is run at once, and then the latest.

        Without a running event loop (a plain script) a callback posted from that thread runs at
        once, and one posted from another waits for `drain`.
        """
        if self._closed:
            return
        if self._loop is None and threading.get_ident() == self._home:
            self._run(callback)
            return
        with self._lock:
            waiting = key in self._letters or key in self._resting
            self._letters[key] = callback
        if self._loop is None or waiting:
            return
        with suppress(RuntimeError):  # the loop is closed when the kernel shuts down
            self._loop.call_soon_threadsafe(self._loop.call_later, delay, self._deliver, key, rest)

    def close(self) -> None:
        """Run no callback any more, neither waiting ones nor new ones."""
        with self._lock:
            self._closed = True
            self._letters.clear()
        self._on_error = _heard_by_nobody

    def drain(self) -> None:
        """Run all waiting callbacks now; for callers that block the event loop."""
        if threading.get_ident() != self._home:
            return
        for key in list(self._letters):
            self._deliver(key)

    def _deliver(self, key: str, rest: float = 0.0) -> None:
        with self._lock:
            callback = self._letters.pop(key, None)
            if callback is not None and rest:
                self._resting.add(key)
        if callback is None:
            return
        self._run(callback)
        if rest and self._loop is not None:
            self._loop.call_later(rest, self._wake, key, rest)

    def _wake(self, key: str, rest: float) -> None:
        with self._lock:
            self._resting.discard(key)
        self._deliver(key, rest)

    def _run(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception as error:
            self._on_error(error)


def _heard_by_nobody(error: BaseException) -> None:
    """Discard an error of work that was still running as its session was closed."""


class Worker:
    """One thread that does one job after another; of several jobs with one key only the latest.

    A cancelled job stops where it can: see `stemwidgets.arrays.cancel`. The
    thread ends when there is nothing left to do.

    Parameters
    ----------
    mailbox : Mailbox
        Mailbox for the results.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._lock = threading.Lock()
        self._jobs: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {}
        self._thread: threading.Thread | None = None
        self._present, self._unwanted = "", threading.Event()

    @property
    def busy(self) -> bool:
        """True while a job runs or waits."""
        return self._thread is not None

    def submit(self, key: str, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do `work` in the thread and pass its result to `then` in the main loop."""
        with self._lock:
            self._jobs.pop(key, None)
            self._jobs[key] = (work, then)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def forget(self, key: str) -> None:
        """Cancel the job that was submitted with this key."""
        with self._lock:
            self._jobs.pop(key, None)
            if key == self._present:
                self._unwanted.set()

    def close(self, timeout: float = 5.0) -> None:
        """Cancel all jobs and wait a moment for those that cannot stop.

        A thread that is amid torch or a file when Python ends would abort the process.
        """
        with self._lock:
            self._jobs.clear()
            self._unwanted.set()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._thread = None
                    return
                key = next(iter(self._jobs))
                work, then = self._jobs.pop(key)
                self._present, self._unwanted = key, threading.Event()
            with suppress(Interrupted), interruptible(self._unwanted.is_set):
                self._mailbox.post(f"worker {key}", _outcome(work, then))


def _outcome(work: Callable[[], T], then: Callable[[T], None]) -> Callable[[], None]:
    try:
        result = work()
    except Exception as error:
        failure = error

        def fail() -> None:
            raise failure

        return fail
    return lambda: then(result)


class Puller(Generic[T]):
    """Thread that pulls a generator and passes its items on, at most ten times a second.

    Parameters
    ----------
    generate : callable
        Makes the generator; called in the thread. Stopping closes the generator.
    mailbox : Mailbox
        Passes items to the main loop.
    deliver : callable
        Receives, in the main loop, the items since the last delivery.
    end : callable
        Receives, in the main loop and after the last item, the error raised, or None.
    name : str
        Name that distinguishes it from another one with the same mailbox.
    """

    interval = 0.1

    def __init__(
        self,
        generate: Callable[[], Iterator[T]],
        mailbox: Mailbox,
        deliver: Callable[[list[T]], None],
        end: Callable[[Exception | None], None],
        name: str = "training",
    ) -> None:
        self._generate, self._deliver, self._end = generate, deliver, end
        self._mailbox, self._name = mailbox, name
        self._items: deque[T] = deque()
        self._stopping = threading.Event()
        self._going = threading.Event()
        self._going.set()
        self._thread = threading.Thread(target=self._pull, daemon=True)
        self._thread.start()

    @property
    def stopping(self) -> bool:
        """True once a stop was asked for."""
        return self._stopping.is_set()

    def pause(self) -> None:
        """Hold the generator after its present step."""
        self._going.clear()

    def resume(self) -> None:
        """Let the generator go on."""
        self._going.set()

    def stop(self) -> None:
        """Close the generator after its present step."""
        self._stopping.set()
        self._going.set()

    def join(self, timeout: float) -> bool:
        """Wait for the thread; return True if it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _pull(self) -> None:
        failure: Exception | None = None
        try:
            items = self._generate()
            with interruptible(self._stopping.is_set), closing(items):  # type: ignore[type-var]
                for item in items:
                    self._items.append(item)
                    self._mailbox.post(f"progress of {self._name}", self._hand_over, self.interval)
                    self._going.wait()
                    if self.stopping:
                        break
        except Interrupted:
            pass
        except Exception as error:
            failure = error
        return_memory()
        self._mailbox.post(f"end of {self._name}", lambda: self._finish(failure))

    def _hand_over(self) -> None:
        items = [self._items.popleft() for _ in range(len(self._items))]
        if items:
            self._deliver(items)

    def _finish(self, failure: Exception | None) -> None:
        self._hand_over()
        self._end(failure)


def wait_until(done: Callable[[], bool], mailbox: Mailbox, timeout: float | None) -> bool:
    """Drain the mailbox until `done`, at most `timeout` seconds; return True if it is done.

    A KeyboardInterrupt comes between two drains, so that none is cut short.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    with noted_interrupts() as asked:
        while True:
            mailbox.drain()
            if asked:
                raise KeyboardInterrupt
            if done():
                return True
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(0.01)
