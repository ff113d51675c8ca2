"""HDF5 files that are no program's own format, and those of py4DSTEM and Arina.

The meaning of py4DSTEM's groups follows the EMD 1.0 specification (https://emdatasets.com/format)
and, for those written before 2023, py4DSTEM's ``io/native``; those of Arina follow NeXus' NXmx
(https://manual.nexusformat.org/classes/applications/NXmx.html).
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.io.frames import SeveralScansError
from stemwidgets.signals.io.missing import in_words, missing_patterns
from stemwidgets.signals.io.room import require_memory, require_plausible

_MOST_GROUPS, _DEEPEST = 20_000, 30  # in a file: links in a circle never end
# of a lazy chunk: quick to read, and patterns enough in it to be worth a task
_CHUNK_BYTES = 8_000_000
_BLOCK = re.compile(r"(.*/)?data_\d+")  # Arina and Eiger write a scan in blocks
_NAMES = ("y", "x", "ky", "kx")
_LISTED = 8  # data sets that are named in a message


@dataclass(frozen=True)
class HDF5Array:
    """A data set, opened for reading only, and only while a part of it is read.

    `chunks` are those of the file, None where it has none.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, part: Any) -> np.ndarray:
        with opened(self.path) as file:
            return np.asarray(file[self.name][part])

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return math.prod(self.shape) * self.dtype.itemsize

    def lazy(self) -> Any:
        """A dask array of whole patterns, in a few of the file's chunks each."""
        stored = self.chunks or (1,) * self.ndim
        sizes = [*stored[:-2], *self.shape[-2:]]
        for axis in reversed(range(self.ndim - 2)):
            room = _CHUNK_BYTES // max(1, math.prod(sizes) * self.dtype.itemsize)
            wide = max(1, room) * sizes[axis]
            sizes[axis] = max(1, min(self.shape[axis], wide))
        # dask is typed in parts
        return da.from_array(self, chunks=tuple(sizes), name=False)  # type: ignore[no-untyped-call]


def opened(path: Path) -> Any:
    """An HDF5 file for reading, whatever it is compressed with; an InputError if it is none."""
    import h5py
    import hdf5plugin  # noqa: F401  # registers the codecs of detectors

    if not h5py.is_hdf5(path):
        raise InputError(f"{path.name} is no HDF5 file; it may be truncated, or of another format.")
    return h5py.File(path, "r")


def format_of(path: Path) -> str | None:
    """Name of RosettaSciIO's reader for an HDF5 file, by its contents; None for any other."""
    with opened(path) as file:
        names = set(file)
        if "Experiments" in names and b"hyperspy" in _attribute(file, "file_format").lower():
            return "HSPY"
        if "Metadata" in names and any(re.fullmatch(r"[0-9a-f-]{36}", name) for name in names):
            return "Topspin"
        if "FullSpectra" in names:
            return "Tofwerk"
        if any(name.startswith("Measurement_") for name in names):
            return "USID"
        if any(re.fullmatch(r"Acquisition\d+", name) for name in names):
            return "Delmic"
        if "4DSTEM_simulation" in names or "Version" in names:
            return "EMD"
        of_py4dstem = "4DSTEM_experiment" in names or _is_tree(file)
        versions = [_attribute(file[name], "version_major") for name in names if name in file]
        if not of_py4dstem and any((_attribute(file, "version_major"), *versions)):
            return "EMD"
        return None


def read_hdf5(
    path: Path, lazy: bool = False, dataset: str | None = None
) -> tuple[dict[str, Any], str]:
    """Description of the patterns of an HDF5 file, for HyperSpy, and the missing parts in words.

    `dataset` names the data set where there are several of patterns: an InputError without it, or
    if there are no patterns.
    """
    with opened(path) as file:
        found = [
            array for array in _arrays(path, file) if array.ndim >= 3 and array.dtype.kind in "buif"
        ]
        chosen = _chosen(path, found, dataset)
        require_plausible(path, sum(a.nbytes for a in chosen), math.prod(chosen[0].shape[:-2]))
        missing = (in_words(path, missing_patterns(file[array.name])) for array in chosen)
        words = "; ".join(filter(None, missing))
        axes = _axes(file, chosen)
        energy = _beam_energy(file)
    if not lazy:
        require_memory(path, sum(array.nbytes for array in chosen))
    parts = [array.lazy() if lazy else array[...] for array in chosen]
    join = da.concatenate if lazy else np.concatenate
    metadata: dict[str, Any] = {"General": {"title": path.stem}}
    if energy:
        metadata["Acquisition_instrument"] = {"TEM": {"beam_energy": energy}}
    data = parts[0] if len(parts) == 1 else join(parts)
    return {"data": data, "axes": axes, "metadata": metadata}, words


