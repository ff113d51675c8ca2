"""Nion Swift's ``.ndata1``: a zip of ``data.npy`` and ``metadata.json``."""

from pathlib import Path
from typing import Any


def read_ndata(path: Path, lazy: bool = False) -> dict[str, Any]:
    """Not yet."""
    raise NotImplementedError
