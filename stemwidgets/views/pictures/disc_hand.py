"""Pointing out the direct beam: press on its centre, drag to its edge."""

from collections.abc import Callable

import numpy as np

from stemwidgets.arrays.disc.find import Disc
from stemwidgets.state.session import ScanSession
from stemwidgets.views.pictures.pointer import Phase
from stemwidgets.views.pictures.screen import Grid

LEAST = 1.0  # px: a shorter drag is a click, which keeps the radius
SHARE = 8  # of the shorter side of a pattern: the radius of a first click


class DiscHand:
    """Handler of the pointer that draws a disc on a pattern.

    `show` draws the disc on the way, and that of the session again for None.
    """

    def __init__(
        self, session: ScanSession, grid: Grid, show: Callable[[Disc | None], None]
    ) -> None:
        self._session, self._grid, self._show = session, grid, show
        self._center: tuple[float, float] | None = None

    def __call__(self, phase: Phase, x: float, y: float) -> None:
        """Follow the pointer, at ``x, y`` of the figure."""
        at = self._grid.position(x, y)
        if phase == "press":
            self._center = at
        if self._center is None:
            return
        disc = Disc(self._center, self._radius(at), given=True)
        if phase == "release":
            self._center = None
            self._session.mailbox.post("disc", lambda: self._place(disc))
        self._show(disc)

    def _radius(self, at: tuple[float, float]) -> float:
        assert self._center is not None
        height, width = self._session.scan.axes.pixel_size
        y = (at[0] - self._center[0]) * height / width
        radius = float(np.hypot(y, at[1] - self._center[1]))
        if radius >= LEAST:
            return radius
        old = self._session.beam.disc
        return min(self._session.scan.shape[2:]) / SHARE if old is None else old.radius

    def _place(self, disc: Disc) -> None:
        self._session.beam.place(disc.center, disc.radius)


def advice(disc: Disc | None) -> str:
    """Advice where the direct beam is not certain, with the reason."""
    why = "no direct beam is seen" if disc is None else disc.doubt
    return (
        f"The direct beam is not sure: {why}. BF and ADF wait for it: "
        "press on its centre in the mean pattern and drag to its edge."
    )
