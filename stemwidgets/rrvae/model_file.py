"""A trained model as one file: tensors by safetensors, the rest as JSON in its header.

What was read is checked to be of use, before anything is made of it.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files.atomic import write_bytes
from stemwidgets.rrvae.common.device import one_thread
from stemwidgets.rrvae.common.protocols import Learned, Options

FORMAT = "stemwidgets rrvae 4"
WITH_MODEL = "stemwidgets rrvae 3"  # and older ones: the setting "kind" is called "model"
RENAMED = {  # tensors of older files
    "grid.kind": "grid.class_index",
    "training.carried.kind": "training.carried.class_index",
}
WITHOUT_DIGEST = "stemwidgets rrvae 2"
MOST_PIXELS = 4096**2  # of a pattern after binning
# counts beyond which no model is sensible: a damaged file could ask for any
LARGEST = {"frames": 720, "symmetry": 24, "fold": 24}
TRIED = 3  # patterns


def write(path: str | Path, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
    """Write a model file; an earlier one is replaced once this one is complete.

    Raises what `require_writable` does, and an UnwrittenError if the disk does not take it.
    """
    path = require_writable(path)
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(record)
    header = {"format": FORMAT, "record": text, "digest": _digest(whole, text)}
    write_bytes(path, safetensors.torch.save(whole, metadata=header))


def require_writable(path: str | Path) -> Path:
    """The path of a file that can be written.

    A FileNotFoundError if its folder does not exist, an InputError if it is a folder itself, a
    PermissionError if its folder may not be written to.
    """
    path = Path(path).expanduser()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder {path.parent} does not exist; make it first.")
    if path.is_dir():
        raise InputError(f"Expected the name of a file, got the folder {path}; add one to it.")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"No permission to write to {path.parent}; choose another folder.")
    return path


def read(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a model file: its tensors and its record.

    A FileNotFoundError if there is none, an InputError if it is damaged or no model file.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no model file {path}; check the name and the folder.")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, ValueError, KeyError, AttributeError, OSError) as error:
        raise InputError(
            f"Expected a model file written by stemwidgets, got {path.name}, which cannot be read: "
            f"{error}. It may be cut off; save the model again."
        ) from error
    if header.get("format") not in (FORMAT, WITH_MODEL, WITHOUT_DIGEST):
        raise InputError(
            f"Expected a model file of the format {FORMAT!r}, got {header.get('format')!r} in "
            f"{path.name}. Save the model with this version of stemwidgets."
        )
    try:
        text = header["record"]
        record = json.loads(text)
        if header["format"] != WITHOUT_DIGEST and header["digest"] != _digest(tensors, text):
            raise ValueError("a value is not what was written")
        if not isinstance(record, dict):
            raise ValueError("no settings")
        settings = record.get("settings")
        if isinstance(settings, dict) and "model" in settings:
            settings["kind"] = settings.pop("model")
    except (KeyError, ValueError, RecursionError) as error:
        raise InputError(
            f"Expected a model file with all that was written, but {path.name} is damaged "
            f"({error}). Save the model again."
        ) from error
    return {RENAMED.get(name, name): tensor for name, tensor in tensors.items()}, record


def _digest(tensors: dict[str, Tensor], text: str) -> str:
    """Digest of all parts of a model, so that no damage goes unnoticed."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@contextmanager
def sound(name: str) -> Iterator[None]:
    """Report a model file as damaged, whatever goes wrong while it is put to use."""
    try:
        yield
    except InputError:
        raise
    except (
        ArithmeticError,
        AssertionError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        RuntimeError,
        MemoryError,
    ) as error:
        raise InputError(
            f"Expected a model file written by stemwidgets, but {name} lacks a part or has a "
            f"wrong one ({error}). Save the model again."
        ) from error


def require_plausible(tensors: dict[str, Tensor], record: Any) -> None:
    """Refuse, by an error of any type, numbers that no model has, before they are put to use."""
    _require_window(record["preparation"])
    for part in (record, record.get("network", {}), record.get("basis", {})):
        for name, value in part.items():
            if name in LARGEST:
                _require_count(name, value, LARGEST[name])
            elif name in ("noise", "typical_misfit", "scale", "dose"):
                _require_positive(name, value)
            elif name == "inexact":
                _require_finite(name, math.sqrt(value))
    for name in ("grid.latent", "manifold.weights", "basis.functions", "basis.weight"):
        if name in tensors:
            _require_finite(name, float(tensors[name].abs().max()))


def _require_window(window: dict[str, Any]) -> None:
    height, width = window["shape"]
    binning = window["binning"]
    for size in (height, width, binning):
        _require_count("a number of pixels", size, 10**6)
    if (height // binning) * (width // binning) > MOST_PIXELS:
        raise ValueError(f"patterns of {height}×{width}")
    ellipse, pixel_size = window["ellipse"], window["pixel_size"]
    _require_finite("center", *window["center"], ellipse["angle"])
    _require_positive("a length", *map(abs, pixel_size), ellipse["ratio"], window["radius"])


def require_use(learned: Learned, options: Options, device: torch.device) -> None:
    """Decode and encode a few patterns, so that an error shows at once if parts do not fit."""
    with one_thread(), np.errstate(all="ignore"):
        latent = torch.zeros(TRIED, options.latent_dim, device=device)
        class_index = torch.arange(TRIED, device=device) % options.classes
        patterns = learned.decode(latent, latent[:, 0], class_index)
        if patterns.shape != (TRIED, *learned.window.shape):
            raise ValueError(f"patterns of the shape {patterns.shape}")
        counts = np.nan_to_num(patterns, posinf=0.0).clip(0) + 1
        columns = learned.encode(learned.window.apply(counts.astype(np.float32)))
    if columns["latent"].shape != latent.shape or columns["angle"].shape != (TRIED,):
        raise ValueError(f"latent variables of the shape {columns['latent'].shape}")


def _require_count(name: str, value: Any, largest: int) -> None:
    if type(value) is not int or not 1 <= value <= largest:
        raise ValueError(f"{name} is {value!r}")


def _require_finite(name: str, *values: Any) -> None:
    if not all(_is_number(value) and math.isfinite(value) for value in values):
        raise ValueError(f"{name} is {values!r}")


def _require_positive(name: str, *values: Any) -> None:
    if not all(_is_number(value) and 0 < value < math.inf for value in values):
        raise ValueError(f"{name} is {values!r}, not positive")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300
