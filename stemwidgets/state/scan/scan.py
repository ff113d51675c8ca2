"""A scan with what is known of it: the first reading, its faults, and its descan."""

from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from traitlets import Bool, HasTraits, Instance, observe, validate

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.calibration.electrons import energy_in_kev
from stemwidgets.arrays.calibration.vacuum import InVacuum
from stemwidgets.arrays.centring.beam_frame import BeamFrame, fit_beam_frame
from stemwidgets.arrays.centring.find import FEWEST_POSITIONS, descan_that_matters, require_descan
from stemwidgets.arrays.checks import require_scan
from stemwidgets.arrays.com_error import com_std
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import FIND, CleanScan, clean_scan
from stemwidgets.arrays.faults.left_out import LeftOut
from stemwidgets.arrays.masks import left_out
from stemwidgets.arrays.overview import Overview
from stemwidgets.arrays.scan_report.counting import Counting
from stemwidgets.state.background.closing import CLOSED_SCAN, refuse


@dataclass(frozen=True)
class Opening:
    """Progress of the first reading.

    Parameters
    ----------
    read : float
        Share of the scan, 0 to 1.
    remaining : float
        Time that the rest will take [s].
    """

    read: float
    remaining: float


class Scan(HasTraits):
    """The scan of a session, which all parts of the session read.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        The patterns.
    axes : Axes, optional
        Calibration; pixels if not given.
    title : str
        Name of the scan.
    beam_energy : float, optional
        Beam energy [keV], if known.
    notes : tuple of str
        Metadata that were not used, and why: sentences that stand above the views.

    Attributes
    ----------
    overview : Overview or None
        Sum, mean pattern and centre of mass; None while a lazy scan is being read.
    opening : Opening or None
        Progress of that reading; the channels hold what has been read, and NaN for the rest.
    counting : Counting or None
        Calibration of the counts; None until it was measured, after the first reading.
    left_out : LeftOut or None
        Faults that were found; None until the scan has been looked at.
    leave_out : bool
        True to leave them out of everything that is computed; else they count like the rest.
    descan : Descan or None
        Descan from vacuum, else found in the scan where it matters; None until that was read,
        and where there is none.
    in_vacuum : InVacuum or None
        Measurement in vacuum; None where the descan was found in the scan.
    take_off : bool
        True if models read every pattern about its own centre, detectors follow the beam, and the
        COM is shown without it.
    followed : Descan or None
        Descan that detectors, means of regions and drawings follow; None where it is left in,
        where there is none, and until the scan was read.
    semi_angle : float or None
        Semi-angle of convergence [mrad], if the metadata hold one.
    closed : bool
        True once nothing may be computed any more.

    Raises
    ------
    InputError
        If `data` is no scan, or `axes` describe another one.
    """

    overview = Instance(Overview, allow_none=True)
    opening = Instance(Opening, allow_none=True)
    counting = Instance(Counting, allow_none=True)
    left_out = Instance(LeftOut, allow_none=True)
    leave_out = Bool(True)
    descan = Instance(Descan, allow_none=True)
    in_vacuum = Instance(InVacuum, allow_none=True)
    take_off = Bool(True)
    followed = Instance(Descan, allow_none=True)

    def __init__(
        self,
        data: Any,
        axes: Axes | None = None,
        title: str = "",
        beam_energy: float | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        require_scan(data)
        axes = Axes.uncalibrated(data.shape) if axes is None else axes
        if axes.shape != tuple(data.shape):
            raise InputError(
                f"Expected axes of the scan's shape {tuple(data.shape)}, got {axes.shape}. "
                "Leave them out to count in pixels."
            )
        self.data, self.axes, self.title, self.notes = data, axes, title, notes
        self.beam_energy = None if beam_energy is None else energy_in_kev(beam_energy)
        self.shape: tuple[int, int, int, int] = tuple(data.shape)
        self.lazy = not isinstance(data, np.ndarray)
        self.semi_angle: float | None = None
        self.closed = False
        self._clean: CleanScan | None = None
        self._found: Descan | None = None
        self._frame: tuple[Any, BeamFrame] | None = None
        self._fitting = Lock()  # patterns are sampled once, whichever worker asks first

    def require_open(self) -> None:
        """Check that the patterns are there to work on; an InputError if the scan is closed."""
        if self.closed:
            refuse()

    def release(self) -> None:
        """Let go of the patterns; results can still be read."""
        self.data, self._clean = CLOSED_SCAN, None

    def cleaned(self) -> CleanScan:
        """Scan for all computations; in the background, as it may be read."""
        if not self.leave_out:
            return clean_scan(self.data, None)
        if self._clean is None:
            self._clean = clean_scan(self.data)
        return self._clean

    def faults(self) -> LeftOut | None:
        """Faults that a model is to leave out; None for nothing."""
        return self.cleaned().left_out if self.leave_out else None

    def com_std(self, axes: Axes) -> NDArray[np.float64] | None:
        """Standard deviation of the components of the COM ``[iy, ix]``, in units of detector axes.

        None where the scan or its counting is not known.
        """
        overview, counting = self.overview, self.counting
        if overview is None or counting is None or not counting.known:
            return None
        hidden = self.left_out.mask if self.leave_out and self.left_out is not None else None
        used = None if hidden is None else ~hidden
        mean, counts = overview.mean_pattern, overview.sum_image
        return com_std(mean, counts, counting.unit, axes.pixel_size, used, readout=counting.readout)

    @property
    def left_out_words(self) -> str:
        """Sentences on what is left out or counts although it is faulty, and what is saturated."""
        if self.left_out is None:
            return ""
        words = self.left_out.left_out_words
        if words and not self.leave_out:
            words = words.replace("left out", "faulty, and counted")
        return " ".join(part for part in (words, self.left_out.saturation_words) if part)

    def find_descan(self, com: NDArray[np.float64]) -> None:
        """Find the descan in the COM ``[iy, ix, 2]`` of a scan that has been read."""
        self._found = descan_that_matters(com)
        self._choose_descan()

    @observe("take_off", "in_vacuum")
    def _choose_descan(self, _: Any = None) -> None:
        self.descan = self._found if self.in_vacuum is None else self.in_vacuum.descan

    @validate("in_vacuum")
    def _of_this_scan(self, proposal: Any) -> InVacuum | None:
        measured: InVacuum | None = proposal["value"]
        if measured is not None:
            require_descan(measured.descan, self.shape[:2])
        return measured

    @observe("descan", "take_off", "overview")
    def _follow(self, _: Any) -> None:
        if self.overview is not None:
            self.followed = self.descan_taken_off

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

    def beam_frame(self) -> BeamFrame | None:
        """Frame of the beam; in the background, as patterns may be read."""
        descan, overview = self.followed, self.overview
        if descan is None or overview is None:
            return None
        with self._fitting:
            known, counts = self.in_vacuum is not None, overview.sum_image
            if self._frame is None or not _alike(self._frame[0], (descan, known, counts)):
                clean = self.cleaned()
                hidden = left_out(clean.data, clean.mask)
                frame = fit_beam_frame(descan, counts, clean.data, hidden, known)
                self._frame = (descan, known, counts), frame
            return self._frame[1]

    @property
    def descan_in_numbers(self) -> Descan | None:
        """Descan that is followed, as it was fitted where pixels are left out."""
        followed = self.followed
        if followed is None or self._frame is None or self._frame[0][0] != followed:
            return followed
        return self._frame[1].descan

    def departure(self, position: tuple[int, int]) -> tuple[float, float]:
        """Departure of the beam at a position, ``(ky, kx)`` [px]; 0 where it is left in."""
        if self.followed is None:
            return 0.0, 0.0
        y, x = self.followed.departure[position]
        return float(y), float(x)


def _alike(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """True if descan, its origin and counts are the same."""
    return one[:2] == other[:2] and one[2] is other[2]
