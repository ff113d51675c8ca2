"""A camera and a scan with faults, as an experiment has them."""

from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

from stemwidgets.arrays.errors import InputError


@dataclass(frozen=True)
class Camera:
    """Faults of a camera and of the scan in front of it; with none given, an ideal camera.

    Sizes are given here; places, directions and values are drawn, each fault from a random
    generator of its own, so that one fault looks the same alone and among others.

    Parameters
    ----------
    descan : float
        Shift of the pattern on the detector while the probe goes from the first row of the
        scan to the last, and from the first column to the last [pixels]: a plane over the scan, its
        direction drawn.
    jump : float
        Jump of the pattern on the detector [pixels] at a line that is drawn from the middle
        half of the scan, in a direction that is drawn, and stays.
    gain : float
        Relative standard deviation of the gain of the pixels, as a share of 1.
    hot : int
        Number of hot pixels, each as bright in every pattern as 3 to 30 of the brightest pixels of
        the mean pattern.
    dead, dead_columns, dead_pixels : int
        Number of rows, of columns and of single pixels that read zero; rows and columns in the
        middle half of the detector, where the direct beam is.
    cosmic_rays : int
        Number of cosmic rays: each strikes one pixel of one pattern, 20 to 200 times as bright as
        the brightest pixel of the mean pattern.
    quad_gaps : int
        Width of the gaps between the four quadrants [pixels]: rows and columns through the middle
        that read zero.
    readout_noise : float
        Standard deviation of the noise of each pixel of each pattern [electrons]. The counts are
        signed then, as after the subtraction of a dark pattern.
    saturation : float
        Largest count of a pixel; 0 for no limit.
    jitter : float
        Standard deviation of the error of each position, along each axis [Å].
    line_jitter : float
        Standard deviation of the error that the positions of a line have in common, along each axis
        [Å].
    drift : float
        Drift of the specimen during the scan, steadily and in a direction that is drawn, as a
        share of the field.

    Raises
    ------
    InputError
        If a value is out of range; the message says which and what is expected.

    Examples
    --------
    >>> sw.samples.experiment(camera=sw.Camera(hot=6, descan=0.5))
    """

    descan: float = 0.0
    jump: float = 0.0
    gain: float = 0.0
    hot: int = 0
    dead: int = 0
    dead_columns: int = 0
    dead_pixels: int = 0
    cosmic_rays: int = 0
    quad_gaps: int = 0
    readout_noise: float = 0.0
    saturation: float = 0.0
    jitter: float = 0.0
    line_jitter: float = 0.0
    drift: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that no camera has."""
        for field in fields(self):
            self._require(field.name, getattr(self, field.name), whole=field.type is int)

    @property
    def moves_positions(self) -> bool:
        """True if the probe is elsewhere than the scan says."""
        return bool(self.jitter or self.line_jitter or self.drift)

    def _require(self, name: str, value: Any, whole: bool) -> None:
        highest, unit = LIMITS.get(name, (WHOLE_LIMIT, ""))
        kind = Integral if whole else Real
        number = isinstance(value, kind) and not isinstance(value, bool)
        if not (number and 0 <= value <= highest):
            what = "a whole number" if whole else "a number"
            raise InputError(f"{name}: expected {what}{unit} from 0 to {highest:g}, got {value!r}.")


WHOLE_LIMIT = 10_000  # rows, pixels or cosmic rays: more than a detector of any sample has to lose
LIMITS = {  # highest value of a fault, and its unit: more is rather a mistake
    "descan": (100.0, " of pixels"),
    "jump": (100.0, " of pixels"),
    "gain": (0.5, " (a share of 1)"),
    "readout_noise": (1e4, " of electrons"),
    "saturation": (1e9, " of counts"),
    "jitter": (10.0, " of Å"),
    "line_jitter": (10.0, " of Å"),
    "drift": (0.5, " (a share of the field)"),
}
