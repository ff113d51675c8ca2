"""A session whose results can be taken away."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from stemwidgets.arrays.errors import InputError
from stemwidgets.signals import session as signals
from stemwidgets.takeaway.snapshot import Snapshot

T = TypeVar("T")


class Session(signals.Session):
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
        super().__init__(source, lazy)
        is_file = isinstance(source, str | PathLike)
        self._source = Path(source).expanduser().resolve() if is_file else None
        self._left_on_disk = lazy
        self._trainings: tuple[str, ...] = ()
        self._model_file: Path | None = None
        self.training.observe(self._note_training, "status")

    def snapshot(self) -> Snapshot:
        """The session at this moment, which files, code and page are made of.

        Raises
        ------
        InputError
            If the scan is still being read.
        """
        if self.overview is None:
            raise InputError(
                "Expected maps to take away, but the scan is still being read. Wait for the first "
                "maps, in a script with session.wait()."
            )
        return Snapshot(
            data=self.data,
            axes=self.axes,
            title=self.title,
            beam_energy=self.beam_energy,
            source=self._source,
            lazy=self._left_on_disk,
            position=self.position,
            detector=self.detector,
            channels=self.channels,
            mean_pattern=self.overview.mean_pattern,
            model=self.model,
            trainings=self._trainings,
            model_file=self._model_file,
        )

    def export(self, folder: str | Path) -> Path:
        """Write all that was found into a folder.

        Maps as ``.zspy`` with scan, settings, seed and versions in their metadata, the trained
        model, each map as PNG and SVG with scale bar and colour bar, a table of positions and maps,
        and the Python that makes them. The folder appears when it is complete; a failure leaves
        nothing behind.

        Parameters
        ----------
        folder : str or Path
            Its name. Where there is something already, a number is added: nothing is overwritten.

        Returns
        -------
        Path
            The folder that was written.

        Raises
        ------
        InputError
            If the scan is still being read, or no name is given.
        FileNotFoundError
            If the folder around it does not exist.
        OSError
            If it cannot be written.
        """
        return self.snapshot().export(folder)

    def as_code(self) -> str:
        """The Python that makes the maps without a screen, the same to the last bit.

        The same machine, versions and scan are needed for that. A scan that was not read from a
        file stands there as ``signal = ...``, and a training that was stopped by hand as the file
        of its model.

        Returns
        -------
        str
            A cell of a notebook.

        Raises
        ------
        InputError
            If the scan is still being read.
        """
        return self.snapshot().as_code()

    def write_page(self, path: str | Path) -> Path:
        """Write one HTML page with maps, mean and decoded patterns, settings and versions.

        It holds its pictures and no scripts, and opens without kernel and network.

        Parameters
        ----------
        path : str or Path
            Name of the file; ``.html`` is added to one without it. Where there is something
            already, a number is added: nothing is overwritten.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        InputError, FileNotFoundError, OSError
            As `export`.
        """
        return self.snapshot().write_page(path)

    def aside(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do `work` in the background, after what is being computed, and hand over its result."""
        self._computer.submit("take away", work, then)

    def _note_training(self, change: Any) -> None:
        status, before = change["new"], change["old"]
        if status == "running" and before != "paused":
            self._model_file = None
            if self.training.model is None:
                self._trainings = ()
        elif status in ("finished", "stopped", "failed"):
            self._trainings += (status,)
