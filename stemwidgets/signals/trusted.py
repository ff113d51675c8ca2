"""HyperSpy reads a file, but nothing that the file says is run.

HyperSpy's own formats can name Python packages to import, formulas for axes, which SymPy evaluates
as Python, and codecs that unpickle.
"""

import json
import os
import zipfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import hyperspy.api as hs
from hyperspy.extensions import ALL_EXTENSIONS
from rsciio import IO_PLUGINS

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.memory import free_memory

_OWN_FORMATS = ("HSPY", "ZSPY")
_UNPICKLING = "pickle"
_DESCRIPTIONS = (".zarray", ".zmetadata")


def read(path: Path, reader: str, lazy: bool = False, **options: Any) -> Any:
    """What RosettaSciIO finds in a file: a signal or a list of them.

    Parameters
    ----------
    path : Path
        The file; opened for reading only.
    reader : str
        Name of RosettaSciIO's reader.
    lazy : bool
        Leave the data on disk.
    **options
        Of the reader.

    Raises
    ------
    InputError
        If the file wants something to be run, or its data do not fit into memory.
    """
    if reader == "ZSPY" and path.is_dir():
        options["mode"] = "r"  # when lazy, its default is to open for writing
    if reader == "ZSPY":
        _require_no_unpickling(path)
    if reader in _OWN_FORMATS:
        found = _reader(reader)(str(path), lazy=True, **options)
        for described in found:
            _require_harmless(path, described)
        if not lazy:
            require_memory(path, sum(described["data"].nbytes for described in found))
        del found
    return hs.load(path, lazy=lazy, file_format=reader, **options)


def require_memory(path: Path, needed: int) -> None:
    """Refuse a file that says that it holds more than fits.

    Raises
    ------
    InputError
        If less than so many bytes of memory are free.
    """
    free = free_memory()
    if free is not None and needed > free:
        raise InputError(
            f"{path.name} says that it holds {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB of "
            "memory are free. Pass lazy=True to leave the patterns on disk; if it is a small file, "
            "it is damaged."
        )


def _reader(name: str) -> Any:
    (api,) = (plugin["api"] for plugin in IO_PLUGINS if plugin["name"] == name)
    return import_module(api).file_reader


def _require_harmless(path: Path, described: Any) -> None:
    """Refuse packages that do not provide signals, and formulas, however deep they lie."""
    if isinstance(described, (list, tuple)):
        for part in described:
            _require_harmless(path, part)
    if not isinstance(described, dict):
        return
    package = described.get("package")
    if package and str(package).partition(".")[0] not in _known_packages():
        raise InputError(
            f"{path.name} asks for the package {str(package)[:60]!r}, which provides no signals "
            "here, and which stemwidgets does not import for it."
        )
    axes = described.get("axes")
    for axis in axes if isinstance(axes, (list, tuple)) else ():
        if isinstance(axis, dict) and "expression" in axis:
            raise InputError(
                f"{path.name} has an axis that is given by a formula, which stemwidgets does not "
                "evaluate. Convert it to a uniform axis with HyperSpy if you trust the file."
            )
    for part in described.values():
        _require_harmless(path, part)


def _known_packages() -> set[str]:
    return {
        str(signal["module"]).partition(".")[0] for signal in ALL_EXTENSIONS["signals"].values()
    }


def _require_no_unpickling(path: Path) -> None:
    """Refuse a zarr store whose values are pickled Python objects."""
    for name, description in _array_descriptions(path):
        if _UNPICKLING in _codecs(json.loads(description)):
            raise InputError(
                f"{path.name} holds pickled Python objects in {name}, which stemwidgets does not "
                "unpickle: they could run anything. Save the scan again as plain numbers."
            )


def _array_descriptions(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_file():
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(_DESCRIPTIONS):
                    yield name, archive.read(name)
        return
    for folder, inner, names in os.walk(path):
        if ".zarray" in names:
            inner.clear()  # chunks, which can be many
        for name in _DESCRIPTIONS:
            if name in names:
                yield str(Path(folder, name).relative_to(path)), Path(folder, name).read_bytes()


def _codecs(description: Any) -> set[Any]:
    if isinstance(description, list):
        return set().union(*map(_codecs, description))
    if not isinstance(description, dict):
        return set()
    own = {str(description["id"])} if "id" in description else set()
    return own.union(*map(_codecs, description.values()))
