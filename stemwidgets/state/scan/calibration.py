"""The calibration of a session's scan, and its application to the centre of mass."""

from dataclasses import replace
from typing import Any

import numpy as np
from traitlets import Bool, Enum, Float, Instance, observe, validate

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.calibration.electrons import semi_angle_in_mrad, wavelength
from stemwidgets.arrays.calibration.measure import (
    Measured,
    PixelScale,
    measure,
    scale_from_disc,
)
from stemwidgets.arrays.calibration.scan_rotation import ScanRotation
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.state.background.worker import Mailbox
from stemwidgets.state.channel_store import ChannelStore
from stemwidgets.state.channels import COM_ANGLE_STD, com_channels
from stemwidgets.state.scan.com_frame import ComFrame
from stemwidgets.state.scan.computing import Computing
from stemwidgets.state.scan.direct_beam import DirectBeam
from stemwidgets.state.scan.scan import Scan

ROTATIONS = ("found", "opposite", "none", "given")


class Calibrating(Computing):
    """Calibration of a scan in the background, applied to the channels of its COM.

    Parameters
    ----------
    scan, mailbox
        As for `Computing`.
    channels : ChannelStore
        Receives the COM as it is calibrated.
    beam : DirectBeam
        The disc, as the user may have given it.

    Attributes
    ----------
    found : Measured or None
        Calibration measured on the scan.
    rotation : {"found", "opposite", "none", "given"} or None
        The rotation that is taken: as found, 180° off, none, which leaves vectors in the frame of
        the detector, or that which was `given`. None until one is chosen where the scan does not
        determine it.
    given : float
        Rotation [rad] from elsewhere; positive turns +x of the scan towards +y. The handedness of
        the detector is taken as found.
    semi_angle : float
        Convergence semi-angle [mrad], 0 where it is not known. It is the radius of the disc, which
        gives the COM its scale: in 1/Å where the beam energy is known, else in mrad.
    applied : bool
        True if the channels of the COM are less the descan and in the frame of the scan. Without
        it they are those of the patterns as they were read.
    """

    found = Instance(Measured, allow_none=True, read_only=True)
    rotation = Enum(ROTATIONS, default_value=None, allow_none=True)
    given = Float(0.0)
    semi_angle = Float(0.0)
    applied = Bool(False)

    def __init__(
        self, scan: Scan, mailbox: Mailbox, channels: ChannelStore, beam: DirectBeam
    ) -> None:
        super().__init__(scan, mailbox)
        self._channels, self._beam = channels, beam
        self._shown: Measured | None = None
        beam.observe(self._move, "given")
        scan.observe(self._descan_changed, ["take_off", "in_vacuum"])
        scan.observe(self._show_com, "counting")

    def start(self) -> None:
        """Measure disc, descan and rotation in the background; the scan is read twice."""
        scan, disc = self._scan, self._beam.given
        descan = None if scan.in_vacuum is None else scan.descan_taken_off

        def work() -> Measured:
            clean = scan.cleaned()
            return measure(clean.data, scan.axes, mask=clean.mask, disc=disc, descan=descan)

        self._compute(work, self._keep)

    def again(self) -> None:
        """Repeat the measurement, with other pixels left out or another descan."""
        self._shown = None
        if self.found is not None:
            self.start()

    @property
    def used(self) -> Measured | None:
        """Calibration with the rotation that is taken; None if none is."""
        if self.found is None or self.rotation is None:
            return None
        rotation, scale = self.found.scan_rotation, self.found.scale
        if self.rotation == "opposite":
            angle = float(wrap(rotation.angle + np.pi))
            rotation = ScanRotation(angle, rotation.std, rotation.handedness)
        elif self.rotation == "none":
            rotation = ScanRotation(0.0)
        elif self.rotation == "given":
            rotation = ScanRotation(float(wrap(self.given)), handedness=rotation.handedness)
        if self.semi_angle:
            scale = self._scale(self.semi_angle)
        return replace(self.found, scan_rotation=rotation, scale=scale)

    @property
    def wavelength(self) -> float | None:
        """Wavelength of the electrons [Å], where the beam energy is known."""
        energy = self._scan.beam_energy
        return wavelength(energy) if energy else None

    def restore(self, found: Measured | None) -> None:
        """Restore an earlier measurement; None for nothing."""
        self.applied, self.semi_angle, self.given, self.rotation = False, 0.0, 0.0, None
        self._forget()
        if found is None:
            self.set_trait("found", None)
        else:
            self._keep(found)
            self.set_trait("status", "finished")

    def _scale(self, semi_angle: float) -> PixelScale:
        assert self.found is not None
        if self.found.scale.units == "1/Å" and self.wavelength is None:
            raise InputError(
                "Expected the beam energy in the scan's metadata, as its detector axes are in 1/Å: "
                "without it the semi-angle in mrad tells no scale."
            )
        return scale_from_disc(self.found.disc, self.found.scale, semi_angle, self.wavelength)

    def _keep(self, measured: Measured) -> None:
        if not measured.scan_rotation.resolved:
            self.rotation = None
        self.set_trait("found", measured)
        if measured.scan_rotation.resolved:
            self.rotation = "found"

    def _move(self, change: Any) -> None:
        """Take a disc from the user; measurements about another one are dropped."""
        if self.found is not None and change["new"] is not None:
            self.set_trait("found", replace(self.found, disc=change["new"]))
        elif self.found is not None:
            self.restore(None)

    @validate("applied")
    def _applicable(self, proposal: Any) -> bool:
        if proposal["value"] and self.used is None:
            raise InputError(
                "Expected a calibration to apply, got none: calibrate the scan first, and choose "
                "the rotation where the scan does not tell it."
            )
        return bool(proposal["value"])

    @validate("semi_angle")
    def _possible(self, proposal: Any) -> float:
        value = semi_angle_in_mrad(proposal["value"]) if proposal["value"] else 0.0
        if value and self.found is None:
            raise InputError("Expected a disc that the semi-angle is of: calibrate the scan first.")
        if value:
            self._scale(value)
        return value

    @validate("given")
    def _finite(self, proposal: Any) -> float:
        if not np.isfinite(proposal["value"]):
            raise InputError(f"Expected a rotation [rad], got {proposal['value']!r}.")
        return float(proposal["value"])

    @observe("applied", "rotation", "found", "given", "semi_angle")
    def _show(self, _: Any = None) -> None:
        used = self.used
        if used is None:
            self.applied = False
        taken = used if self.applied else None
        if self._scan.overview is None or taken == self._shown:
            return
        self._shown = taken
        self._show_com()

    def _descan_changed(self, change: Any) -> None:
        scan = self._scan
        if change["name"] == "in_vacuum" or scan.in_vacuum is not None:
            self.again()
        if scan.overview is not None and not self.applied:
            self._show_com()

    @property
    def frame(self) -> ComFrame:
        """Frame in which the channels of the COM are."""
        scan, taken = self._scan, self.used if self.applied else None
        if taken is None:
            return ComFrame(scan.axes, None, scan.descan_taken_off)
        axes = _scaled(scan.axes, taken.scale) if self.semi_angle else scan.axes
        return ComFrame(axes, taken, None)

    def _show_com(self, _: Any = None) -> None:
        overview, frame = self._scan.overview, self.frame
        assert overview is not None
        std = self._scan.com_std(frame.axes)
        unknown = (COM_ANGLE_STD,) if std is None else ()
        channels = com_channels(frame.deflection(overview), self._scan.axes, std)
        self._channels.put(*channels, drop=unknown)


def _scaled(axes: Axes, scale: PixelScale) -> Axes:
    ky, kx = (
        replace(axis, scale=size, units=scale.units)
        for axis, size in zip(axes[2:], (scale.y, scale.x), strict=True)
    )
    return Axes(axes.scan_y, axes.scan_x, ky, kx)
