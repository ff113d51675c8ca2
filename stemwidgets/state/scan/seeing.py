"""A scan that was read, with what its session knows of it, for reports and spectra."""

from collections.abc import Callable

from stemwidgets.arrays.faults.clean import faults_of
from stemwidgets.arrays.overview import Overview
from stemwidgets.arrays.scan_report.checking import seen_of
from stemwidgets.arrays.scan_report.seen import Seen
from stemwidgets.state.scan.scan import Scan


def seeing(scan: Scan, overview: Overview) -> Callable[[], Seen]:
    """Function that reads a few patterns again, in the background, and gives the scan as seen.

    What the session knows is taken now.
    """
    found, counts_faulty, leaves_descan = scan.left_out, not scan.leave_out, not scan.take_off

    def see() -> Seen:
        data, axes = scan.data, scan.axes
        return seen_of(
            data,
            axes,
            overview,
            faults_of(data) if found is None else found,
            counts_faulty=counts_faulty,
            leaves_descan=leaves_descan,
            beam_energy=scan.beam_energy,
            semi_angle=scan.semi_angle,
            notes=scan.notes,
        )

    return see
