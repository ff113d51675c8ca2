"""HyperSpy writes a signal, and says in one kind of error that it could not."""

import shutil
import warnings
from pathlib import Path
from typing import Any


def save(signal: Any, path: Path) -> None:
    """Write a signal; one of that name is written over.

    Parameters
    ----------
    signal : BaseSignal
        What to write.
    path : Path
        Ends in ``.zspy`` or ``.hspy``.

    Raises
    ------
    OSError
        If it cannot be written; HDF5 and zarr have other errors for that.
    """
    with warnings.catch_warnings():
        # how RosettaSciIO stores .zspy is not the user's concern
        warnings.filterwarnings("ignore", "The NestedDirectoryStore", FutureWarning)
        try:
            signal.save(path, overwrite=True, show_progressbar=False)
        except (KeyError, RuntimeError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
            raise OSError(f"{path.name} could not be written: {cause}") from error


def take_name(unfinished: Path, path: Path) -> None:
    """Give a file or folder that is complete its name; an earlier one goes when this is there."""
    if not path.is_dir():
        unfinished.replace(path)
        return
    earlier = unfinished.with_stem(f"{unfinished.stem}.earlier")
    path.rename(earlier)
    try:
        unfinished.rename(path)
    except OSError:
        earlier.rename(path)
        raise
    remove(earlier)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
