"""Reading of the pattern at a position, and of what the model makes of it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from traitlets import Bool, HasTraits, observe

from stemwidgets.arrays.band_limit.at_position import pattern_with_neighbours
from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.blocks import pattern_at
from stemwidgets.arrays.centring.half_pixels import put_back
from stemwidgets.state.background.worker import Worker
from stemwidgets.state.learning.learning import Learning
from stemwidgets.state.scan.band_limiting import BandLimiting
from stemwidgets.state.scan.scan import Scan
from stemwidgets.state.shown_pattern import ShownPattern

Place = tuple[int, int]
Pattern = NDArray[np.float32]


class Looking(HasTraits):
    """Part of a session that puts together the pattern on view.

    Parameters
    ----------
    scan : Scan
        The scan; lazy data are read in the background, others at once.
    learned : Learning
        Reconstructs patterns.
    limiting : BandLimiting
        Limit of the scan frequencies.
    reader : Worker
        Reads lazy data, and neighbours.
    show : callable
        Receives a pattern together with its reconstruction.

    Attributes
    ----------
    with_neighbours : bool
        True to read, with each pattern, those around it, and to show it without the noise beyond
        the band limit; while that limit is not known, patterns are shown as they are.
    """

    with_neighbours = Bool(False)

    def __init__(
        self,
        scan: Scan,
        learned: Learning,
        limiting: BandLimiting,
        reader: Worker,
        show: Callable[[ShownPattern], None],
    ) -> None:
        super().__init__()
        self._scan, self._learned, self._limiting = scan, learned, limiting
        self._reader, self._show = reader, show
        self._position: Place = (0, 0)
        limiting.observe(self._limit_changed, "chosen")
        scan.observe(self._limit_changed, "leave_out")

    def at(self, position: Place) -> None:
        """Show the pattern at a position; of several requests only the latest counts."""
        self._position = position
        limit = self._limiting.limit if self.with_neighbours else None
        read = partial(self._read, position, limit)
        if self._scan.lazy or limit is not None:
            self._reader.submit("pattern", read, partial(self._put, position))
        else:
            self._reader.forget("pattern")
            self._put(position, read())

    def again(self, shown: ShownPattern) -> None:
        """Show a pattern with another reconstruction."""
        self._show(replace(shown, reconstruction=self._reconstructed(shown.position)))

    @observe("with_neighbours")
    def _switched(self, _: Any) -> None:
        if self.with_neighbours:
            self._limiting.ask()
        if not self._scan.closed:
            self.at(self._position)

    def _limit_changed(self, _: Any) -> None:
        if self.with_neighbours and not self._scan.closed:
            self.at(self._position)

    def _read(self, position: Place, limit: BandLimit | None) -> tuple[Pattern, Pattern | None]:
        pattern = pattern_at(self._scan.data, position)
        if limit is None:
            return pattern, None
        return pattern, pattern_with_neighbours(self._scan.cleaned().data, position, limit)

    def _put(self, position: Place, read: tuple[Pattern, Pattern | None]) -> None:
        pattern, limited = read
        self._show(ShownPattern(position, pattern, self._reconstructed(position), limited))

    def _reconstructed(self, position: Place) -> Pattern | None:
        learned, descan = self._learned.decodable, self._scan.descan_taken_off
        if learned is None:
            return None
        pattern = learned.pattern_at(position)
        return pattern if descan is None else put_back(pattern, descan.departure[position])
