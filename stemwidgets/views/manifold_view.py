"""The decoded manifold: patterns on a grid over the first two latent variables."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import legend
from stemwidgets.views.parts.view import ASIDE, REST, View, caption
from stemwidgets.views.parts.words import waiting_for_decoded
from stemwidgets.views.pictures.painting import paint_difference
from stemwidgets.views.pictures.raster import Raster, place, ring
from stemwidgets.views.pictures.screen import Frame

LARGEST = 64  # pixels across one pattern of the grid
NOTE = "angle 0, difference from the mean of these; red ring: the position, blue: what is decoded"


class ManifoldView(View):
    """Decoded patterns on a grid over z1 and z2, all in one colour scale and turned to angle 0.

    The grid covers the latents of nearly all patterns; further latent variables and the class are
    those of the session's `latent_code`, which a click moves.

    Parameters
    ----------
    session : Session
        Session whose model decodes.
    cells : int
        Patterns along each side: 3, 5, 7 or 9.
    size : int
        Side of the grid on screen [CSS px].

    Raises
    ------
    InputError
        For an unknown keyword or number of cells.

    Examples
    --------
    >>> sw.ManifoldView(session, cells=5)
    """

    def __init__(
        self, session: ScanSession, cells: int = 7, size: int = 276, **unknown: Any
    ) -> None:
        super().__init__(session, unknown)
        if not isinstance(cells, int) or cells not in (3, 5, 7, 9):
            raise InputError(f"cells is 3, 5, 7 or 9, not {cells!r}")
        self._cells, self._size = cells, size
        frame = _frame((-1.0, 1.0), (-1.0, 1.0), cells, size)
        scales = frame.scales()
        self._ring, self._code = ring(scales), ring(scales, "#1565c0")
        self.raster = Raster(
            frame, on_click=self._clicked, marks=[self._code, self._ring], scales=scales
        )
        self._legend, self._note = (legend(max_width=f"{size}px") for _ in range(2))
        self.parts = {
            "figure": self.raster.figure,
            "legend": self._legend,
            "ring": self._ring,
            "code": self._code,
        }
        self.fill(caption("what the latents mean"), self.raster.box, self._legend, self._note)
        self._asked: tuple[Any, ...] = ()
        self.look(self._ask, "decodable", "latent_code", at=session.learned)
        self.look(self._mark, "position", delay=ASIDE)
        self.look(self._ask, "status", at=session.training)
        self._ask()

    def _ask(self) -> None:
        """Have the grid decoded, unless it is already."""
        learned, code = self.session.learned, self.session.learned.latent_code
        if learned.decodable is None or code is None:
            self._asked = ()
            self._clear()
            return
        wanted = (learned.decodable, code.latent[2:], code.kind)
        if wanted != self._asked:
            self._asked = wanted
            if self.raster.message:
                self.raster.clear("decoding …")
            ranges = learned.decodable.ranges
            second = ranges[1] if len(ranges) > 1 else None
            frame = _frame(ranges[0], second, self._cells, self._size)
            grid = np.empty((self._cells if second else 1, self._cells, len(ranges)))
            grid[...] = code.latent
            grid[..., 0] = np.linspace(*ranges[0], self._cells)
            if second is not None:
                high_to_low = np.linspace(second[1], second[0], self._cells)
                grid[..., 1] = high_to_low[:, None]
            kinds = np.full(grid.shape[:2], code.kind)

            def show(patterns: NDArray[np.float32]) -> None:
                if self._asked is wanted:
                    self._show(patterns, frame)

            learned.decode(f"view {id(self)}", grid, np.zeros(grid.shape[:2]), kinds, show)
        self._mark()

    def _clear(self) -> None:
        session = self.session
        self.raster.clear(
            waiting_for_decoded(session.learned.earlier_maps is not None, session.training.active)
        )
        self._ring.visible = self._code.visible = False
        self._legend.value = self._note.value = ""

    def _show(self, patterns: NDArray[np.float32], frame: Frame) -> None:
        small = _binned(patterns)
        height, width = small.shape[-2:]
        difference = np.full((self._cells, self._cells, height, width), np.nan)
        rows = slice(None) if len(small) > 1 else self._cells // 2  # one latent, one row
        difference[rows] = small - small.mean(axis=(0, 1))
        mosaic = difference.transpose(0, 2, 1, 3).reshape(self._cells * height, -1)
        picture, self._legend.value = paint_difference(mosaic, "counts")
        self.raster.move_to(frame)
        self.raster.show(picture)
        self._note.value = NOTE
        self._mark()

    def _mark(self) -> None:
        """Ring the position's code and the code that is looked at."""
        for mark, code in (
            (self._ring, self.session.code_here()),
            (self._code, self.session.learned.latent_code),
        ):
            x, y = (np.nan, np.nan) if code is None else (*code.latent, 0.0)[:2]
            drawn = self.raster.message == "" and self.session.learned.decodable is not None
            place(mark, ([x], [y]) if drawn and self.raster.frame.holds(x, y) else None)

    def _clicked(self, x: float, y: float) -> None:
        def go() -> None:
            code = self.session.learned.latent_code
            if code is not None and self.session.learned.decodable is not None:
                latent = (x, y, *code.latent[2:])[: len(code.latent)]
                self.session.learned.latent_code = code._replace(latent=latent)

        self.session.mailbox.post("latent code", go, rest=REST)


def _frame(
    first: tuple[float, float], second: tuple[float, float] | None, cells: int, size: int
) -> Frame:
    """The window of the grid: the outermost patterns lie at the ends of the ranges."""
    low, high = (-1.0, 1.0) if second is None else second
    across, down = ((b - a) / (cells - 1) / 2 for a, b in (first, (low, high)))
    return Frame(
        left=first[0] - across,
        right=first[1] + across,
        top=high + down,
        bottom=low - down,
        width=size,
        height=size,
        x_label="latent z1",
        y_label="" if second is None else "latent z2",
    )


def _binned(patterns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Patterns ``[..., ky, kx]`` in so few pixels that a screen can show them side by side."""
    height, width = patterns.shape[-2:]
    step = -(-max(height, width) // LARGEST)
    rows, columns = height // step, width // step
    cut = patterns[..., : rows * step, : columns * step]
    small: NDArray[np.float32] = cut.reshape(*patterns.shape[:-2], rows, step, columns, step).mean(
        axis=(-3, -1)
    )
    return small
