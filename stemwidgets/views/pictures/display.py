"""Display of one picture: scaling, limits and colours, as one value."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.views.pictures.colors import TABLES

Limits = tuple[float, float]

SCALINGS = ("linear", "square root", "logarithmic", "power")
DIVERGING = "blue–white–orange"
RANGE = 1000.0  # three decades in a logarithm


@dataclass(frozen=True)
class Display:
    """Mapping of values to colours.

    `dataclasses.asdict` makes it plain JSON, and ``Display(**plain)`` a display of that.

    Parameters
    ----------
    scaling : {"linear", "square root", "logarithmic", "power"}
        Course of the colours from the lower limit to the upper one. A logarithm runs over three
        decades. Colours that diverge do so on either side of zero.
    exponent : float
        Exponent of the scaling ``"power"``; 0.1 to 10.
    percentiles : (low, high)
        Limits between which this much of the values lies [%], where `limits` are not given.
    limits : (low, high), optional
        Values with the first and the last colour, in the units of the values. For colours that
        diverge the larger of both counts, about zero.
    colors : str
        One of ``"viridis"``, ``"inferno"``, ``"cividis"``, ``"grey"``, ``"blue–white–orange"``;
        empty for those that suit the values.

    Raises
    ------
    InputError
        For any other scaling or colours, or limits that are none.

    Examples
    --------
    >>> sw.MapView(session, "sum").display = sw.Display("logarithmic", colors="inferno")
    """

    scaling: str = "linear"
    exponent: float = 0.5
    percentiles: Limits = (0.5, 99.5)
    limits: Limits | None = None
    colors: str = ""

    def __post_init__(self) -> None:
        if self.scaling not in SCALINGS:
            raise InputError(f"a scaling is {', '.join(SCALINGS)}, not {self.scaling!r}")
        if self.colors and self.colors not in TABLES:
            raise InputError(f"colours are {', '.join(TABLES)}, not {self.colors!r}")
        if not 0.1 <= self.exponent <= 10:
            raise InputError(f"an exponent lies between 0.1 and 10, not at {self.exponent!r}")
        low, high = _pair(self.percentiles, "percentiles")
        if not (low >= 0 and high <= 100):
            raise InputError(f"percentiles lie between 0 and 100, not {self.percentiles!r}")
        object.__setattr__(self, "percentiles", (low, high))
        if self.limits is not None:
            object.__setattr__(self, "limits", _pair(self.limits, "limits"))

    def table(self, suited: str) -> NDArray[np.float64]:
        """The colours, or those that suit the values."""
        return TABLES[self.colors or suited]

    def diverges(self, suited: str) -> bool:
        """True if the colours diverge from zero."""
        return (self.colors or suited) == DIVERGING

    def limits_of(self, values: NDArray[np.floating], suited: str) -> Limits:
        """Values with the first and the last colour."""
        finite = values[np.isfinite(values)]
        if self.diverges(suited):
            if self.limits is not None:
                limit = max(map(abs, self.limits))
            else:
                shares = self.percentiles[1], 100 - self.percentiles[0]
                limit = float(np.percentile(np.abs(finite), min(shares))) if finite.size else 0.0
            return -(limit or 1.0), limit or 1.0
        if self.limits is not None:
            return self.limits
        if not finite.size:
            return 0.0, 1.0
        low, high = np.percentile(finite, self.percentiles)
        return float(low), float(high)

    def tone(self, fraction: NDArray[np.float64], suited: str) -> NDArray[np.float64]:
        """Place along the colours (0 to 1) for each fraction of the way up the limits."""
        if not self.diverges(suited):
            return self._bent(fraction)
        side = 2 * fraction - 1
        return (1 + np.sign(side) * self._bent(np.abs(side))) / 2

    def _bent(self, fraction: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.scaling == "logarithmic":
            return np.log1p(RANGE * fraction) / math.log1p(RANGE)
        if self.scaling == "linear":
            return fraction
        return fraction ** (0.5 if self.scaling == "square root" else self.exponent)


def _pair(given: Limits, what: str) -> Limits:
    try:
        low, high = (float(edge) for edge in given)
    except (TypeError, ValueError):
        raise InputError(f"{what} are two numbers, not {given!r}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"{what} are two numbers, the lower one first, not {given!r}")
    return low, high
