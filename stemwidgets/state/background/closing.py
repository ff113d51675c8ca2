"""The end of a session: objects that close with it or with Python, and their replacement."""

import atexit
from typing import Any, NoReturn, Protocol
from weakref import WeakSet

from stemwidgets.arrays.errors import InputError


def refuse() -> NoReturn:
    """Raise the error of a closed session.

    Raises
    ------
    InputError
        Always.
    """
    raise InputError(
        "This session is closed, its scan is no longer in memory. Open the scan again: "
        "stemwidgets.Session(...), or run the cell with its page again."
    )


class ClosedScan:
    """Replacement of the data, which raises an InputError on any access."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        refuse()

    def __getitem__(self, key: Any) -> Any:
        refuse()

    def __array__(self, *_: Any, **__: Any) -> Any:
        refuse()


CLOSED_SCAN = ClosedScan()


class Closing(Protocol):
    """Anything with an end."""

    def close(self) -> None:
        """Stop what runs in the background."""


_OPEN: WeakSet[Closing] = WeakSet()


def close_at_exit(thing: Closing) -> None:
    """Close something when Python ends, if it is still in use then."""
    _OPEN.add(thing)
    atexit.unregister(_close_all)  # so that modules loaded since end later
    atexit.register(_close_all)


def _close_all() -> None:
    for thing in list(_OPEN):
        thing.close()
