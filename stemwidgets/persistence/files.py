"""Files that are complete before they take their names."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files.atomic import write_bytes
from stemwidgets.arrays.memory import free_memory


def write_json(path: Path, facts: dict[str, Any]) -> None:
    """Write values as JSON that people can read too."""
    write_bytes(path, as_json(facts))


def as_json(facts: dict[str, Any]) -> bytes:
    """Values as JSON that people can read too."""
    return f"{json.dumps(facts, indent=2, ensure_ascii=False)}\n".encode()


def write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write arrays by their names into one ``.npz``."""
    write_bytes(path, as_npz(arrays))


def as_npz(arrays: dict[str, NDArray[Any]]) -> bytes:
    """Arrays by their names as the content of one ``.npz``."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # numpy has a keyword more
    return buffer.getvalue()


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read arrays by their names from an ``.npz``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If it is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}, which holds the maps of the session.")
    try:
        with zipfile.ZipFile(path) as archive:
            needed, free = sum(part.file_size for part in archive.infolist()), free_memory()
        if free is not None and needed > free:
            raise MemoryError(f"it says that it holds {needed / 1e9:,.1f} GB")
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # zip files break in many ways
        raise InputError(
            f"Expected the maps of a session, but {path.name} is damaged ({error}). "
            "Save the session again."
        ) from error
