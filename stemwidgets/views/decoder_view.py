"""A decoded pattern with a slider for each latent variable and one that turns it."""

import math
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from stemwidgets.state.learning.decodable import Code
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.controls import button, control, legend
from stemwidgets.views.parts.view import View, caption
from stemwidgets.views.parts.words import waiting_for_decoded
from stemwidgets.views.pictures.painting import paint_counts, paint_difference
from stemwidgets.views.pictures.raster import Raster
from stemwidgets.views.pictures.screen import Grid

COUNTS, DIFFERENCE = "square root", "difference from the mean"
STEPS = 200  # of a slider


class DecoderView(View):
    """Pattern that the trained model decodes at any place of its latent space.

    The sliders run over the latents of nearly all patterns of the scan. They show and move the
    session's `latent_code`.

    Parameters
    ----------
    session : Session
        Session whose model decodes.
    size : int
        Longer side of the pattern on screen [CSS px].

    Examples
    --------
    >>> sw.DecoderView(session)
    """

    kept = ("display",)

    def __init__(self, session: ScanSession, size: int = 276, **unknown: Any) -> None:
        super().__init__(session, unknown)
        axes = session.scan.axes
        self.raster = Raster(Grid(axes.ky, axes.kx).frame(size, ("ky", "kx")))
        self._decoded: NDArray[np.float32] | None = None
        self._latents: list[ipywidgets.FloatSlider] = []
        self._angle = _slider("angle (°)")
        self._angle.min, self._angle.max, self._angle.step = -180.0, 180.0, 1.0
        self._angle.readout_format = ".0f"
        self._kind = ipywidgets.Dropdown(
            options=[("class 0", 0)], layout={"width": "140px", "display": "none"}
        )
        self._here = button("from the position", 160)
        options = [("minus mean", DIFFERENCE), (COUNTS, COUNTS)]
        self._choice = control(ipywidgets.Dropdown, "show", 230, "initial", options=options)
        self._legend = legend()
        self._sliders = ipywidgets.VBox()
        self.parts = {
            "figure": self.raster.figure,
            "legend": self._legend,
            "display": self._choice,
            "angle": self._angle,
            "classes": self._kind,
            "here": self._here,
        }
        self.layout.width = "320px"
        heading = ipywidgets.HBox([caption("decoded"), self._choice])
        heading.layout.grid_gap = "4px"
        row = ipywidgets.HBox([self._here, self._kind])
        self.fill(heading, self.raster.box, self._legend, self._sliders, self._angle, row)
        self.listen(self._angle, self._turned)
        self.listen(self._kind, self._turned)
        self.listen(self._choice, self._draw)
        self.press(self._here, self._go_here)
        self.look(self._code_changed, "latent_code", "decodable", at=session.learned)
        self.look(self._draw, "mean_reconstruction", at=session.learned)
        self.look(self._draw, "status", at=session.training)
        self._code_changed()

    def _go_here(self) -> None:
        code = self.session.code_here()
        if code is not None:
            self.session.learned.latent_code = code

    def _turned(self) -> None:
        """Move the session's code to where the sliders are."""
        code, learned = self._code(), self.session.learned
        if learned.decodable is None or learned.latent_code is None:
            return
        if not np.allclose(_numbers(code), _numbers(learned.latent_code), atol=1e-9):
            learned.latent_code = code

    def _code(self) -> Code:
        known = self.session.learned.latent_code
        count = 0 if known is None else len(known.latent)
        latent = tuple(float(slider.value) for slider in self._latents[:count])
        return Code(latent, math.radians(self._angle.value), int(self._kind.value))

    def _code_changed(self) -> None:
        learned, code = self.session.learned, self.session.learned.latent_code
        decodable = learned.decodable
        for part in (*self._latents, self._angle, self._kind, self._here):
            part.disabled = decodable is None
        if decodable is None or code is None:
            self._decoded = None
            self._draw()
            return
        self._set_sliders(code, decodable.ranges)
        self._angle.layout.display = None if getattr(decodable.model, "turning", True) else "none"
        learned.decode(f"view {id(self)}", code.latent, code.angle, code.kind, self._show)

    def _set_sliders(self, code: Code, ranges: list[tuple[float, float]]) -> None:
        while len(self._latents) < len(ranges):
            slider = _slider(f"z{len(self._latents) + 1}")
            self.listen(slider, self._turned)
            self.parts[slider.description] = slider
            self._latents.append(slider)
        if len(self._sliders.children) != len(ranges):
            self._sliders.children = self._latents[: len(ranges)]
        for slider, value, limits in zip(self._latents, code.latent, ranges, strict=False):
            low, high = min(limits[0], value), max(limits[1], value)
            with slider.hold_sync():
                slider.min, slider.max = min(low, slider.max), high
                slider.min, slider.step = low, (high - low) / STEPS
                slider.value = value
        self._angle.value = math.degrees(code.angle)
        self._offer_classes(code.kind)

    def _offer_classes(self, kind: int) -> None:
        channel = self.session.channels.get("classes")
        self._kind.layout.display = "none" if channel is None else None
        found = [] if channel is None else channel.values[np.isfinite(channel.values)]
        options = [(f"class {k}", k) for k in range(max(int(max(found, default=0)), kind) + 1)]
        if options != list(self._kind.options):
            self._kind.options = options
        self._kind.value = kind

    def _show(self, pattern: NDArray[np.float32]) -> None:
        self._decoded = pattern
        self._draw()

    def _draw(self) -> None:
        pattern, mean = self._decoded, self.session.learned.mean_reconstruction
        difference = self._choice.value == DIFFERENCE
        if pattern is None or (difference and mean is None):
            self.raster.clear(self._why_not())
            self._legend.value = ""
        elif difference:
            picture, self._legend.value = paint_difference(pattern - mean, "counts")
            self.raster.show(picture)
        else:
            picture, self._legend.value = paint_counts(pattern, pattern, np.sqrt, "counts")
            self.raster.show(picture)

    def _why_not(self) -> str:
        session = self.session
        if session.learned.decodable is not None:
            return "decoding …"
        return waiting_for_decoded(
            session.learned.earlier_maps is not None, session.training.active
        )


def _slider(name: str) -> ipywidgets.FloatSlider:
    return control(ipywidgets.FloatSlider, name, 314, 70, min=-1.0, max=1.0, disabled=True)


def _numbers(code: Code) -> list[float]:
    return [*code.latent, code.angle, code.kind]
