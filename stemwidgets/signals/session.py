"""A session on whatever a microscopist has: a file, a signal or an array."""

from os import PathLike
from typing import Any

from stemwidgets.signals.axes import beam_energy, to_arrays
from stemwidgets.signals.following import Following
from stemwidgets.signals.load import load
from stemwidgets.state import session as state


class Session(state.Session):
    """A session that reads its scan from a file, a signal or an array.

    `stemwidgets.takeaway.session.Session`, which users make, tells its parameters and attributes.
    """

    def __init__(self, source: Any, lazy: bool = False) -> None:
        signal = load(source, lazy=lazy) if isinstance(source, str | PathLike) else source
        data, axes, title = to_arrays(signal)
        if not title and isinstance(source, str | PathLike):
            title = str(source)
        energy = beam_energy(signal) if hasattr(signal, "metadata") else None
        self._followings: list[Following] = []
        super().__init__(data, axes, title, energy, _model)

    def follow(self, signal: Any) -> Following:
        """Move together with HyperSpy's navigator of a signal, both ways.

        The position is that of the navigator at first.

        Parameters
        ----------
        signal : HyperSpy signal
            The scan itself, or anything that is navigated over it; plotted or not.

        Returns
        -------
        Following
            ``close()`` ends it; closing the session does too.

        Raises
        ------
        InputError
            If it is not navigated over this scan.
        """
        following = Following(self, signal)
        self._followings.append(following)
        return following

    def close(self) -> None:
        """Stop the training, follow no more, forget what the background has not begun."""
        for following in self._followings:
            following.close()
        super().close()


def _model(**options: Any) -> Any:
    from stemwidgets.signals.on_detector import RRVAE

    return RRVAE(**options)
