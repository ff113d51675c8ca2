"""A session on a file, a signal or an array, whose results can be saved and exported."""

from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Self, TypeVar

import hyperspy.api as hs

from stemwidgets.arrays.errors import InputError
from stemwidgets.desk.hyperspy_link import Following
from stemwidgets.export.results import Results
from stemwidgets.export.snapshot import Origin, Snapshot, snapshot_of
from stemwidgets.persistence import cache, session_file, session_state
from stemwidgets.persistence.autosave import Autosave
from stemwidgets.persistence.session_state import Arrays, Choices
from stemwidgets.signals.calibration.vacuum import descan_of_file
from stemwidgets.signals.conversion import to_arrays, with_notes
from stemwidgets.signals.io.load import load
from stemwidgets.signals.io.missing import noted
from stemwidgets.signals.metadata.title_and_beam import beam_energy, semi_angle, title_of
from stemwidgets.state.session import ScanSession

T = TypeVar("T")


class Session(ScanSession):
    """One scan on the desk, shared by all views of it.

    Parameters
    ----------
    source : path, signal or array
        A file that :func:`stemwidgets.load` reads, a HyperSpy or pyxem signal, or a numpy or dask
        array ``[iy, ix, ky, kx]``.
    lazy : bool
        Leave the patterns of a file on disk and read them in the background.
    **load_options
        Options of `stemwidgets.load`, for a file: ``scan_shape``, ``flyback``, ``dataset`` …

    Attributes
    ----------
    position : (iy, ix)
        Position on screen; set it to look elsewhere.
    pattern : ndarray of float32, shape [ky, kx]
        Pattern at the position, in counts.
    channels : mapping of str to Channel
        Maps ``[iy, ix]`` by the name they have on screen, each with its units.
    training : Training
        ``start``, ``pause``, ``resume``, ``stop`` and ``wait`` for the rrVAE.
    model : RRVAE or None
        The trained model.

    Others are those of `stemwidgets.state.ScanSession`.

    Raises
    ------
    FileNotFoundError, InputError
        If there is no such file, or it is no scan of diffraction patterns.

    Examples
    --------
    >>> session = sw.Session("scan.zspy", lazy=True)
    """

    def __init__(self, source: Any, lazy: bool = False, **load_options: Any) -> None:
        is_file = isinstance(source, str | PathLike)
        if load_options and not is_file:
            how = f"{', '.join(sorted(load_options))} say how a file is read"
            raise InputError(f"{how}, and this is none: pass the name of a file.")
        signal = load(source, lazy=lazy, **load_options) if is_file else source
        if isinstance(signal, hs.signals.BaseSignal):
            data, axes, notes = with_notes(signal)
            known = title_of(signal), beam_energy(signal)
            super().__init__(data, axes, *known, self._model, (*notes, *noted(signal)))
            self.scan.semi_angle = semi_angle(signal)
        else:
            super().__init__(*to_arrays(signal), make_model=self._model)
        self.vacuum.read_file = partial(descan_of_file, **load_options)
        self._origin = Origin.of(source, lazy, load_options)
        self._followings: list[Following] = []
        self._model_file: Path | None = None
        self.autosave: Autosave | None = None
        self.page: Any = None  # a dashboard, with the choices of its views
        self.views: dict[str, Any] = {}  # last choices of a dashboard
        self.learned.observe(self._forget_model_file, "model")

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
        self._followings.append(Following(self, signal))
        return self._followings[-1]

    def snapshot(self) -> Snapshot:
        """The session at this moment; see `stemwidgets.export.snapshot.snapshot_of`."""
        displays = {} if self.page is None else session_state.displays(self.page.choices())
        return snapshot_of(self, self._origin, self._model_file, displays)

    def results(self) -> Results:
        """Results at this moment, to be written in any thread; see `snapshot`."""
        return Results(self.snapshot())

    def export(self, folder: str | Path) -> Path:
        """Write all results into a folder.

        Maps as ``.zspy`` with scan, settings, seed and versions, the trained model, each map as PNG
        and SVG, a table of positions and maps, and the Python that makes them. The rrVAE's maps are
        those that a script reads. The folder appears when it is complete, and else not at all.

        Parameters
        ----------
        folder : str or Path
            Name of the folder. If it exists, a number is added: nothing is overwritten.

        Returns
        -------
        Path
            The folder that was written.

        Raises
        ------
        InputError, FileNotFoundError
            If the scan is still being read, no name is given, or the folder around it is not there.
        OSError
            If it cannot be written.
        """
        return self.results().export(folder)

    def as_code(self) -> str:
        """Write Python that makes the maps without a screen, the same to the last bit.

        It takes the same machine, versions and scan. A scan that was not read from a file stands
        there as ``signal = ...``, a training that was stopped by hand as the file of its model.

        Returns
        -------
        str
            A cell of a notebook.

        Raises
        ------
        InputError
            If the scan is still being read.
        """
        return self.results().as_code()

    def write_page(self, path: str | Path) -> Path:
        """Write one HTML page with maps, mean and decoded patterns, settings and versions.

        It holds its pictures and no scripts, and opens without kernel and network.

        Parameters
        ----------
        path : str or Path
            Name of the file, as in `export`; ``.html`` is added to one without it.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        InputError, FileNotFoundError, OSError
            As `export`.
        """
        return self.results().write_page(path)

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write the session to a file, to be opened again by `open`.

        It keeps the path of the scan, all choices and how a dashboard shows its maps, and in files
        of the same name the model, ``.rrvae``, maps, components and regions, ``.npz``.

        Parameters
        ----------
        path : str or Path
            Ends in ``.json``.
        overwrite : bool
            True to replace files that exist.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        InputError
            If the scan was not read from a file, or the name has another ending.
        FileExistsError
            If there is such a file and `overwrite` is False.
        FileNotFoundError
            If the folder does not exist.
        UnwrittenError
            If the disk does not take it; an earlier save is as it was.
        """
        path = session_file.write(self.snapshot(), *self.taken(), path, overwrite)
        if self.model is not None:
            self._model_file = path.with_suffix(".rrvae")
        return path

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a session that was saved, by this version of the file or an older one.

        Parameters
        ----------
        path : str or Path
            File that `save` wrote. The scan is looked for at its path relative to that file, and
            at its absolute path.

        Raises
        ------
        FileNotFoundError
            If the file, the scan or the model is not there.
        InputError
            If it is no session file, newer or damaged, or a file beside it is of another save.
        """
        kept = session_file.read(path)
        model = None if kept.model_file is None else cache.load_model(kept.model_file)
        session = cls(kept.source, lazy=kept.lazy, **kept.load_options)
        try:
            with session_file.refused(Path(path)):
                session.restore(kept.choices, kept.arrays, model)
        except Exception:
            session.close()
            raise
        session._model_file = kept.model_file
        return session

    def taken(self) -> tuple[Choices, Arrays]:
        """Everything chosen and shown, as JSON values and arrays; without the model."""
        return session_state.taken(self, self.views if self.page is None else self.page.choices())

    def restore(self, chosen: Choices, arrays: Arrays, model: Any) -> None:
        """Restore what `taken` returned, with its model, or None.

        Raises
        ------
        InputError
            If a training runs, or a choice is out of range.
        """
        session_state.restore(self, chosen, arrays, model)
        self.views = dict(chosen.get("views", {}))
        if self.page is not None:
            self.page.choose(self.views)

    def keep(self) -> Autosave:
        """Keep the last state on disk from now on, and restore that of an earlier session.

        Dashboards do so. The folder is ``$STEMWIDGETS_CACHE``; without that variable it is one for
        caches, and if it is empty nothing is kept.
        """
        if self.autosave is None:
            self.autosave = Autosave(self, self.taken, self.restore, self.aside)
        return self.autosave

    def _take_leave(self) -> None:
        if self.autosave is not None:
            self.autosave.finish()

    def aside(self, work: Callable[[], T], then: Callable[[T], None], key: str = "export") -> None:
        """Do `work` in the background, after what is being computed, and pass its result on.

        Of several with one key only the latest is done.
        """
        self._computer.submit(key, work, then)

    def close(self) -> None:
        """Stop the training, follow no more, forget what the background has not begun."""
        for following in self._followings:
            following.close()
        super().close()

    def _model(self, **options: Any) -> Any:
        from stemwidgets.signals.rrvae import RRVAE  # torch is loaded only for a training

        return RRVAE(**options).lie_on(self.scan.shape[2:])

    def _forget_model_file(self, _: Any) -> None:
        self._model_file = None
