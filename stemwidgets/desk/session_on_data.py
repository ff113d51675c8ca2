"""A session on a file, a signal or an array."""

from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import hyperspy.api as hs

from stemwidgets.arrays.errors import InputError
from stemwidgets.desk.hyperspy_link import Following
from stemwidgets.signals.calibration.vacuum import descan_of_file
from stemwidgets.signals.conversion import to_arrays, with_notes
from stemwidgets.signals.io.load import load
from stemwidgets.signals.io.missing import noted
from stemwidgets.signals.metadata.title_and_beam import beam_energy, title_of
from stemwidgets.state import session as state


class Session(state.Session):
    """A session that reads its scan from a file, a signal or an array.

    Parameters and attributes are those of `stemwidgets.desk.session.Session`, which users make.
    """

    def __init__(self, source: Any, lazy: bool = False, **load_options: Any) -> None:
        is_file = isinstance(source, str | PathLike)
        if load_options and not is_file:
            raise InputError(
                f"{', '.join(sorted(load_options))} say how a file is read, and this is none: pass "
                "the name of a file."
            )
        signal = load(source, lazy=lazy, **load_options) if is_file else source
        self._followings: list[Following] = []
        if isinstance(signal, hs.signals.BaseSignal):
            data, axes, notes = with_notes(signal)
            energy, title = beam_energy(signal), title_of(signal)
            super().__init__(data, axes, title, energy, self._model, (*notes, *noted(signal)))
        else:
            super().__init__(*to_arrays(signal), make_model=self._model)
        self.vacuum.read_file = partial(descan_of_file, **load_options)

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

    def _model(self, **options: Any) -> Any:
        from stemwidgets.signals.rrvae import RRVAE

        return RRVAE(**options).lie_on(self.shape[2:])


def origin(signal: Any) -> Path | None:
    """The file that HyperSpy read a signal from."""
    if not hasattr(signal, "tmp_parameters"):
        return None
    folder, name, extension = (
        signal.tmp_parameters.get_item(part, "") for part in ("folder", "filename", "extension")
    )
    return Path(folder) / f"{name}{extension}" if name else None