def _arrays(path: Path, file: Any) -> Iterator[HDF5Array]:
    """All data sets of a file and of those that it links to."""
    import h5py

    groups, seen = [("", file)], set()
    for _ in range(_MOST_GROUPS):
        if not groups:
            return
        place, group = groups.pop(0)
        for name in group:
            full = f"{place}{name}"
            try:
                part = group[name]
            except (KeyError, OSError) as error:
                link = group.get(name, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    raise InputError(
                        f"{path.name} keeps its patterns in {link.filename}, which is not beside "
                        "it. Put it there."
                    ) from error
                continue
            if isinstance(part, h5py.Dataset):
                if part.shape is not None:
                    yield HDF5Array(path.resolve(), full, part.shape, part.dtype, part.chunks)
            elif full.count("/") < _DEEPEST and part.id not in seen:
                seen.add(part.id)
                groups.append((f"{full}/", part))


def _chosen(path: Path, found: list[HDF5Array], dataset: str | None) -> list[HDF5Array]:
    """The data set of patterns, or those that are blocks of one scan."""
    if dataset is not None:
        named = [array for array in found if dataset.strip("/") in (array.name, _last(array.name))]
        if len(named) == 1:
            return named
        raise InputError(
            f"{path.name} has {len(named) or 'no'} data sets of patterns {dataset!r}. It has "
            f"{_listed(found) or 'none at all'}."
        )
    for dimensions in (4, 3, 5):
        arrays = [array for array in found if array.ndim == dimensions]
        blocks = [array for array in arrays if _BLOCK.fullmatch(array.name)]
        if dimensions == 3 and blocks and len({array.shape[1:] for array in blocks}) == 1:
            return sorted(blocks, key=lambda array: (len(array.name), array.name))
        if len(arrays) == 1:
            return arrays
        if arrays:
            raise SeveralScansError(
                f"{path.name} holds {len(arrays)} data sets that may be patterns. Say which one: "
                f"pass {_listed(arrays)}.",
                {f"{array.name} {array.shape}": {"dataset": array.name} for array in arrays},
            )
    raise InputError(
        f"{path.name} holds no patterns: no data set of three or four dimensions. If it is of one "
        'of these formats, say so: pass reader="HSPY" or reader="EMD" or reader="USID".'
    )


def _listed(found: list[HDF5Array]) -> str:
    words = [f'dataset="{array.name}" {array.shape}' for array in found[:_LISTED]]
    return " or ".join(words) + (" …" if len(found) > _LISTED else "")


def _axes(file: Any, chosen: list[HDF5Array]) -> list[dict[str, Any]]:
    """Axes of the chosen data, calibrated where dim0, dim1 … beside them are."""
    shape = [sum(array.shape[0] for array in chosen), *chosen[0].shape[1:]]
    group = file[chosen[0].name].parent
    first = 0 if "dim0" in group else 1
    axes = []
    for index, size in enumerate(shape):
        name = _NAMES[index - len(shape)] if len(shape) - index <= 4 else f"axis {index}"
        axis = {"name": name, "size": size, "navigate": index < len(shape) - 2}
        axes.append(axis | _calibration(group, f"dim{first + index}", size))
    return axes


def _calibration(group: Any, name: str, size: int) -> dict[str, Any]:
    """Scale, offset and units of one axis, from two of its places or all of them."""
    places = group.get(name)
    if getattr(places, "ndim", 0) != 1 or places.dtype.kind not in "iuf" or places.size < 2:
        return {}
    start, second = (float(value) for value in places[:2])
    units = _attribute(places, "units").decode("utf-8", "replace")
    return {"scale": second - start, "offset": start, "units": units} if size > 1 else {}


def _beam_energy(file: Any) -> Any:
    """Beam energy of a file of older py4DSTEM."""
    microscope = file.get("4DSTEM_experiment/metadata/metadata_0/microscope")
    for name in ("beam_energy", "accelerating_voltage"):
        if microscope is not None and name in microscope.attrs:
            value = microscope.attrs[name]
            return value.decode() if isinstance(value, bytes) else value
    return None


def _is_tree(file: Any) -> bool:
    """True if emdfile, of py4DSTEM, wrote this."""
    return b"emdfile" in _attribute(file, "authoring_program").lower() or any(
        b"root" in _attribute(file[name], "emd_group_type") for name in file if name in file
    )


def _attribute(part: Any, name: str) -> bytes:
    """An attribute as it is written; empty where there is none."""
    value = part.attrs.get(name, b"")
    return value if isinstance(value, bytes) else str(value).encode()


def _last(name: str) -> str:
    return name.rpartition("/")[2]
