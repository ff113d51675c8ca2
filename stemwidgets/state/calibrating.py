"""The calibration of a session's scan, and whether the centre of mass is shown with it."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from traitlets import Bool, Enum, Instance, observe, validate

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.calibration import Measured, measure, to_scan_frame
from stemwidgets.arrays.center_of_mass import Deflection, calibrated
from stemwidgets.arrays.circular import wrap
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.scan_rotation import ScanRotation
from stemwidgets.state.computing import Computing

if TYPE_CHECKING:
    from stemwidgets.state.session import Session

ROTATIONS = ("found", "opposite", "none")


class Calibrating(Computing):
    """Calibrates a scan in the background and applies that to the channels of its COM.

    Parameters
    ----------
    session : Session
        Whose scan it is.

    Attributes
    ----------
    found : Measured or None
        What the scan tells about its microscope.
    rotation : {"found", "opposite", "none"} or None
        The rotation that is taken: as found, 180° off, or none, which leaves vectors in the frame
        of the detector. None until one is chosen where the scan does not tell it.
    applied : bool
        Whether the channels of the COM are less the descan and in the frame of the scan. Without
        it they are those of the patterns as they were read.
    """

    found = Instance(Measured, allow_none=True, read_only=True)
    rotation = Enum(ROTATIONS, default_value=None, allow_none=True)
    applied = Bool(False)

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._shown: Measured | None = None

    def start(self) -> None:
        """Measure disc, descan and rotation in the background; the scan is read twice."""
        data, axes = self._session.data, self._session.axes
        self._compute(lambda: measure(data, axes), self._keep)

    @property
    def used(self) -> Measured | None:
        """What was found, with the rotation that is taken; None if none is."""
        if self.found is None or self.rotation is None:
            return None
        rotation = self.found.scan_rotation
        if self.rotation == "opposite":
            angle = float(wrap(rotation.angle + np.pi))
            rotation = ScanRotation(angle, rotation.std, rotation.handedness)
        elif self.rotation == "none":
            rotation = ScanRotation(0.0)
        return replace(self.found, scan_rotation=rotation)

    def _keep(self, measured: Measured) -> None:
        if not measured.scan_rotation.resolved:
            self.rotation = None
        self.set_trait("found", measured)
        if measured.scan_rotation.resolved:
            self.rotation = "found"

    @validate("applied")
    def _applicable(self, proposal: Any) -> bool:
        if proposal["value"] and self.used is None:
            raise InputError(
                "Expected a calibration to apply, got none: calibrate the scan first, and choose "
                "the rotation where the scan does not tell it."
            )
        return bool(proposal["value"])

    @observe("applied", "rotation", "found")
    def _show(self, _: Any = None) -> None:
        used = self.used
        if used is None:
            self.applied = False
        taken = used if self.applied else None
        overview, axes = self._session.overview, self._session.axes
        if overview is None or taken == self._shown:
            return
        self._shown = taken
        com = calibrated(overview.com, axes, overview.reference)
        self._session.show_com(com if taken is None else _in_scan_frame(com, axes, taken))


def _in_scan_frame(com: Deflection, axes: Axes, measured: Measured) -> Deflection:
    pixel = (axes.ky.scale, axes.kx.scale)
    y, x = to_scan_frame(com.y, com.x, pixel, com.units, measured)
    return Deflection(x, y, np.hypot(x, y), np.arctan2(y, x), com.units)
