"""Reading of the pattern at a position, and of what the model makes of it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import pattern_at
from stemwidgets.arrays.centring.half_pixels import put_back
from stemwidgets.state.background.worker import Worker
from stemwidgets.state.learning.learning import Learning
from stemwidgets.state.scan.scan import Scan
from stemwidgets.state.shown_pattern import ShownPattern

Place = tuple[int, int]


class Looking:
    """Part of a session that puts together the pattern on view.

    Parameters
    ----------
    scan : Scan
        The scan; lazy data are read in the background, others at once.
    learned : Learning
        Reconstructs patterns.
    reader : Worker
        Reads lazy data.
    show : callable
        Receives a pattern together with its reconstruction.
    """

    def __init__(
        self, scan: Scan, learned: Learning, reader: Worker, show: Callable[[ShownPattern], None]
    ) -> None:
        self._scan, self._learned, self._reader, self._show = scan, learned, reader, show

    def at(self, position: Place) -> None:
        """Show the pattern at a position; of several requests only the latest counts."""
        read = partial(pattern_at, self._scan.data, position)
        if self._scan.lazy:
            self._reader.submit("pattern", read, partial(self._put, position))
        else:
            self._put(position, read())

    def again(self, shown: ShownPattern) -> None:
        """Show a pattern with another reconstruction."""
        self._show(replace(shown, reconstruction=self._reconstructed(shown.position)))

    def _put(self, position: Place, pattern: NDArray[np.float32]) -> None:
        self._show(ShownPattern(position, pattern, self._reconstructed(position)))

    def _reconstructed(self, position: Place) -> NDArray[np.float32] | None:
        learned, descan = self._learned.decodable, self._scan.descan_taken_off
        if learned is None:
            return None
        pattern = learned.pattern_at(position)
        return pattern if descan is None else put_back(pattern, descan.departure[position])
