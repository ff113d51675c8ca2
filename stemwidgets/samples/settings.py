"""Settings of a simulation, checked before hours are spent on it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from stemwidgets.arrays.calibration.electrons import wavelength
from stemwidgets.arrays.errors import InputError

LEAST_EXTENT = 25.0  # [Å], of the cell that the probe is put into
RESOLVABLE = 2 / 3  # of the highest frequency, by abTEM's guard against aliasing

Pair = tuple[float, float]
Shape = tuple[int, int]


@dataclass(frozen=True)
class Settings:
    """Arguments of `stemwidgets.simulate`, y before x; see there.

    Raises
    ------
    InputError
        If a value is out of range; the message says which and what is expected.
    """

    beam_energy: float
    semi_angle: float
    defocus: float
    scan_shape: Shape
    scan_start: Pair
    scan_size: Pair
    scan_rotation: float
    source_size: float
    frozen_phonons: int
    displacement: float
    detector_shape: Shape
    max_angle: float | None
    repeats: Shape
    sampling: Pair
    slice_thickness: float
    dose: float | None
    seed: int

    def __post_init__(self) -> None:
        """Refuse settings that cannot be simulated."""
        positive = ("beam_energy", "semi_angle", "slice_thickness", "displacement")
        for name in positive:
            self._require(name, 0 < getattr(self, name) < 1e5, "a positive number")
        for name in ("defocus", "scan_rotation"):
            self._require(name, bool(np.isfinite(getattr(self, name))), "a number")
        self._require("source_size", 0 <= self.source_size < 100, "a width in Å, from 0")
        self._require("frozen_phonons", 0 <= self.frozen_phonons <= 1000, "a number from 0 to 1000")
        for name in ("scan_shape", "repeats"):
            self._require(name, min(getattr(self, name)) >= 1, "two positive whole numbers (y, x)")
        self._require("detector_shape", min(self.detector_shape) >= 8, "at least 8 × 8 pixels")
        for name in ("scan_size", "sampling"):
            self._require(name, min(getattr(self, name)) > 0, "positive lengths (y, x) in Å")
        highest = self.highest_angle
        finer = f"less than {highest:.0f} mrad; for more choose a smaller sampling"
        self._require("semi_angle", self.semi_angle < highest, finer)
        if self.dose is not None:
            self._require("dose", 0 < self.dose <= 1e8, "0 to 1e8 electrons per pattern")
        if self.max_angle is not None:
            self._require("max_angle", self.max_angle > self.semi_angle, "more than the semi-angle")

    @property
    def highest_angle(self) -> float:
        """Largest scattering angle that the sampling of the specimen allows [mrad]."""
        return RESOLVABLE * 1e3 * wavelength(self.beam_energy) / (2 * max(self.sampling))

    @property
    def step(self) -> Pair:
        """Distance of scan positions, (y, x) in Å."""
        rows, columns = self.scan_shape
        return self.scan_size[0] / rows, self.scan_size[1] / columns

    @property
    def sigma(self) -> Pair:
        """Standard deviation of the source, (y, x) in scan steps."""
        width = self.source_size / np.sqrt(8 * np.log(2))
        return width / self.step[0], width / self.step[1]

    @property
    def margin(self) -> Shape:
        """Rows and columns that are scanned around the scan, for the blur of the source."""
        down, along = (int(np.ceil(3 * sigma)) for sigma in self.sigma)
        return down, along

    def positions(self, steps: np.ndarray | None = None) -> np.ndarray:
        """Places of the probe in the specimen, ``[..., 2]``, (y, x) in Å.

        Parameters
        ----------
        steps : ndarray, shape [..., 2], optional
            Places in the scan, (y, x) in steps from the first position; all positions of the
            scan, ``[iy, ix, 2]``, if not given.
        """
        if steps is None:
            steps = np.moveaxis(np.indices(self.scan_shape), 0, -1)
        y, x = np.moveaxis((steps - np.array(self.scan_shape) / 2) * self.step, -1, 0)
        cos, sin = np.cos(self.scan_rotation), np.sin(self.scan_rotation)
        turned = np.stack([sin * x + cos * y, cos * x - sin * y], axis=-1)
        middle = np.array(self.scan_start) + np.array(self.scan_size) / 2
        return np.asarray(turned + middle)

    def in_scan(self, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places of the specimen in the frame of the scan axes, y and x in Å."""
        down = np.asarray(y) - self.scan_start[0] - self.scan_size[0] / 2
        along = np.asarray(x) - self.scan_start[1] - self.scan_size[1] / 2
        cos, sin = np.cos(self.scan_rotation), np.sin(self.scan_rotation)
        return (
            cos * down - sin * along + self.scan_size[0] / 2,
            cos * along + sin * down + self.scan_size[1] / 2,
        )

    def _require(self, name: str, holds: Any, expected: str) -> None:
        if not holds:
            raise InputError(f"{name}: expected {expected}, got {getattr(self, name)!r}.")


def pair(value: Any, name: str, kind: type = float) -> tuple[Any, Any]:
    """Two numbers (y, x); one number stands for both. An InputError if it is neither."""
    try:
        first, second = (value, value) if np.ndim(value) == 0 else value
        numbers = kind(first), kind(second)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: expected two numbers (y, x), got {value!r}.") from error
    if not np.allclose(numbers, (first, second), rtol=0, atol=0):
        raise InputError(f"{name}: expected whole numbers (y, x), got {value!r}.")
    return numbers
