"""What the served page shows: a dashboard, or in words why there is none."""

import html
import traceback

import ipywidgets

from stemwidgets.arrays.errors import InputError


def page(source: str | None, *, explore: bool = False) -> ipywidgets.Widget:
    """Build the dashboard of a scan, or a page that says what is wrong with it.

    Parameters
    ----------
    source : str or None
        Path of the scan; None stands for the shipped graphene.
    explore : bool
        Build the dashboard for looking, without the rrVAE.
    """
    try:
        return _dashboard(source, explore)
    except (InputError, OSError) as error:
        return _problem(str(error))
    except Exception as error:
        return _problem(f"{type(error).__name__}: {error}", traceback.format_exc())


def _dashboard(source: str | None, explore: bool) -> ipywidgets.Widget:
    import stemwidgets as sw

    scan = sw.samples.graphene() if source is None else source
    dashboard: ipywidgets.Widget = sw.explore(scan) if explore else sw.rrvae_dashboard(scan)
    return dashboard


def _problem(message: str, details: str = "") -> ipywidgets.Widget:
    folded = f"<details><summary>Details</summary><pre>{html.escape(details)}</pre></details>"
    return ipywidgets.HTML(
        "<h2>This scan cannot be shown</h2>"
        f"<p style='font-size:120%'>{html.escape(message)}</p>{folded if details else ''}"
    ).add_class("stemwidgets-problem")
