"""Maps of the rrVAE as calibrated signals that can be saved in one file."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import dask.array as da
import hyperspy.api as hs
import numpy as np

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files.atomic import aside, written
from stemwidgets.arrays.files.disk import unwritten
from stemwidgets.arrays.maps.circular import period
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.records import Encoding
from stemwidgets.signals.io import safe_hyperspy, saving
from stemwidgets.signals.io.load import explained
from stemwidgets.signals.maps.compare import FOLD, fold
from stemwidgets.signals.maps.scan_signals import map_signal, map_stack_signal

_READERS = {".zspy": "ZSPY", ".hspy": "HSPY"}
_UNITS = {
    "angle": "rad",
    "angle_std": "rad",
    "confidence": "",
    "symmetry": "",
    "symmetry_confidence": "",
    "residual": "",
}
_WHOLE = {"symmetry": np.uint8, "classes": np.int16}
_LATENT, _PROBABILITY = re.compile(r"z\d+"), re.compile(r"p\d+")


@dataclass(frozen=True, eq=False)
class Maps:
    """Angle, latent and symmetry maps of a scan, each a HyperSpy signal with the axes of the scan.

    Parameters
    ----------
    angle : Signal2D
        Rotation of each pattern [rad, in (-π, π] / fold], ``[iy, ix]``; positive turns +kx towards
        +ky. NaN where the pattern is rotation-symmetric. Its fold is in
        ``angle.metadata.Signal.fold``, where :func:`stemwidgets.compare_angles` finds it.
    latent : Signal2D
        Latent variables, ``[d, iy, ix]``: one map for each navigation index.
    confidence : Signal2D
        Resultant length of the angle's posterior, from 0 to 1.
    residual : Signal2D
        Misfit of the reconstruction; 1 is typical of the training.
    angle_std : Signal2D
        Standard deviation of the angle [rad].
    symmetry : Signal2D
        Order n of each pattern's own rotational symmetry: 1 is none, 0 is full rotational symmetry.
    symmetry_confidence : Signal2D
        Probability of that n.
    classes : Signal2D or None
        Most probable class, from 0; None if the model has no classes.
    class_probability : Signal2D or None
        Probability of each class, ``[classes, iy, ix]``.

    Patterns without counts have NaN in every map, 0 in `symmetry` and -1 in `classes`.

    Examples
    --------
    >>> sw.Maps.load("maps.zspy").angle.plot()
    """

    angle: Any
    latent: Any
    confidence: Any
    residual: Any
    angle_std: Any
    symmetry: Any
    symmetry_confidence: Any
    classes: Any = None
    class_probability: Any = None

    @classmethod
    def from_encoding(cls, encoding: Encoding, axes: Axes, title: str = "") -> Self:
        """Maps from the arrays that a model gives, of leading shape ``[iy, ix]``, for a scan."""
        prefix = f"{title}: rrVAE" if title else "rrVAE"

        def single(name: str, units: str = "") -> Any:
            words = name.replace("_", " ")
            values = getattr(encoding, name)
            return map_signal(values, axes, f"{prefix} {words}", words, units)

        maps = {name: single(name, units) for name, units in _UNITS.items()}
        maps["angle"].metadata.set_item(FOLD, encoding.fold)
        maps["latent"] = map_stack_signal(encoding.latent, axes, f"{prefix} latent", "z", "")
        if encoding.classes is not None and encoding.class_probability is not None:
            maps["classes"] = single("classes")
            words = "class probability"
            maps["class_probability"] = map_stack_signal(
                encoding.class_probability, axes, f"{prefix} {words}", words, ""
            )
            maps["class_probability"].axes_manager.navigation_axes[0].name = "class"
        return cls(**maps)

    @property
    def fold(self) -> int:
        """The angle is defined modulo 2π / fold: the symmetry that all patterns have in common."""
        return fold(self.angle)

    def __repr__(self) -> str:
        """Name the maps, their size and units."""
        rows, columns = self.angle.data.shape
        modulo = f", modulo {period(self.fold)}" if self.fold > 1 else ""
        names = [f"angle [rad{modulo}]", "angle_std [rad]", "confidence", "symmetry"]
        names += ["symmetry_confidence", f"latent ({len(self.latent.data)})", "residual"]
        if self.classes is not None:
            names += ["classes", f"class_probability ({len(self.class_probability.data)})"]
        return f"<Maps, scan {rows}×{columns}: {', '.join(names)}>"

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write all maps to one file that HyperSpy opens as a stack of maps.

        Latent variables are called ``z1``, ``z2`` … there and the probability of class k ``pk``.
        The file is complete before it takes its name, so that an earlier one is never damaged.

        Parameters
        ----------
        path : str or Path
            Ends in ``.zspy`` or ``.hspy``.
        overwrite : bool
            True to replace a file that exists.

        Raises
        ------
        InputError
            If the name has another ending, or is that of a folder.
        FileExistsError
            If the file exists and `overwrite` is False.
        FileNotFoundError
            If the folder does not exist.
        UnwrittenError
            If the disk does not take it.
        """
        path = saving.require_target(path, overwrite)
        stack = self._stack()
        with written(path, overwrite) as part:
            saving.save(stack, part)
        saving.remove_left_overs(path)

    @classmethod
    def load(cls, path: str | Path, lazy: bool = False) -> Self:
        """Read maps that were saved.

        Parameters
        ----------
        path : str or Path
            A file that :meth:`save` wrote.
        lazy : bool
            True to leave them on disk until they are used.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        InputError
            If it cannot be read, does not hold maps of an rrVAE, or lacks some of them.
        """
        path = Path(path).expanduser()
        saving.recover(path)
        if not path.exists():
            raise FileNotFoundError(f"There is no file {path}; check the name and the folder.")
        saving.require_format(path)
        with explained(path):
            stack = safe_hyperspy.read(path, _READERS[path.suffix], lazy)
        is_stack = isinstance(stack, hs.signals.BaseSignal)
        is_stack = is_stack and stack.axes_manager.navigation_dimension == 1
        names = str(stack.metadata.get_item("Rrvae.maps", "")).split() if is_stack else []
        if len(names) != len(getattr(stack, "data", ())) or "angle" not in names:
            raise InputError(
                f"Expected maps saved by stemwidgets, got something else in {path.name}. "
                "Open scans with stemwidgets.load."
            )
        missing = [name for name in _UNITS if name not in names]
        if missing or not stack.metadata.has_item(FOLD):
            raise InputError(
                f"Expected maps with {', '.join(missing or ['the fold of the angle'])}, but "
                f"{path.name} was saved by a version of stemwidgets that did not have them. Make "
                "the maps again, with model.encode(signal), and save them."
            )
        with explained(path):
            return cls(**_taken_apart(stack, names))

    def _stack(self) -> Any:
        parts = {name: getattr(self, name).data for name in _UNITS}
        parts |= {f"z{i + 1}": values for i, values in enumerate(self.latent.data)}
        if self.classes is not None:
            parts["classes"] = self.classes.data
            parts |= {f"p{i}": values for i, values in enumerate(self.class_probability.data)}
        pieces = [da.asarray(part, name=False).astype(np.float32) for part in parts.values()]  # type: ignore[no-untyped-call]
        angle = self.angle if self.angle._lazy else self.angle.as_lazy()
        stack = hs.stack([angle] * len(parts), show_progressbar=False)
        stack.data = da.stack(pieces).rechunk({0: 1, 1: "auto", 2: "auto"})  # type: ignore[no-untyped-call]
        stack.axes_manager.navigation_axes[0].name = "map"
        title = self.angle.metadata.General.title.removesuffix(" angle")
        names = " ".join(parts)
        _label(stack, title, names)
        stack.metadata.set_item("Rrvae.maps", names)
        return stack


