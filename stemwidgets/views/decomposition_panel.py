"""Decomposition of a scan: principal components, non-negative factors, clusters."""

from html import escape
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.state.scan.decomposition import METHODS
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import beside, button, control, lines, problem
from stemwidgets.views.parts.view import View, caption
from stemwidgets.views.parts.words import percent
from stemwidgets.views.pictures import colors
from stemwidgets.views.pictures.painting import highest
from stemwidgets.views.pictures.raster import uri
from stemwidgets.views.pictures.screen import Grid

MOST = 50  # components or clusters: more patterns fit on no screen
_WORDS = {
    "PCA": "PCA: principal components",
    "NMF": "NMF: non-negative factors",
    "k-means on PCA": "k-means on PCA: clusters",
    "k-means on latents": "k-means on rrVAE latents: clusters",
}


class DecompositionPanel(View):
    """Panel that computes components or clusters, whose maps every scan map can then show.

    Below stand the component patterns: of PCA orange where they add counts and blue where they take
    them away, others from black to bright; of clusters their mean patterns.

    Parameters
    ----------
    session : Session
        Session whose `decomposition` it runs and shows.
    method : {"PCA", "NMF", "k-means on PCA", "k-means on latents"}
        Method offered first.
    n_components : int
        Number of components or clusters offered first, up to 50.

    Raises
    ------
    InputError
        For an unknown keyword or method, or a number out of range.

    Examples
    --------
    >>> sw.DecompositionPanel(session, "NMF", n_components=4)
    """

    def __init__(
        self, session: ScanSession, method: str = "PCA", n_components: int = 5, **unknown: Any
    ) -> None:
        super().__init__(session, unknown)
        if method not in METHODS:
            raise InputError(f"method is one of {', '.join(METHODS)}, not {method!r}")
        if not isinstance(n_components, int) or not 1 <= n_components <= MOST:
            raise InputError(
                f"n_components is a whole number from 1 to {MOST}, not {n_components!r}"
            )
        self._frame = Grid(session.scan.axes.ky, session.scan.axes.kx).frame(100)
        options = [(words, name) for name, words in _WORDS.items()]
        self._method = control(
            ipywidgets.Dropdown, "method", 314, 80, options=options, value=method
        )
        self._components = control(
            ipywidgets.BoundedIntText, "how many", 176, 80, value=n_components, min=1, max=MOST
        )
        self._button = button("Compute", 110, button_style="primary")
        self._status, self._patterns = ipywidgets.HTML(), ipywidgets.HTML()
        self.parts = {
            "method": self._method,
            "components": self._components,
            "compute": self._button,
            "status": self._status,
            "patterns": self._patterns,
        }
        self.layout.width = "656px"
        choices = beside(self._method, self._components, self._button)
        self.fill(caption("components and clusters"), choices, self._status, self._patterns)
        self.press(self._button, self._compute)
        self.look(self._draw, "status", "problem", at=session.decomposition)
        self.look(self._draw_patterns, "found", at=session.decomposition)
        self._draw()
        self._draw_patterns()

    def _compute(self) -> None:
        self.session.decomposition.start(self._method.value, self._components.value)

    def _draw(self) -> None:
        decomposition = self.session.decomposition
        self._button.disabled = decomposition.running
        if decomposition.running:
            self._status.value = "reading the patterns …"
        elif decomposition.problem:
            self._status.value = problem(decomposition.problem)
        elif decomposition.found is None:
            self._status.value = "Compute makes maps that every scan map can show."
        else:
            names = [channel.name for channel in decomposition.found.channels]
            through = f" to {names[-1]}" if len(names) > 1 else ""
            self._status.value = escape(f"Maps: {names[0]}{through}. Choose them in a scan map.")

    def _draw_patterns(self) -> None:
        found = self.session.decomposition.found
        if found is None:
            self._patterns.value = ""
            return
        what = "positions" if found.method.startswith("k-means") else "variance"
        size = f"width={self._frame.width} height={self._frame.height}"
        items = [
            "<figure style='margin:0'>"
            f"<img alt='pattern of {escape(name)}' {size} "
            f"src='{uri(_picture(found.method, pattern))}' "
            "style='image-rendering:pixelated;display:block'>"
            f"<figcaption style='line-height:1.3'>{escape(name)}<br>{percent(share)}</figcaption>"
            "</figure>"
            for name, share, pattern in zip(found.names, found.shares, found.patterns, strict=True)
        ]
        self._patterns.value = (
            f"{lines(f'patterns, with their share of the {what}')}"
            "<div style='display:flex;flex-wrap:wrap;gap:8px 12px;max-height:330px;overflow:auto'>"
            f"{''.join(items)}</div>"
        )


def _picture(method: str, pattern: NDArray[np.float32]) -> colors.RGBA:
    if method == "PCA":
        return colors.diverging(pattern, highest(np.abs(pattern)))
    bright = np.sqrt(np.clip(pattern, 0, None))
    return colors.intensity(bright, 0, highest(bright))
