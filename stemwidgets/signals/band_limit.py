"""Band limit of the scan that a function or a model is given."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.band_limit.maps import neighbours_of
from stemwidgets.arrays.band_limit.patterns import limited_patterns
from stemwidgets.arrays.center_of_mass import centroids, moments
from stemwidgets.arrays.centring.find import identity
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import FIND, clean_scan
from stemwidgets.arrays.scan_report.choose_limit import (
    AUTO,
    USING,
    choose_limit,
    require_band_limit,
)
from stemwidgets.arrays.scan_report.limit_of import ChosenLimit
from stemwidgets.signals.check import with_beam
from stemwidgets.signals.conversion import arrays_to_signal, is_plain_array
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


def band_limited(
    source: Any,
    band_limit: str | float = AUTO,
    periodic: bool = False,
    faulty: Any = FIND,
) -> Any:
    """Scan whose patterns are read with their neighbours: without the shot noise beyond 2α/λ.

    The intensity in every pixel of the detector, over the position of the probe, holds no scan
    frequency beyond 2α/λ, however thick the specimen (Rodenburg & Bates, Phil. Trans. R. Soc. A
    339, 521 (1992), doi:10.1098/rsta.1992.0050). The waves that the probe can make are fitted to
    the scan, each as strong as there are pairs of points of the aperture that make it; without
    noise a scan comes back unchanged. The noise that is left is alike in neighbouring patterns.

    Parameters
    ----------
    source : signal, path or array
        A HyperSpy or pyxem signal, a file, or an array ``[iy, ix, ky, kx]``; lazy data stay lazy.
    band_limit : "auto" or float
        Highest scan frequency [1/Å]; "auto": 2α/λ of the direct beam or the semi-angle.
    periodic : bool
        True if the scan goes on at its other edge, as a simulation of whole unit cells does.
    faulty : "find" or None
        As for :func:`stemwidgets.center_of_mass`.

    Returns
    -------
    ElectronDiffraction2D
        Patterns of float32 in counts, some below 0 where few electrons were counted; 0 where a
        pattern has none.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If the scan does not keep to the limit, or there is nothing to gain: see the message; if the
        scan axes are not calibrated.

    Examples
    --------
    >>> clearer = sw.band_limited(signal)
    """
    data, axes, title, known = with_beam(source)
    clean = clean_scan(data, faulty)
    beam = {name: known[name] for name in ("beam_energy", "semi_angle")}
    chosen = choose_limit(data, axes, require_band_limit(band_limit), periodic, **beam)
    if chosen.limit is None:
        raise InputError(
            f"Expected a scan that gains by its neighbours. {chosen.words} "
            "Pass the limit as band_limit=… [1/Å] if you know better."
        )
    sums = moments(clean.data, clean.mask)
    first = sums[..., 1:] - centroids(sums.sum(axis=(0, 1))) * sums[..., :1]
    missing: NDArray[np.bool_] = np.asarray(~(sums[..., 0] > 0))
    neighbours = neighbours_of(first, chosen.limit, missing)
    result = arrays_to_signal(limited_patterns(clean.data, neighbours), axes, title)
    result.metadata.add_dictionary(
        source.metadata.as_dictionary() if hasattr(source, "metadata") else {}
    )
    result.metadata.set_item("Stemwidgets.band_limit", chosen.limit.frequency)
    return result