def _taken_apart(stack: Any, names: list[str]) -> dict[str, Any]:
    title, angle_fold = stack.metadata.General.title, fold(stack)
    del stack.metadata.Rrvae
    del stack.metadata.Signal.fold

    def single(name: str, units: str = "") -> Any:
        words = name.replace("_", " ")
        taken = stack.inav[names.index(name)]
        _label(taken, f"{title} {words}", f"{words} ({units})" if units else words)
        if name in _WHOLE:
            taken.change_dtype(_WHOLE[name])
        return taken

    def several(pattern: re.Pattern[str], words: str, quantity: str, axis: str) -> Any:
        rows = [row for row, name in enumerate(names) if pattern.fullmatch(name)]
        taken = stack.inav[rows[0] : rows[-1] + 1]
        _label(taken, f"{title} {words}", quantity)
        taken.axes_manager.navigation_axes[0].name = axis
        taken.axes_manager.navigation_axes[0].offset = 0
        return taken

    maps = {name: single(name, units) for name, units in _UNITS.items()}
    maps["angle"].metadata.set_item(FOLD, angle_fold)
    maps["latent"] = several(_LATENT, "latent", "z", "z")
    if "classes" in names:
        maps["classes"] = single("classes")
        words = "class probability"
        maps["class_probability"] = several(_PROBABILITY, words, words, "class")
    return maps


def write_encoding(
    path: Path, encode: Callable[[Path | None], Encoding], axes: Axes, title: str
) -> Maps:
    """Write the maps of a scan to a file, without having all of them in memory.

    Parameters
    ----------
    path : Path
        See `saving.require_target`.
    encode : callable
        Encodes with a folder for the maps, which go by way of files there, or with None in memory,
        where the disk has no room and other processes wait.
    axes, title
        As for `Maps.from_encoding`.

    Returns
    -------
    Maps
        Lazy ones, of the file.
    """
    with ExitStack() as stack:
        folder = None
        try:
            folder = stack.enter_context(aside(path))
        except OSError:
            if distributed.count() == 1:
                raise
        try:
            encoding = encode(folder)
        except OSError as error:
            raise unwritten(path, error) if error.filename else error from error
        Maps.from_encoding(encoding, axes, title).save(path, overwrite=True)
    return Maps.load(path, lazy=True)


def _label(signal: Any, title: str, quantity: str) -> None:
    signal.metadata.General.title = title
    signal.metadata.Signal.quantity = quantity
