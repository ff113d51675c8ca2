"""Band limit of a session's scan: as it is asked for, and the one that it comes to."""

from collections.abc import Callable
from threading import Lock
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Instance, observe, validate

from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.scan_report.choose_limit import (
    AUTO,
    Asked,
    choose_limit,
    require_band_limit,
)
from stemwidgets.arrays.scan_report.limit_of import ChosenLimit, given_limit
from stemwidgets.state.background.worker import Mailbox
from stemwidgets.state.scan.computing import Computing
from stemwidgets.state.scan.scan import Scan


class BandLimiting(Computing):
    """Find the band limit of a scan in the background, when it is first needed.

    Parameters
    ----------
    scan, mailbox
        As for `Computing`.

    Attributes
    ----------
    band_limit : "auto", None or float
        Highest scan frequency [1/Å] below which patterns are read with their neighbours; "auto" is
        2α/λ where the scan keeps to it, None is none.
    wanted : bool
        True once the limit was asked for.
    chosen : ChosenLimit or None
        Limit that it comes to, in words, too; None until it was asked for and found.
    """

    band_limit = AnyTrait(AUTO)
    chosen = Instance(ChosenLimit, allow_none=True, read_only=True)

    def __init__(self, scan: Scan, mailbox: Mailbox) -> None:
        super().__init__(scan, mailbox)
        self.wanted = False
        self._found: dict[tuple[Asked, bool], ChosenLimit] = {}
        self._finding = Lock()  # patterns are read once, whichever thread asks first
        scan.observe(self._find, "overview")

    @validate("band_limit")
    def _possible(self, proposal: Any) -> Asked:
        asked = require_band_limit(proposal["value"])
        if isinstance(asked, float):
            given_limit(asked, self._scan.axes)
        return asked

    @property
    def known(self) -> ChosenLimit | None:
        """Limit that the session's comes to, be it found for a model; None before."""
        return self._found.get((self.band_limit, False))

    @property
    def limit(self) -> BandLimit | None:
        """Limit that is used; None if none is, or it is not known yet."""
        return None if self.chosen is None else self.chosen.limit

    def ask(self) -> None:
        """Request the limit, which is found once the scan has been read."""
        if not self.wanted:
            self.wanted = True
            self._find()

    def find(self, asked: Asked, periodic: bool = False) -> ChosenLimit:
        """Limit that is asked for, found once; in the background, as patterns may be read."""
        scan, key = self._scan, (asked, periodic)
        with self._finding:
            if key not in self._found:
                beam = scan.beam_energy, scan.semi_angle
                self._found[key] = choose_limit(scan.data, scan.axes, asked, periodic, *beam)
            return self._found[key]

    def for_model(self, model: Any) -> BandLimit | None:
        """Limit with which a model reads the scan, likewise; None for one without neighbours."""
        asked = getattr(model, "limiting", None)
        if asked is None or asked.used is None:
            return None
        limit = self.find(asked.used, asked.periodic).limit
        self._mailbox.post("band limit", self.ask)
        return limit

    def making(self, make_model: Callable[..., Any]) -> Callable[..., Any]:
        """A maker of models that are asked for the limit of the session, unless for another."""

        def make(**options: Any) -> Any:
            if self.band_limit != AUTO:
                options = {"band_limit": self.band_limit, **options}
            return make_model(**options)

        return make

    @observe("band_limit")
    def _find(self, _: Any = None) -> None:
        scan, asked = self._scan, self.band_limit
        if self.wanted and scan.overview is not None and not scan.closed:
            self._compute(lambda: self.find(asked), lambda found: self.set_trait("chosen", found))
