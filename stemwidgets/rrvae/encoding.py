"""Encoding of a scan of any size, on all cores of the CPU."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stemwidgets.arrays.band_limit.neighbours import Neighbours
from stemwidgets.arrays.blocks import in_threads
from stemwidgets.arrays.cancel import give_up_if_unwanted
from stemwidgets.rrvae.basis.harmonics import Float
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.device import one_thread
from stemwidgets.rrvae.common.protocols import Columns, Learned
from stemwidgets.rrvae.common.records import Encoding
from stemwidgets.rrvae.data.batches import batches
from stemwidgets.rrvae.data.map_builder import MapBuilder

BATCH = 2048  # patterns encoded at once: always as many, as the last digits depend on it
# patterns in a part: enough to make up for starting it, few enough for all cores to share
ROWS = 512


def encode(
    learned: Learned,
    data: Any,
    device: torch.device,
    folder: Path | None = None,
    neighbours: Neighbours | None = None,
) -> Encoding:
    """Encode all patterns; of several processes, each its own part.

    Parameters
    ----------
    learned : Learned
        A trained model.
    data : array, shape [..., ky, kx]
        Patterns of the shape that it learned from.
    device : torch.device
        Device of the model.
    folder : Path, optional
        Folder for the maps, as files that are mapped into memory, instead of in memory.
    neighbours : Neighbours, optional
        Neighbours from which each pattern is known, too.
    """
    maps = MapBuilder(distributed.own_part(data).shape[:-2], folder)
    with one_thread():
        for numbers, batch, gains in batches(data, learned.window, BATCH, neighbours):
            prepared, gain = batch[: len(numbers)], gains[: len(numbers)]
            has_counts = prepared.sum(axis=1) > 0
            columns = on_all_cores(learned.encode, prepared[has_counts], gain[has_counts], device)
            maps.put(numbers, has_counts, columns)
    return maps.encoding(learned.fold)


def on_all_cores(
    encode: Callable[[Float, Float], Columns], prepared: Float, gain: Float, device: torch.device
) -> Columns:
    """Encode patterns ``[n, pixels]`` in parts, each on one core; on a GPU all at once.

    The parts are the same however many cores there are: the last digits depend on them. `encode`
    gives the columns of an `Encoding`, by name, and works on `device`.
    """
    if device.type != "cpu" or len(prepared) <= ROWS:
        return encode(prepared, gain)

    def part(start: int) -> Columns:
        give_up_if_unwanted()
        with one_thread():
            rows = slice(start, start + ROWS)
            return encode(prepared[rows], gain[rows])

    parts = in_threads(part, range(0, len(prepared), ROWS))
    return {name: np.concatenate([columns[name] for columns in parts]) for name in parts[0]}
