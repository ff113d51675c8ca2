"""How far something scatters over a scan, beyond the noise of counting."""

from dataclasses import dataclass

BY_CHANCE = 1e-4  # probability that noise feigns so much


@dataclass(frozen=True)
class Scatter:
    """Scatter beyond noise, in the units of what scatters.

    Parameters
    ----------
    rms : float
        Root mean square.
    error : float
        Standard error of `rms`, or where it does not stand out what it may be at most.
    stands_out : bool
        Whether it is more than noise.
    """

    rms: float
    error: float
    stands_out: bool
