"""Power of the scan over scan frequency, with the shot noise and the limit of the probe."""

from html import escape
from typing import Any

import ipywidgets

from stemwidgets.arrays.band_limit.spectrum_picture import drawn
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.scan_report.findings import COLORS
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import lines, problem
from stemwidgets.views.parts.view import View, caption
from stemwidgets.views.parts.words import waiting_for_scan

SMALLEST = 240, 160  # CSS px: in less, labels run into each other


class SpectrumView(View):
    """Power of COM, bright and dark field over scan frequency, and the result in a sentence.

    The dashed line is the shot noise, which is alike at all frequencies; the red one is the limit
    2α/λ, beyond which a probe of this semi-angle holds nothing, so that the power should be that of
    shot noise there.

    Parameters
    ----------
    session : Session
        Session whose `frequencies` it shows.
    width, height : int
        Size of the plot on screen [CSS px].

    Raises
    ------
    InputError
        For an unknown keyword, or a plot that is too small.

    Examples
    --------
    >>> sw.SpectrumView(session)
    """

    def __init__(
        self, session: ScanSession, width: int = 460, height: int = 250, **unknown: Any
    ) -> None:
        super().__init__(session, unknown)
        if width < SMALLEST[0] or height < SMALLEST[1]:
            raise InputError(
                f"Expected a plot of {SMALLEST[0]} × {SMALLEST[1]} px or more, got "
                f"{width} × {height}."
            )
        self._size = width, height
        self._picture = ipywidgets.HTML()
        self._words = ipywidgets.HTML(layout=ipywidgets.Layout(max_width=f"{width}px"))
        self.parts = {"picture": self._picture, "words": self._words}
        self.fill(caption("power over scan frequency"), self._picture, self._words)
        self.look(self._draw, "problem")
        self.look(self._draw, "opening", "overview", at=session.scan)
        self.look(self._draw, "spectrum", "status", at=session.frequencies)
        session.frequencies.ask()
        self._draw()

    def _draw(self) -> None:
        spectrum = self.session.frequencies.spectrum
        self._picture.value = "" if spectrum is None else drawn(spectrum, *self._size)
        self._words.value = self._text()

    def _text(self) -> str:
        frequencies = self.session.frequencies
        if frequencies.problem:
            return problem(frequencies.problem)
        if frequencies.running:
            return "measuring the spectrum …"
        spectrum = frequencies.spectrum
        if spectrum is None:
            return waiting_for_scan(self.session.problem)
        color = COLORS["doubtful" if spectrum.passes is False else "good"]
        look = "" if spectrum.passes is None else f" style='color:{color}'"
        return lines(f"<span{look}>{escape(spectrum.words)}</span>")
