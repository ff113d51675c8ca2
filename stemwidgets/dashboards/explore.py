"""First look: a linked map, the pattern, a virtual detector and the centre of mass."""

from typing import Any

from stemwidgets.dashboards.added_maps import AddedMaps
from stemwidgets.dashboards.dashboard import SIZE, Dashboard, session_of
from stemwidgets.views.detector_panel import DetectorPanel
from stemwidgets.views.export_panel import ExportPanel
from stemwidgets.views.map_view import MapView
from stemwidgets.views.pattern_view import PatternView
from stemwidgets.views.profile_view import ProfileView
from stemwidgets.views.readout_view import ReadoutView


def explore(source: Any, lazy: bool = False, mode: str = "desk", **load_options: Any) -> Dashboard:
    """Maps of a scan beside the pattern, with an annular virtual detector.

    Parameters
    ----------
    source : path, signal, array or Session
        The scan.
    lazy : bool
        Leave a file's patterns on disk and read them in the background.
    mode : {"desk", "present"}
        Layout for a screen, or large for a projector.
    **load_options
        Options of `stemwidgets.load`, for a file: ``scan_shape``, ``flyback``, ``dataset`` …

    Returns
    -------
    Dashboard
        To be displayed; ``.session`` and ``.parts`` drive it from code.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If this is no scan of diffraction patterns, or for an unknown keyword or mode.

    Examples
    --------
    >>> page = sw.explore(signal)
    >>> page.session.position = (3, 10)
    """
    session = session_of(source, lazy, mode, load_options, "explore")
    parts: dict[str, Any] = {
        "map": MapView(session, "sum", SIZE),
        "pattern": PatternView(session, reconstruction=False, size=SIZE),
        "detector": DetectorPanel(session),
        "virtual_detector": MapView(session, "virtual detector", SIZE),
        "com_angle": MapView(session, "COM angle", SIZE),
        "com_magnitude": MapView(session, "COM magnitude", SIZE),
        "readout": ReadoutView(session),
        "profile": ProfileView(session, width=SIZE),
        "added": AddedMaps(session, SIZE),
        "take_away": ExportPanel(session),
    }
    return Dashboard(session, parts, mode)
