"""Scatter of a quantity over a scan, beyond the noise of counting."""

from dataclasses import dataclass

BY_CHANCE = 1e-4  # probability that noise feigns so much


@dataclass(frozen=True)
class Scatter:
    """Scatter beyond noise, in the units of the quantity.

    Parameters
    ----------
    rms : float
        Root mean square.
    error : float
        Standard error of `rms`, or an upper limit of it where it does not stand out.
    stands_out : bool
        True if it is more than noise.
    """

    rms: float
    error: float
    stands_out: bool
