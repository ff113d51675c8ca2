"""HyperSpy reads a file, but nothing that the file says is run.

HyperSpy's own formats can name Python packages to import, formulas for axes, which SymPy evaluates
as Python, and codecs that unpickle.
"""

import json
import math
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hyperspy.api as hs
from hyperspy.extensions import ALL_EXTENSIONS

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.memory import free_memory

_AXIS, _AXES = "axis-", "_hspy_AxesManager_"
_MOST_GROUPS, _DEEPEST = 20_000, 50
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
    if reader in _OPENERS:
        with _OPENERS[reader](path) as file:
            needed = sum(_values(path, file))
        if not lazy:
            require_memory(path, needed)
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


def _hdf5(path: Path) -> Any:
    import h5py

    return h5py.File(path, "r")


@contextmanager
def _zarr(path: Path) -> Iterator[Any]:
    import zarr

    if path.is_dir():
        yield zarr.open(str(path), mode="r")
        return
    with zarr.ZipStore(str(path), mode="r") as store:
        yield zarr.open(store, mode="r")


_OPENERS: dict[str, Callable[[Path], Any]] = {
    "HSPY": _hdf5,
    "ZSPY": _zarr,
}


def _values(path: Path, file: Any) -> Iterator[int]:
    """Bytes of the values of each array in a file; refuses what would be run."""
    groups, seen = [file], set[str]()
    for _ in range(_MOST_GROUPS):
        if not groups:
            return
        group = groups.pop()
        if group.name in seen or str(group.name).count("/") > _DEEPEST:
            break
        seen.add(group.name)
        _require_known_package(path, group)
        for name in group:
            part = group[name]
            if _is_axis(name, group) and ("expression" in part.attrs or _has(part, "expression")):
                raise InputError(
                    f"{path.name} has an axis that is given by a formula, which stemwidgets does "
                    "not evaluate. Convert it to a uniform axis with HyperSpy if you trust the "
                    "file."
                )
            if hasattr(part, "shape"):
                yield math.prod(part.shape) * part.dtype.itemsize
            else:
                groups.append(part)
    raise InputError(f"{path.name} has groups without end, one in the other: it is damaged.")


def _require_known_package(path: Path, group: Any) -> None:
    package = str(group.attrs.get("package") or "").partition(".")[0]
    is_signal = re.fullmatch(r"/Experiments/[^/]*", str(group.name))
    if package and is_signal and package not in _known_packages():
        raise InputError(
            f"{path.name} asks for the package {package[:60]!r}, which provides no signals here, "
            "and which stemwidgets does not import for it."
        )


def _is_axis(name: str, group: Any) -> bool:
    return name.startswith(_AXIS) or _AXES in str(group.name)


def _has(part: Any, name: str) -> bool:
    return not hasattr(part, "shape") and name in part


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
