"""Checks that the contents of a model file can be used, before they are."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae.common.device import one_thread
from stemwidgets.rrvae.common.protocols import Learned, Options

MOST_PIXELS = 4096**2  # of a pattern after binning
# counts beyond which no model is sensible: a damaged file could ask for any
LARGEST = {"frames": 720, "symmetry": 24, "fold": 24}
TRIED = 3  # patterns


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
        kind = torch.arange(TRIED, device=device) % options.classes
        patterns = learned.decode(latent, latent[:, 0], kind)
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
