"""Saving by HyperSpy: names of files, writing, and removal of left-overs."""

import shutil
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files import left_overs
from stemwidgets.arrays.files.disk import require_room

FORMATS = (".zspy", ".hspy")
MORE = 2**20  # bytes that a file may take beside its numbers
RECORD = "rechunk.json"  # in a copy that is being made


def save(signal: Any, path: Path) -> None:
    """Write a signal over an earlier ``.zspy`` or ``.hspy``; an OSError if that is not possible.

    HDF5 and zarr have other errors for that.
    """
    if path.suffix == ".hspy":
        require_room(path, signal.data.nbytes + MORE)
    with warnings.catch_warnings():
        # how RosettaSciIO stores .zspy is not the user's concern
        warnings.filterwarnings("ignore", "The NestedDirectoryStore", FutureWarning)
        try:
            signal.save(path, overwrite=True, show_progressbar=False)
        except (KeyError, RuntimeError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
            raise OSError(f"{path.name} could not be written: {cause}") from error


def recover(path: Path) -> None:
    """Complete, or undo, the saving of a process that was killed, before its file is opened."""
    left_overs.recover(path)
    _, earlier = _beside(path)
    if earlier.exists() and not path.exists():
        with suppress(OSError):
            earlier.rename(path)


def remove_left_overs(path: Path) -> None:
    """Remove the left-overs of a killed process beside a file that is whole again."""
    for left in _beside(path):
        if left.is_dir() and not (left / RECORD).exists():
            shutil.rmtree(left, ignore_errors=True)
        elif left.is_file():
            left.unlink(missing_ok=True)


def _beside(path: Path) -> tuple[Path, Path]:
    return tuple(path.with_stem(f"{path.stem}.part{end}") for end in ("", ".earlier"))  # type: ignore[return-value]


def require_target(path: str | Path, overwrite: bool) -> Path:
    """Name of a file in which maps may be written: see `Maps.save`."""
    path = Path(path).expanduser()
    require_format(path)
    require_free(path, overwrite)
    if path.is_dir() and path.suffix != ".zspy":
        raise InputError(f"{path} is a folder. Add the name of a file to it.")
    return path


def require_free(path: Path, overwrite: bool) -> None:
    """Refuse a name in a folder that is not there, or of a file that is not to be replaced."""
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"The folder {path.parent} does not exist; make it first.")
    recover(path)
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} exists already. Choose another name, or pass overwrite=True."
        )


def require_format(path: Path) -> None:
    """Refuse names of files that maps are not kept in, with an InputError."""
    if path.suffix not in FORMATS:
        raise InputError(
            f"Maps are kept in files that end in {' or '.join(FORMATS)}, got {path.name!r}."
        )
