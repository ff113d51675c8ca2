"""What the served page shows: a dashboard, or in words why there is none."""

import html
import os
import traceback
from typing import Any

import ipywidgets

from stemwidgets.arrays.errors import InputError


def page(
    path: str | None, *, explore: bool, folder: str | None = None, **load_options: Any
) -> ipywidgets.Widget:
    """Build the dashboard of a scan, or a page that says what is wrong with it.

    Parameters
    ----------
    path : str or None
        The scan; None stands for the shipped graphene.
    explore : bool
        Build the dashboard for looking, without the rrVAE.
    folder : str, optional
        Where the results are written; where the page runs if not given.
    **load_options
        Passed to `stemwidgets.load`.
    """
    try:
        if folder is not None:
            os.chdir(folder)
        return _dashboard(path, explore, load_options)
    except (InputError, OSError) as error:
        return _problem(str(error))
    except Exception as error:
        return _problem(f"{type(error).__name__}: {error}", traceback.format_exc())


def _dashboard(path: str | None, explore: bool, load_options: dict[str, Any]) -> ipywidgets.Widget:
    import stemwidgets as sw

    if path is None:
        source = sw.samples.graphene()
    elif load_options.keys() <= {"lazy"}:
        source = sw.Session(path, **load_options)
    else:
        source = sw.load(path, **load_options)
    dashboard: ipywidgets.Widget = sw.explore(source) if explore else sw.rrvae_dashboard(source)
    return dashboard


def _problem(message: str, details: str = "") -> ipywidgets.Widget:
    from stemwidgets.dashboards.dashboard import problem_page

    page = problem_page(message)
    if details:
        folded = f"<details><summary>Details</summary><pre>{html.escape(details)}</pre></details>"
        page = ipywidgets.VBox([page, ipywidgets.HTML(folded)])
    return page.add_class("stemwidgets-problem")
