"""A copy of a scan in small chunks."""

import itertools
import json
import math
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import zarr
from numcodecs import Blosc
from tqdm import tqdm

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files.atomic import alone, take_name
from stemwidgets.arrays.files.disk import writing
from stemwidgets.arrays.files.exchange import sync_all
from stemwidgets.arrays.memory import memory_limit
from stemwidgets.signals.io.chunks import StorageAdvice
from stemwidgets.signals.io.load import load
from stemwidgets.signals.io.saving import RECORD, require_free
from stemwidgets.signals.metadata.dimensions import require_dimensions, require_uniform

CHUNK_BYTES = 2**22  # 2 ms to decode; smaller ones cost dask more than their decoding
BLOCK_BYTES = 2**28  # read at once at most, less where memory is short
SHARE = 8  # of the memory, for a block
_AXES = ("axis-0", "axis-1")

Region = tuple[slice, slice]


def rechunk(
    source: str | PathLike[str],
    target: str | PathLike[str],
    scan_shape: tuple[int, int] | None = None,
    reader: str | None = None,
    overwrite: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Copy a scan into a file of small chunks, from which patterns are read quickly.

    The copy is a ``.zspy`` file of whole patterns, about 4 MB to a chunk, compressed by lz4 with
    bits shuffled. Values, axes and metadata are those of the source, which is only read. The copy
    is complete before it takes its name; called again after it was cut short, it goes on where it
    stood.

    Parameters
    ----------
    source : path
        A file that :func:`stemwidgets.load` reads lazily.
    target : path
        Ends in ``.zspy``. Until it is complete, there is a folder ``….part.zspy`` beside it.
    scan_shape, reader
        As for :func:`stemwidgets.load`.
    overwrite : bool
        True to replace a file that exists.
    progress : callable, optional
        Receives the fraction that is done, from 0 to 1; None shows a bar.

    Returns
    -------
    Path
        The target.

    Raises
    ------
    FileNotFoundError
        If there is no such source, or no folder for the target.
    FileExistsError
        If the target exists and `overwrite` is False.
    InputError
        If the source cannot be read, the target has another ending or is the source, or another
        process is copying to it.
    UnwrittenError
        If the disk does not take the copy; called again, once there is room, it goes on.

    Examples
    --------
    >>> sw.rechunk("scan.hspy", "scan_fast.zspy")
    """
    source, target = Path(source).expanduser(), Path(target).expanduser()
    _require_target(source, target, overwrite)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StorageAdvice)
        signal = load(source, lazy=True, scan_shape=scan_shape, reader=reader)
    require_dimensions(signal)
    for axis in signal.axes_manager.navigation_axes:
        require_uniform(axis)
    data = _as_dask(signal.data)
    chunk = _chunk(data.shape, data.dtype.itemsize)
    regions = list(_regions(data, chunk))
    part = target.with_stem(f"{target.stem}.part")
    record = _described(source, data, chunk, regions[0])
    with alone(target):
        done = _done(part, record)
        if done == 0:
            _remove(part)
            with writing(target):
                _frame(signal, part, chunk)
        copy = _values(part, "r+")
        with tqdm(total=1.0, disable=progress is not None, bar_format=_BAR) as bar:
            told = progress or (lambda fraction: bar.update(fraction - bar.n))
            told(done / len(regions))
            for number, region in enumerate(regions[done:], done + 1):
                values = np.asarray(data[region].compute())
                with writing(target):
                    copy[region] = values
                    _sync(copy, region)
                    _keep(part, {**record, "done": number})
                told(number / len(regions))
        take_name(part, target)
        (target / RECORD).unlink(missing_ok=True)
    return target


_BAR = "{percentage:3.0f} % |{bar}| {elapsed} of {elapsed}+{remaining}"


def _require_target(source: Path, target: Path, overwrite: bool) -> None:
    if target.suffix != ".zspy":
        raise InputError(f"Expected a target that ends in .zspy, got {target.name!r}.")
    if target.resolve() == source.resolve():
        raise InputError("Expected another name for the copy than that of the source.")
    require_free(target, overwrite)


def _as_dask(data: Any) -> Any:
    if hasattr(data, "dask"):
        return data
    # dask is typed in parts
    return da.from_array(data, name=False)  # type: ignore[no-untyped-call]


def _chunk(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Whole patterns of a nearly square part of the scan."""
    room = max(1, CHUNK_BYTES // (shape[2] * shape[3] * itemsize))
    rows = min(shape[0], max(1, math.isqrt(room)))
    columns = min(shape[1], max(1, room // rows))
    return (min(shape[0], max(rows, room // columns)), columns, shape[2], shape[3])


def _regions(data: Any, chunk: tuple[int, ...]) -> Iterator[Region]:
    """Parts of the scan that are made of whole target chunks, each of source chunks if it may be.

    So that no source chunk is decoded more often than need be.
    """
    limit = memory_limit()
    most = BLOCK_BYTES if limit is None else min(BLOCK_BYTES, limit // SHARE)
    pattern = math.prod(data.shape[2:]) * data.dtype.itemsize
    rows = _up(data.chunks[0][0], chunk[0])
    columns = data.shape[1]
    if rows * columns * pattern > most:
        columns = _up(data.chunks[1][0], chunk[1])
    while rows > chunk[0] and rows * columns * pattern > most:
        rows = _up(rows // 2, chunk[0])
    for y in range(0, data.shape[0], rows):
        for x in range(0, data.shape[1], columns):
            yield (
                slice(y, min(y + rows, data.shape[0])),
                slice(x, min(x + columns, data.shape[1])),
            )


def _up(number: int, step: int) -> int:
    return -(-max(number, 1) // step) * step


def _described(source: Path, data: Any, chunk: tuple[int, ...], region: Region) -> dict[str, Any]:
    """Description that distinguishes one copy from another."""
    status = source.stat()
    return {
        "source": str(source.resolve()),
        "changed": status.st_mtime_ns,
        "size": status.st_size,
        "shape": list(data.shape),
        "type": str(data.dtype),
        "chunk": list(chunk),
        "region": [region[0].stop, region[1].stop],
    }


def _done(part: Path, record: dict[str, Any]) -> int:
    """Number of regions that an earlier call has copied from the same source."""
    try:
        found = json.loads((part / RECORD).read_text())
        done = int(found.pop("done"))
    except (OSError, ValueError, KeyError, AttributeError):
        return 0
    return done if found == record else 0


def _keep(part: Path, record: dict[str, Any]) -> None:
    new = part / f"{RECORD}.new"
    new.write_text(json.dumps(record))
    sync_all(new)
    new.replace(part / RECORD)


def _sync(copy: Any, region: Region) -> None:
    """Flush the chunks of a region to the disk before the record lists them."""
    folder = Path(copy.store.path) / copy.path
    spans = [
        range(part.start // size, -(-part.stop // size))
        for part, size in zip(region, copy.chunks, strict=False)
    ]
    for row, column in itertools.product(*spans):
        chunk = folder / str(row) / str(column) / "0" / "0"
        if chunk.is_file():  # one that holds nothing but zeros need not be
            sync_all(chunk)


def _frame(signal: Any, part: Path, chunk: tuple[int, ...]) -> None:
    """Write everything but the patterns, as HyperSpy writes it, of one position."""
    with warnings.catch_warnings():
        # how RosettaSciIO stores .zspy is not the user's concern
        warnings.filterwarnings("ignore", "The NestedDirectoryStore", FutureWarning)
        signal.inav[:1, :1].save(part, overwrite=True, show_progressbar=False)
        group = _group(part, "r+")
        for name, size in zip(_AXES, signal.data.shape, strict=False):
            group[name].attrs["size"] = int(size)
        attributes = dict(group["data"].attrs)
        values = group.create_dataset(
            "data",
            shape=signal.data.shape,
            chunks=chunk,
            dtype=signal.data.dtype.newbyteorder("="),
            compressor=Blosc(cname="lz4", clevel=5, shuffle=Blosc.BITSHUFFLE),
            overwrite=True,
        )
        values.attrs.update(attributes)
        zarr.consolidate_metadata(group.store)


def _group(part: Path, mode: str) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The NestedDirectoryStore", FutureWarning)
        store = zarr.NestedDirectoryStore(os.fspath(part))
    experiments = zarr.open_group(store, mode=mode)["Experiments"]
    return experiments[next(iter(experiments))]


def _values(part: Path, mode: str) -> Any:
    return _group(part, mode)["data"]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
