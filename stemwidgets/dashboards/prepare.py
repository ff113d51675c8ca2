"""Preparation of a scan: calibration, choice of what a training learns from, components."""

from typing import Any

from stemwidgets.dashboards.dashboard import SIZE, Dashboard, session_of
from stemwidgets.views.calibration_panel import CalibrationPanel
from stemwidgets.views.decomposition_panel import DecompositionPanel
from stemwidgets.views.map_view import MapView
from stemwidgets.views.preparation_panel import PreparationPanel
from stemwidgets.views.scan_report import ScanReportView


def prepare(source: Any, lazy: bool = False, mode: str = "desk", **load_options: Any) -> Dashboard:
    """Report, calibration, preparation and components of a scan beside its maps.

    Settings stay with the session: ``rrvae_dashboard(page.session)`` goes on with them.

    Parameters
    ----------
    source, lazy, mode, **load_options
        As for :func:`stemwidgets.explore`, as are the page and the errors.

    Examples
    --------
    >>> page = sw.prepare("scan.zspy")
    >>> sw.rrvae_dashboard(page.session)
    """
    session = session_of(source, lazy, mode, load_options, "prepare")
    parts: dict[str, Any] = {
        "report": ScanReportView(session),
        "com_angle": MapView(session, "COM angle", SIZE),
        "component": MapView(session, "PCA 1", SIZE),
        "calibration": CalibrationPanel(session, SIZE),
        "preparation": PreparationPanel(session, SIZE),
        "decomposition": DecompositionPanel(session),
    }
    for name in ("calibration", "decomposition"):  # what is beside pictures in the last column
        layout = parts[name].layout
        layout.width, layout.flex, layout.max_width = None, "1 1 320px", "656px"
    return Dashboard(session, parts, mode)
