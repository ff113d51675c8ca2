"""Cost of a file's chunks when single patterns are read."""

import math
import warnings
from pathlib import Path
from typing import Any

LARGE = 16 * 2**20  # bytes of a chunk
_CHUNKED = (".zspy", ".hspy")  # a chunk is decoded as a whole


class StorageAdvice(UserWarning):
    """Advice about a file that is stored in a way that makes reading it slow."""


def advise(path: Path, data: Any, seconds: float) -> None:
    """Give StorageAdvice where chunks have more than 16 MB: reading one took so many `seconds`."""
    size = math.prod(data.chunksize) * data.dtype.itemsize
    if path.suffix.lower() not in _CHUNKED or size <= LARGE:
        return
    warnings.warn(
        f"{path.name} is stored in chunks of {size / 2**20:.0f} MB: a single pattern took "
        f"{seconds:.2g} s to read, and every block of work takes as much memory. "
        f'stemwidgets.rechunk("{path.name}", "{path.stem}_fast.zspy") makes a copy in chunks of '
        "4 MB.",
        StorageAdvice,
        stacklevel=3,
    )
