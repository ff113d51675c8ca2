"""A session on whatever a microscopist has: a file, a signal or an array."""

from os import PathLike
from typing import Any

from stemwidgets.signals.axes import to_arrays
from stemwidgets.signals.load import load
from stemwidgets.state import session as state


class Session(state.Session):
    """One scan on the desk, shared by all views of it.

    Parameters
    ----------
    source : path, signal or array
        A file that :func:`stemwidgets.load` reads, a HyperSpy or pyxem signal, or a numpy or dask
        array ``[iy, ix, ky, kx]``.
    lazy : bool
        Leave the patterns of a file on disk and read them in the background.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If this is no scan of diffraction patterns.
    """

    def __init__(self, source: Any, lazy: bool = False) -> None:
        signal = load(source, lazy=lazy) if isinstance(source, str | PathLike) else source
        data, axes, title = to_arrays(signal)
        if not title and isinstance(source, str | PathLike):
            title = str(source)
        super().__init__(data, axes, title, _beam_energy(signal), _model)


def _beam_energy(signal: Any) -> float | None:
    if not hasattr(signal, "metadata"):
        return None
    energy = signal.metadata.get_item("Acquisition_instrument.TEM.beam_energy")
    return float(energy) if energy else None


def _model(**options: Any) -> Any:
    from stemwidgets.signals.rrvae import RRVAE

    return RRVAE(**options)
