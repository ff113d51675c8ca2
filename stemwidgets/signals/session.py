"""A session on whatever a microscopist has: a file, a signal or an array."""

from os import PathLike
from typing import Any

from stemwidgets.signals.axes import beam_energy, to_arrays
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

    Attributes
    ----------
    position : (iy, ix)
        Where one looks; set it to look elsewhere.
    pattern : ndarray of float32, shape [ky, kx]
        Pattern at the position, in counts.
    detector : AnnularDetector or None
        Virtual detector; set it for the channel "virtual detector".
    channels : mapping of str to Channel
        Maps ``[iy, ix]`` by the name they have on screen, each with its units.
    training : Training
        ``start``, ``pause``, ``resume``, ``stop`` and ``wait`` for the rrVAE.
    model : RRVAE or None
        The trained model.
    problem : str
        What went wrong last, in words; empty if nothing did.

    The others are those of `stemwidgets.state.Session`.

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
        energy = beam_energy(signal) if hasattr(signal, "metadata") else None
        super().__init__(data, axes, title, energy, _model)


def _model(**options: Any) -> Any:
    from stemwidgets.signals.on_detector import RRVAE

    return RRVAE(**options)
