"""Names for what is written: free ones, so that nothing is ever overwritten."""

import os
import re
from pathlib import Path

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files.left_overs import remove_left_overs


def free(path: str | Path) -> Path:
    """The path, or, where there is something already, the same with the first free number.

    An empty folder counts as free. An InputError if no name is given, a FileNotFoundError or
    PermissionError if the folder around it does not exist or may not be written to.
    """
    if not str(path).strip():
        raise InputError("Expected a name to write to, got none. Type one, such as graphene.")
    path = Path(path).expanduser().absolute()
    parent = path.parent
    if not parent.is_dir():
        raise FileNotFoundError(f"The folder {parent} does not exist; make it first.")
    if not os.access(parent, os.W_OK):
        raise PermissionError(f"No permission to write to {parent}; choose another folder.")
    remove_left_overs(parent, path.name)
    number, tried, suffix = 1, path, path.suffix if path.is_file() else ""
    while tried.exists() and not _is_empty_folder(tried):
        number += 1
        tried = path.with_name(f"{path.name.removesuffix(suffix)}-{number}{suffix}")
    return tried


def file_name(words: str) -> str:
    """Words as the name of a file, without blanks and signs."""
    return re.sub(r"[^\w.-]+", "_", words.strip()).strip("_.") or "scan"


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
