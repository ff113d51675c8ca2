"""What the rrVAE reads off a scan, as calibrated signals that can be saved in one file."""

import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import hyperspy.api as hs
import numpy as np

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae.records import Encoding
from stemwidgets.signals.axes import map_signal, map_stack_signal
from stemwidgets.signals.load import explained

FORMATS = (".zspy", ".hspy")
_SINGLE = ("angle", "confidence", "residual")


@dataclass(frozen=True, eq=False)
class Maps:
    """Angle and latent maps of a scan, each a HyperSpy signal with the axes of the scan.

    Parameters
    ----------
    angle : Signal2D
        Rotation of each pattern [rad, in (-π, π]], ``[iy, ix]``; positive turns +kx towards +ky.
    latent : Signal2D
        Latent variables, ``[d, iy, ix]``: one map for each navigation index.
    confidence : Signal2D
        Resultant length of the angle's posterior, from 0 to 1.
    residual : Signal2D
        Misfit of the reconstruction; 1 is typical of the training.
    """

    angle: Any
    latent: Any
    confidence: Any
    residual: Any

    @classmethod
    def from_encoding(cls, encoding: Encoding, axes: Axes, title: str = "") -> Self:
        """Maps from the arrays that a model gives.

        Parameters
        ----------
        encoding : Encoding
            Arrays of leading shape ``[iy, ix]``.
        axes : Axes
            Those of the scan.
        title : str
            Name of the scan.
        """
        prefix = f"{title}: " if title else ""

        def single(name: str, units: str) -> Any:
            return map_signal(getattr(encoding, name), axes, f"{prefix}rrVAE {name}", name, units)

        latent = map_stack_signal(encoding.latent, axes, f"{prefix}rrVAE latent", "z", "")
        return cls(single("angle", "rad"), latent, single("confidence", ""), single("residual", ""))

    def __repr__(self) -> str:
        """Name the maps and their size."""
        rows, columns = self.angle.data.shape
        return (
            f"<Maps, scan {rows}×{columns}: angle [rad], latent ({len(self.latent.data)}), "
            "confidence, residual>"
        )

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write all maps to one file that HyperSpy opens as a stack of maps.

        The file is complete before it takes its name, so that an earlier one is never damaged.

        Parameters
        ----------
        path : str or Path
            Ends in ``.zspy`` or ``.hspy``.
        overwrite : bool
            Replace a file that exists.

        Raises
        ------
        InputError
            If the name has another ending, or is that of a folder.
        FileExistsError
            If the file exists and `overwrite` is False.
        FileNotFoundError
            If the folder does not exist.
        """
        path = Path(path).expanduser()
        _require_format(path)
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(f"The folder {path.parent} does not exist; make it first.")
        if path.exists() and not overwrite:
            raise FileExistsError(
                f"{path} exists already. Choose another name, or pass overwrite=True."
            )
        if path.is_dir() and path.suffix != ".zspy":
            raise InputError(f"{path} is a folder. Add the name of a file to it.")
        stack, temporary = self._stack(), path.with_stem(f"{path.stem}.part")
        try:
            with warnings.catch_warnings():
                # how RosettaSciIO stores .zspy is not the user's concern
                warnings.filterwarnings("ignore", "The NestedDirectoryStore", FutureWarning)
                stack.save(temporary, overwrite=True)
            _remove(path)
            temporary.rename(path)
        finally:
            _remove(temporary)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read maps that were saved.

        Parameters
        ----------
        path : str or Path
            A file that :meth:`save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        InputError
            If it cannot be read or does not hold maps of an rrVAE.
        """
        path = Path(path).expanduser()
        if not path.exists():
            raise FileNotFoundError(f"There is no file {path}; check the name and the folder.")
        _require_format(path)
        with explained(path):
            stack = hs.load(path)
        names = stack.metadata.get_item("Rrvae.maps", "").split() if _is_stack(stack) else []
        if len(names) != len(getattr(stack, "data", ())) or set(_SINGLE) - set(names):
            raise InputError(
                f"Expected maps saved by stemwidgets, got something else in {path.name}. "
                "Open scans with stemwidgets.load."
            )
        title = stack.metadata.General.title

        def single(name: str, quantity: str) -> Any:
            return _titled(stack.inav[names.index(name)], f"{title} {name}", quantity)

        latent = stack.inav[1 : 1 + len(names) - len(_SINGLE)]
        latent.axes_manager.navigation_axes[0].name = "z"
        return cls(
            single("angle", "angle (rad)"),
            _titled(latent, f"{title} latent", "z"),
            single("confidence", "confidence"),
            single("residual", "residual"),
        )

    def _stack(self) -> Any:
        arrays = [self.angle.data, *self.latent.data, self.confidence.data, self.residual.data]
        names = ["angle", *(f"z{i + 1}" for i in range(len(self.latent.data)))]
        names += ["confidence", "residual"]
        stack = hs.stack([self.angle] * len(arrays), show_progressbar=False)
        stack.data = np.stack(arrays)
        stack.axes_manager.navigation_axes[0].name = "map"
        title = self.angle.metadata.General.title.removesuffix(" angle")
        _titled(stack, title, " ".join(names))
        stack.metadata.set_item("Rrvae.maps", " ".join(names))
        return stack


def _require_format(path: Path) -> None:
    if path.suffix not in FORMATS:
        raise InputError(
            f"Maps are kept in files that end in {' or '.join(FORMATS)}, got {path.name!r}."
        )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_stack(signal: Any) -> bool:
    return (
        isinstance(signal, hs.signals.BaseSignal) and signal.axes_manager.navigation_dimension == 1
    )


def _titled(signal: Any, title: str, quantity: str) -> Any:
    signal.metadata.General.title = title
    signal.metadata.Signal.quantity = quantity
    if signal.metadata.has_item("Rrvae"):
        del signal.metadata.Rrvae
    return signal
