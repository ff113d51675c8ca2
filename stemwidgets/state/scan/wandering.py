"""Wandering of the beam of a session's scan over the detector, and its correction."""

from collections.abc import Callable
from typing import Any

from traitlets import Bool, HasTraits, Instance, observe, validate

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.calibration.vacuum import InVacuum
from stemwidgets.arrays.center_of_mass import Deflection
from stemwidgets.arrays.centring.find import FEWEST_POSITIONS, descan_that_matters, require_descan
from stemwidgets.arrays.faults.clean import FIND
from stemwidgets.arrays.overview import Overview
from stemwidgets.state.channels import Channel, overview_channels


class Wandering(HasTraits):
    """Part of a session with its descan.

    Attributes
    ----------
    descan : Descan or None
        Descan from vacuum, else found in the scan where it matters; None until that was read,
        and where there is none.
    in_vacuum : InVacuum or None
        Measurement in vacuum; None where the descan was found in the scan.
    take_off : bool
        True if models read every pattern about its own centre, detectors follow the beam, and the
        COM is shown without it.
    """

    descan = Instance(Descan, allow_none=True)
    in_vacuum = Instance(InVacuum, allow_none=True)
    take_off = Bool(True)

    axes: Axes
    shape: tuple[int, int, int, int]
    overview: Overview | None
    calibration: Any
    show_com: Callable[[Deflection], None]
    _found: Descan | None = None

    def found_channels(self, overview: Overview) -> list[Channel]:
        """Channels of a scan that was read, less the descan that is seen in its COM."""
        self._found = descan_that_matters(overview.com)
        self._choose_descan()
        return overview_channels(overview, self.axes, self.descan_taken_off)

    @validate("in_vacuum")
    def _of_this_scan(self, proposal: Any) -> InVacuum | None:
        measured: InVacuum | None = proposal["value"]
        if measured is not None:
            require_descan(measured.descan, self.shape[:2])
        return measured

    def _choose_descan(self) -> None:
        self.descan = self._found if self.in_vacuum is None else self.in_vacuum.descan

    @observe("take_off", "in_vacuum")
    def _taken_off_changed(self, change: Any) -> None:
        self._choose_descan()
        if change["name"] == "in_vacuum" or self.in_vacuum is not None:
            self.calibration.again()
        if self.overview is not None and not self.calibration.applied:
            self.show_com(self.overview.deflection(self.axes, self.descan_taken_off))

    @property
    def descan_taken_off(self) -> Descan | None:
        """The descan that is taken off; None if there is none, or it is left in."""
        return self.descan if self.take_off else None

    def descan_for_models(self) -> Any:
        """Descan that a model is to take off, as `stemwidgets.rrvae.RRVAE.fit` takes it."""
        if self.in_vacuum is not None:
            return self.descan_taken_off
        known = self.overview is not None
        return FIND if self.take_off and not (known and self.descan is None) else None

    @property
    def descan_words(self) -> str:
        """Sentences on the descan and its correction; empty where there is none."""
        if self.descan is None:
            return ""
        words = self.descan.words if self.in_vacuum is None else self.in_vacuum.words
        few = self.shape[0] * self.shape[1] < FEWEST_POSITIONS
        done = "taken off COM and detectors" if few else "taken off COM, detectors and rrVAE"
        return f"{words} It is {done if self.take_off else 'left in'}."
