"""HyperSpy's navigator and the session's position, moved together."""

from typing import Any

import hyperspy.api as hs

from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.conversion import navigated_shape, place_of, set_place
from stemwidgets.state.session import ScanSession


class Following:
    """A link of both, until it is closed.

    A move of the navigator is taken over once the session has time for it, as it stands then: of
    many in a moment the last counts, and none comes back.

    Parameters
    ----------
    session : Session
        Session whose position is linked.
    signal : HyperSpy signal
        Signal whose navigation axes are those of the scan.

    Raises
    ------
    InputError
        If its axes are others.
    """

    def __init__(self, session: ScanSession, signal: Any) -> None:
        _require_navigable(signal, session.scan.shape[:2])
        self._session, self._signal = session, signal
        self._moved()
        signal.axes_manager.events.indices_changed.connect(self._moved, [])
        session.observe(self._lead, "position")

    def close(self) -> None:
        """End the link."""
        event = self._signal.axes_manager.events.indices_changed
        if self._moved in event.connected:
            event.disconnect(self._moved)
            self._session.unobserve(self._lead, "position")

    def _moved(self) -> None:
        key = f"follow {id(self)}"
        self._session.mailbox.post(key, self._follow, delay=0.02)

    def _follow(self) -> None:
        self._session.position = place_of(self._signal)

    def _lead(self, _: Any) -> None:
        set_place(self._signal, self._session.position)


def _require_navigable(signal: Any, shape: tuple[int, int]) -> None:
    if not isinstance(signal, hs.signals.BaseSignal):
        raise InputError(f"Expected a HyperSpy signal, got {type(signal).__name__}.")
    found = navigated_shape(signal)
    if found != shape:
        sizes = " × ".join(map(str, found)) or "none"
        raise InputError(
            f"Expected a signal that is navigated over the scan of {shape[0]} × {shape[1]} "
            f"positions, got one over {sizes}."
        )
