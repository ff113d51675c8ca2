"""Band limit of the scan that a function or a model is given."""

from typing import Any

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.centring.find import identity
from stemwidgets.arrays.scan_report.choose_limit import (
    AUTO,
    USING,
    choose_limit,
    require_band_limit,
)
from stemwidgets.arrays.scan_report.limit_of import ChosenLimit
from stemwidgets.signals.conversion import is_plain_array
from stemwidgets.signals.metadata.title_and_beam import beam_energy, semi_angle


class LimitChoice:
    """Band limit that a user asks for, and the one that it comes to on a scan.

    Parameters
    ----------
    band_limit : "auto", None or float
        As for :class:`stemwidgets.RRVAE`; an InputError if it is something else.
    periodic : bool
        True if the scan goes on at its other edge.
    kind : str
        Kind of model; those of networks read each pattern by itself.

    Attributes
    ----------
    used : "auto", None or float
        Band limit asked for; None for a kind of model that reads each pattern by itself.
    chosen : ChosenLimit or None
        Limit of the last scan.
    """

    def __init__(self, band_limit: Any, periodic: bool, kind: str = USING) -> None:
        self.band_limit, self.periodic = require_band_limit(band_limit), bool(periodic)
        self.used = self.band_limit if kind == USING else None
        self.chosen: ChosenLimit | None = None
        self._scan: Any = None

    @property
    def settings(self) -> dict[str, Any]:
        """Parameters that differ from their defaults."""
        differ = {} if self.band_limit == AUTO else {"band_limit": self.band_limit}
        return {**differ, **({"periodic": True} if self.periodic else {})}

    def of(self, source: Any, data: Any, axes: Axes) -> BandLimit | None:
        """Limit of a scan, whose patterns are read as `data`; found once for each scan.

        A plain array has no calibration: an InputError if a limit in 1/Å was given.
        """
        if self.used is None or (self.used == AUTO and is_plain_array(source)):
            return None
        known = identity(data)
        if known is None or self._scan != known or self.chosen is None:
            beam: dict[str, Any] = {}
            if hasattr(source, "metadata"):
                beam = {"beam_energy": beam_energy(source), "semi_angle": semi_angle(source)}
            self.chosen = choose_limit(data, axes, self.used, self.periodic, **beam)
            self._scan = known
        return self.chosen.limit
