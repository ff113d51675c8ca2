"""Read a scan once and report on it."""

from collections.abc import Callable, Iterator
from typing import Any

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.faults.clean import FIND, clean_scan
from stemwidgets.arrays.faults.left_out import LeftOut
from stemwidgets.arrays.overview import Overview, Reading
from stemwidgets.arrays.scan_report import of_the_beam, of_the_camera, of_the_scan, of_the_spectrum
from stemwidgets.arrays.scan_report.counting import counting_of_sound, neighbouring_runs
from stemwidgets.arrays.scan_report.findings import Finding
from stemwidgets.arrays.scan_report.report import ScanReport
from stemwidgets.arrays.scan_report.seen import Seen

FINDINGS: tuple[Callable[[Seen], Finding], ...] = (
    of_the_beam.units,
    of_the_scan.frames,
    of_the_camera.faulty_pixels,
    of_the_camera.single_events,
    of_the_camera.gain,
    of_the_camera.saturation,
    of_the_beam.direct_beam,
    of_the_beam.ellipse,
    of_the_scan.descan,
    of_the_scan.scan_rotation,
    of_the_scan.line_jitter,
    of_the_scan.drift,
    of_the_spectrum.band_limit,
    of_the_beam.dose,
    of_the_beam.beam_current,
    of_the_beam.angle,
)


class Checking:
    """A report in progress.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        Counts; numpy or dask, which is streamed.
    axes : Axes
        Calibration of the scan.
    title : str
        Name of the scan.
    **known
        As for :func:`seen_of`.
    """

    def __init__(self, data: Any, axes: Axes, title: str = "", **known: Any) -> None:
        self._data, self._axes, self._title, self._known = data, axes, title, known
        self._clean = clean_scan(data, FIND)
        clean = self._clean
        self._reading = Reading(clean.data, clean.mask, True, axes.pixel_size)

    def steps(self) -> Iterator[float]:
        """Read the scan once; yields the share that has been read.

        An InputError if a pixel is not finite.
        """
        yield from self._reading.steps()

    def report(self) -> ScanReport:
        """Report on what has been read."""
        return report_on(self.seen(), self._title)

    def seen(self) -> Seen:
        """Result of the reading, for the findings."""
        read, faults = self._reading.overview(), self._clean.told
        return seen_of(self._data, self._axes, read, faults, **self._known)


def seen_of(data: Any, axes: Axes, overview: Overview, left_out: LeftOut, **known: Any) -> Seen:
    """A scan that was read, with the noise of a few patterns, which are read again.

    `left_out` are its faults, with the single events that were found; `known` is what else is
    known, as `Seen` takes it: ``counts_faulty``, ``leaves_descan``, ``beam_energy`` and
    ``semi_angle``, ``notes``.
    """
    runs = neighbouring_runs(data)
    counting = counting_of_sound(runs, left_out)
    return Seen(axes, overview, left_out, counting, runs, **known)


def report_on(seen: Seen, title: str = "") -> ScanReport:
    """Report on a scan that was read."""
    return ScanReport(title, tuple(find(seen) for find in FINDINGS))
