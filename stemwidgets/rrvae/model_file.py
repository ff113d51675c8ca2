"""A trained model as one file: tensors by safetensors, the rest as JSON in its header."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files.atomic import write_bytes

FORMAT = "stemwidgets rrvae 4"
WITH_MODEL = "stemwidgets rrvae 3"  # and older ones: the setting "kind" is called "model"
WITHOUT_DIGEST = "stemwidgets rrvae 2"


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
    return tensors, record


def _digest(tensors: dict[str, Tensor], text: str) -> str:
    """Digest of all parts of a model, so that no damage goes unnoticed."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
