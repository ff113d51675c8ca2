"""What the served page shows: a dashboard, or in words why there is none."""

import html
import traceback
from typing import Any

import ipywidgets

from stemwidgets.arrays.errors import InputError


def page(path: str | None, *, explore: bool, **load_options: Any) -> ipywidgets.Widget:
    """Build the dashboard of a scan, or a page that says what is wrong with it.

    Parameters
    ----------
    path : str or None
        The scan; None stands for the shipped graphene.
    explore : bool
        Build the dashboard for looking, without the rrVAE.
    **load_options
        Passed to `stemwidgets.load`.
    """
    try:
        return _dashboard(path, explore, load_options)
    except (InputError, OSError) as error:
        return _problem(str(error))
    except Exception as error:
        return _problem(f"{type(error).__name__}: {error}", traceback.format_exc())


def _dashboard(path: str | None, explore: bool, load_options: dict[str, Any]) -> ipywidgets.Widget:
    import stemwidgets as sw

    signal = sw.samples.graphene() if path is None else sw.load(path, **load_options)
    dashboard: ipywidgets.Widget = sw.explore(signal) if explore else sw.rrvae_dashboard(signal)
    return dashboard


def _problem(message: str, details: str = "") -> ipywidgets.Widget:
    from stemwidgets.dashboards.dashboard import problem_page

    page = problem_page(message)
    if details:
        folded = f"<details><summary>Details</summary><pre>{html.escape(details)}</pre></details>"
        page = ipywidgets.VBox([page, ipywidgets.HTML(folded)])
    return page.add_class("stemwidgets-problem")
