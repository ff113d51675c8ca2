"""Reading with HyperSpy, in which nothing that the file names is run.

HyperSpy's own formats can name Python packages to import, formulas for axes, which SymPy evaluates
as Python, and codecs that unpickle.
"""

import importlib
import json
import math
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import hyperspy.api as hs
from hyperspy.extensions import ALL_EXTENSIONS
from rsciio import IO_PLUGINS

from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.io.missing import in_words, missing_patterns, note
from stemwidgets.signals.io.room import require_memory, require_plausible, require_short

_AXIS, _AXES = "axis-", "_hspy_AxesManager_"
_MOST_GROUPS, _DEEPEST = 20_000, 50  # in a file: links in a circle never end
_UNPICKLING = "pickle"
_DESCRIPTIONS = (".zarray", ".zmetadata")
_WITH_A_BAR = ("Topspin", "Tofwerk")  # print a progress bar, which is red in a notebook


def read(path: Path, reader: str, lazy: bool = False, **options: Any) -> Any:
    """Read a file with one of RosettaSciIO's readers, as a signal or a list of them.

    An InputError if the file needs something to be run, or its data do not fit into memory.
    """
    if reader == "ZSPY" and path.is_dir():
        options["mode"] = "r"  # when lazy, its default is to open for writing
    if reader == "ZSPY":
        _require_no_unpickling(path)
    words = ""
    if reader in _OPENERS:
        with _OPENERS[reader](path) as file:
            arrays = list(_arrays(path, file))
            _require_room(path, [_Claim.of(array) for array in arrays], lazy)
            scans = [array for array in arrays if len(array.shape) > 2 and array.size]
            words = "; ".join(filter(None, (in_words(path, missing_patterns(a)) for a in scans)))
    quiet = _without_its_bar(reader) if reader in _WITH_A_BAR else reader
    found = hs.load(path, lazy=lazy, file_format=quiet, **options)
    for signal in found if isinstance(found, list) else [found]:
        note(signal, words)
    return found


def _without_its_bar(reader: str) -> ModuleType:
    """A reader as `hyperspy.api.load` takes it, which keeps `show_progressbar` for itself."""
    [name] = [plugin["api"] for plugin in IO_PLUGINS if plugin["name"] == reader]
    module = importlib.import_module(name)
    quiet = ModuleType(name)
    quiet.__loader__ = module.__loader__
    quiet.file_reader = partial(module.file_reader, show_progressbar=False)  # type: ignore[attr-defined]
    return quiet


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
    **dict.fromkeys(("HSPY", "EMD", "NeXus", "USID", "Delmic", "Tofwerk"), _hdf5),
    "ZSPY": _zarr,
}


@dataclass(frozen=True)
class _Claim:
    """Claim of an array in a file about its size and type."""

    shape: tuple[int, ...]
    itemsize: int
    chunks: tuple[int, ...]

    @classmethod
    def of(cls, array: Any) -> "_Claim":
        return cls(array.shape or (), array.dtype.itemsize, getattr(array, "chunks", None) or ())

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.itemsize

    @property
    def is_data(self) -> bool:
        """True if it stays on disk in lazy reading."""
        return len(self.shape) >= 3


def _require_room(path: Path, claims: list[_Claim], lazy: bool) -> None:
    """Refuse claims beyond the size of the file, and data that do not fit into memory."""
    positions = max((math.prod(claim.shape[:-2]) for claim in claims if claim.is_data), default=0)
    require_plausible(path, sum(claim.bytes for claim in claims), positions)
    read = [claim.bytes for claim in claims if not (lazy and claim.is_data)]
    chunks = [math.prod(claim.chunks) * claim.itemsize for claim in claims]
    require_memory(path, sum(read) + max(chunks, default=0))


def _arrays(path: Path, file: Any) -> Iterator[Any]:
    """Yield each array in a file; refuse what would be run."""
    groups, seen = [file], set[str]()
    for _ in range(_MOST_GROUPS):
        if not groups:
            return
        group = groups.pop()
        if group.name in seen or str(group.name).count("/") > _DEEPEST:
            break
        seen.add(group.name)
        _require_known_package(path, group)
        _require_axes(path, group)
        for name in group:
            part = group[name]
            is_array = hasattr(part, "shape")
            is_axis = name.startswith(_AXIS) or _AXES in str(group.name)
            formula = "expression" in part.attrs or (not is_array and "expression" in part)
            if is_axis and formula:
                raise InputError(
                    f"{path.name} has an axis that is given by a formula, which stemwidgets does "
                    "not evaluate. Convert it to a uniform axis with HyperSpy if you trust the "
                    "file."
                )
            if is_array:
                yield part
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


def _require_axes(path: Path, group: Any) -> None:
    """Refuse axes that are longer than the data: HyperSpy makes an array of each."""
    shape = (getattr(group["data"], "shape", None) if "data" in group else None) or ()
    for name in group if shape else ():
        size = group[name].attrs.get("size") if name.startswith(_AXIS) else None
        if size is not None and int(size) not in shape:
            raise InputError(
                f"{path.name} says that an axis has {int(size):,} places, and its data have the "
                f"shape {shape}: it is damaged."
            )


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
                if name.rpartition("/")[2].startswith(".z"):
                    require_short(path, name, archive.getinfo(name).file_size)
                if name.endswith(_DESCRIPTIONS):
                    yield name, archive.read(name)
        return
    for folder, inner, names in os.walk(path):
        if ".zarray" in names:
            inner.clear()  # chunks, which can be many
        for name in _DESCRIPTIONS:
            if name in names:
                require_short(path, name, Path(folder, name).stat().st_size)
                yield str(Path(folder, name).relative_to(path)), Path(folder, name).read_bytes()


def _codecs(description: Any) -> set[Any]:
    if isinstance(description, list):
        return set().union(*map(_codecs, description))
    if not isinstance(description, dict):
        return set()
    own = {str(description["id"])} if "id" in description else set()
    return own.union(*map(_codecs, description.values()))
