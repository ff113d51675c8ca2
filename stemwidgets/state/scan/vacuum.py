"""Descan of a session's scan from vacuum: in a region, or on another scan."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.calibration.vacuum import InVacuum, caution, fit_in_vacuum
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import FIND
from stemwidgets.state.background.worker import Mailbox
from stemwidgets.state.scan.computing import Computing
from stemwidgets.state.scan.scan import Scan

ReadFile = Callable[[str, tuple[int, ...], Any], tuple[Descan, str]]


class Vacuum(Computing):
    """Measurement of the descan in vacuum, in the background, as the scan's `in_vacuum`.

    The measurement is repeated when other pixels are left out.

    Parameters
    ----------
    scan, mailbox
        As for `Computing`.

    Attributes
    ----------
    read_file : callable
        Measures the descan of a file for a scan of this shape, leaving out faulty pixels or not,
        and gives reasons why it may not hold.
    """

    def __init__(self, scan: Scan, mailbox: Mailbox) -> None:
        super().__init__(scan, mailbox)
        self.read_file: ReadFile = _cannot_read
        self._again: Callable[[], None] | None = None
        scan.observe(self._measure_again, "overview")

    def in_region(self, region: NDArray[np.bool_] | None) -> None:
        """Measure it at some positions, bool ``[iy, ix]``; the work fails if there are none."""
        overview = self._scan.overview
        self._again = lambda: self.in_region(region)

        def work() -> InVacuum:
            if region is None:
                raise InputError(
                    "Expected a region in vacuum. Draw one on a map first: Rectangle or Lasso."
                )
            if overview is None:
                raise InputError("The scan is still being read. Measure again when its maps show.")
            known = region & np.isfinite(overview.com).all(axis=-1)
            found = fit_in_vacuum(overview.com, region)
            note = caution(overview.com, known, found)
            return InVacuum(found, int(known.sum()), note=note)

        self._compute(work, self._keep)

    def on_scan(self, path: str) -> None:
        """Measure it on another scan, of vacuum.

        Parameters
        ----------
        path : str
            File of that scan, with as many positions and pixels.
        """
        scan = self._scan
        faulty = FIND if scan.leave_out else None
        self._again = lambda: self.on_scan(path)

        def work() -> InVacuum:
            found, note = self.read_file(path, scan.shape, faulty)
            return InVacuum(found, int(np.prod(scan.shape[:2])), path.strip(), note)

        self._compute(work, self._keep)

    def forget(self) -> None:
        """Return to the descan that is found in the scan."""
        self._again = None
        self._forget()
        self._scan.in_vacuum = None

    def restore(self, measured: InVacuum | None) -> None:
        """Restore an earlier measurement; None for nothing."""
        self.forget()
        if measured is not None:
            self._keep(measured)
            self.set_trait("status", "finished")

    def _keep(self, measured: InVacuum) -> None:
        self._scan.in_vacuum = measured

    def _measure_again(self, change: Any) -> None:
        if change["old"] is not None and self._again is not None and not self._scan.closed:
            self._again()


def _cannot_read(path: str, shape: tuple[int, ...], faulty: Any) -> tuple[Descan, str]:
    raise InputError("This session cannot read files. Open the scan with stemwidgets.Session.")
