"""Calibration of a microscope from one scan, as a record to apply, undo, save and print."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.calibration.electrons import wavelength
from stemwidgets.arrays.calibration.measure import Measured, PixelScale
from stemwidgets.arrays.calibration.report import findings
from stemwidgets.arrays.calibration.scan_rotation import ScanRotation
from stemwidgets.arrays.disc.find import Disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files.atomic import write_bytes
from stemwidgets.signals.calibration.calibrated import (
    calibrated_deflections,
    calibrated_signal,
    former_deflections,
    former_signal,
)
from stemwidgets.signals.io.records import from_json_values
from stemwidgets.signals.io.saving import require_free
from stemwidgets.signals.maps.center_of_mass import CenterOfMass

FORMAT = "stemwidgets calibration 1"
WIDTH = 14  # of the names in print
WITNESSES = ("dark field", "bright field", "divergence", "given")
LARGEST_SIZE = 10**6  # of an axis


@dataclass(frozen=True)
class Calibration:
    """Calibration of a scan, from :func:`stemwidgets.calibrate`.

    Parameters
    ----------
    scan_rotation : ScanRotation
        Rotation and handedness of the detector against the scan, and their certainty.
    descan : Descan
        Position of the undeflected beam on the detector, over the scan [px].
    disc : Disc
        The bright disc at the mean position of the beam [px].
    scale : PixelScale
        Size of a detector pixel.
    pattern_shape : (int, int)
        Detector pixels ``[ky, kx]``.
    semi_angle : float or None
        Convergence semi-angle [mrad].
    beam_energy : float or None
        Energy of the beam [keV].
    title : str
        Name of the scan.
    left_out : str
        Faults of the detector that are left out, in words.

    Examples
    --------
    >>> sw.Calibration.load("calibration.json").apply(signal)
    """

    scan_rotation: ScanRotation
    descan: Descan
    disc: Disc
    scale: PixelScale
    pattern_shape: tuple[int, int]
    semi_angle: float | None = None
    beam_energy: float | None = None
    title: str = ""
    left_out: str = ""

    @property
    def rotation(self) -> float:
        """Angle [rad, in (-π, π]] by which the detector frame is turned against that of the scan.

        ``v_detector = R(rotation) · (vx, handedness · vy)_scan`` with y down.
        """
        return self.scan_rotation.angle

    @property
    def handedness(self) -> int:
        """+1, or -1 where the detector is mirrored."""
        return self.scan_rotation.handedness

    @property
    def rotation_confidence(self) -> float:
        """Probability that rotation (with its sign) and handedness are right, from 0 to 1."""
        return self.scan_rotation.confidence

    @property
    def rotation_std(self) -> float:
        """Standard error of the rotation [rad], 180° aside; 0 where it was given."""
        return self.scan_rotation.std

    @property
    def resolved(self) -> bool:
        """True if the rotation is certain enough to turn vectors by it."""
        return self.scan_rotation.resolved

    @property
    def disc_center(self) -> tuple[float, float]:
        """``(ky, kx)`` [px] of the disc at the beam's mean position; NaN if no edge is seen."""
        return self.disc.center if self.disc.has_edge else (math.nan, math.nan)

    @property
    def disc_radius(self) -> float:
        """Radius of the disc [px along kx]; NaN if no edge is seen."""
        return self.disc.radius if self.disc.has_edge else math.nan

    @property
    def detector_scale(self) -> tuple[float, float]:
        """Size ``(ky, kx)`` of a detector pixel in :attr:`detector_units`."""
        return self.scale.y, self.scale.x

    @property
    def detector_units(self) -> str:
        """``"1/Å"``, ``"mrad"`` or ``"px"``."""
        return self.scale.units

    def apply(self, target: Any, descan: bool = True) -> Any:
        """Calibrate a centre of mass or a scan.

        Parameters
        ----------
        target : CenterOfMass or signal
            Result or patterns of the scan that was calibrated, or of one taken alike.
        descan : bool
            True to move patterns about their own centres where the beam wanders. It takes no
            rotation. False leaves all counts as they are, so that it can be undone.

        Returns
        -------
        CenterOfMass or signal
            The vectors of a `CenterOfMass`, less the departure of the descan
            from its mean, in the frame of the scan; those in px come in the unit of a pixel along
            kx. Its `positions` stay as they were read. Or a signal with calibrated detector axes:
            scaled, and zero at the centre of the disc. Its counts are the same (not a copy) where
            the beam rests; else it is lazy, and holds patterns about their own centres, without
            what is faulty. They are not turned: the record goes with them in the metadata, and
            their centre of mass has still to be calibrated, which then only turns it.

        Raises
        ------
        InputError
            If the shape or the units are others, it is calibrated already, or a centre of mass is
            to be turned by an unresolved rotation.
        """
        if isinstance(target, CenterOfMass):
            return calibrated_deflections(target, self.measured)
        shape = (*self.descan.shape, *self.pattern_shape)
        return calibrated_signal(target, shape, self.measured, self.to_json(), descan)

    def undo(self, target: Any) -> Any:
        """Undo :meth:`apply`.

        Parameters
        ----------
        target : CenterOfMass or signal
            Result of :meth:`apply`.

        Raises
        ------
        InputError
            If it is not calibrated, its shape or units are others, or patterns were moved.
        """
        if isinstance(target, CenterOfMass):
            return former_deflections(target, self.measured)
        return former_signal(target)

    def to_json(self, indent: int | None = None) -> str:
        """Write the record as JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=indent, ensure_ascii=False)

    def __str__(self) -> str:
        """A table of the results, with units and certainties."""
        (rows, columns), title = self.descan.shape, f" of {self.title}" if self.title else ""
        known = wavelength(self.beam_energy) if self.beam_energy else None
        lines = findings(self.measured, self.semi_angle, known).items()
        return "\n".join(
            [
                f"Calibration{title}, scan {rows}×{columns}",
                *(f"  {name:<{WIDTH}}{text}" for name, text in lines),
                *([f"  {self.left_out}"] if self.left_out else []),
            ]
        )

    @property
    def measured(self) -> Measured:
        """The calibration as it is used on arrays."""
        return Measured(self.scan_rotation, self.descan, self.disc, self.scale)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the record as JSON.

        Parameters
        ----------
        path : str or Path
            Ends in ``.json``.
        overwrite : bool
            True to replace a file that exists.

        Raises
        ------
        InputError
            If the name has another ending.
        FileExistsError
            If the file exists and `overwrite` is False.
        FileNotFoundError
            If the folder does not exist.
        UnwrittenError
            If the disk does not take it.
        """
        path = _json_path(path)
        require_free(path, overwrite)
        write_bytes(path, f"{self.to_json(indent=2)}\n".encode())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a record that was saved.

        Parameters
        ----------
        path : str or Path
            A file that :meth:`save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        InputError
            If it is damaged or holds something else.
        """
        path = _json_path(path)
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {path}; check the name and the folder.")
        return cls.from_json(path.read_bytes(), path.name)

    @classmethod
    def from_json(cls, text: str | bytes, name: str = "this text") -> Self:
        """Read the result of :meth:`to_json`, of an origin with that name.

        An InputError if it is damaged or something else.
        """
        try:
            record = json.loads(text)
            if record.pop("format") != FORMAT:
                raise KeyError("format")
            calibration = from_json_values(cls, record)
            _require_sense(calibration)
            return calibration
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"Expected a calibration saved by stemwidgets, got something else in {name}, "
                "or it is damaged. Calibrate again and save it."
            ) from error


def _require_sense(calibration: Calibration) -> None:
    """Refuse values that no calibration has, by a ValueError."""
    rotation, descan, disc = calibration.scan_rotation, calibration.descan, calibration.disc
    scale = calibration.scale
    positive = (disc.radius, disc.ellipse.ratio, abs(scale.y), abs(scale.x))
    known = (value for value in (calibration.semi_angle, calibration.beam_energy) if value)
    sizes = (*descan.shape, *calibration.pattern_shape)
    plain = (rotation.angle, *disc.center, disc.ellipse.angle)
    sense = (
        rotation.handedness in (1, -1)
        and rotation.witness in WITNESSES
        and descan.sound
        and all(1 <= size <= LARGEST_SIZE for size in sizes)
        and all(1e-30 < value < 1e30 for value in (*positive, *known))
        and all(map(math.isfinite, plain))
    )
    if not sense:
        raise ValueError("a value is out of range")


def _json_path(path: str | Path) -> Path:
    path = Path(path).expanduser()
    if path.suffix != ".json":
        raise InputError(f"Calibrations are kept in files that end in .json, got {path.name!r}.")
    return path
