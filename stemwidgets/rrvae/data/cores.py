"""Encoding on all cores of the CPU."""

from collections.abc import Callable

import numpy as np
import torch

from stemwidgets.arrays.blocks import in_threads
from stemwidgets.arrays.cancel import give_up_if_unwanted
from stemwidgets.rrvae.basis.harmonics import Float
from stemwidgets.rrvae.common.device import one_thread
from stemwidgets.rrvae.common.protocols import Columns

# patterns in a part: enough to make up for starting it, few enough for all cores to share
ROWS = 512


def on_all_cores(
    encode: Callable[[Float], Columns], prepared: Float, device: torch.device
) -> Columns:
    """Encode patterns in parts, each on one core; on another device than the CPU all at once.

    The parts are the same however many cores there are: the last digits depend on them.

    Parameters
    ----------
    encode : callable
        Encodes patterns ``[n, pixels]`` into the columns of an `Encoding`, by name.
    prepared : ndarray of float32, shape [n, pixels]
        The patterns.
    device : torch.device
        Device of `encode`.
    """
    if device.type != "cpu" or len(prepared) <= ROWS:
        return encode(prepared)

    def part(start: int) -> Columns:
        give_up_if_unwanted()
        with one_thread():
            return encode(prepared[start : start + ROWS])

    parts = in_threads(part, range(0, len(prepared), ROWS))
    return {name: np.concatenate([columns[name] for columns in parts]) for name in parts[0]}
