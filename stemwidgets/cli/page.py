"""Contents of the served page: a dashboard, or in words why there is none."""

import atexit
import html
import os
import traceback
from pathlib import Path
from typing import Any

import ipywidgets

from stemwidgets.arrays.errors import InputError
from stemwidgets.cli.load_options import as_options
from stemwidgets.signals.io.frames import SeveralScansError, UnknownScanError


def page(
    path: str | None, *, explore: bool, folder: str | None = None, **load_options: Any
) -> ipywidgets.Widget:
    """Build the dashboard of a scan, or a page that states what is wrong with it.

    Without a path it is the shipped graphene; `explore` leaves out the rrVAE; results go into
    `folder`, or the working folder of the page.
    """
    try:
        if folder is not None:
            os.chdir(folder)
        return _dashboard_or_question(path, explore, load_options)
    except (InputError, OSError) as error:
        return _problem(as_options(str(error)))
    except Exception as error:
        return _problem(f"{type(error).__name__}: {error}", traceback.format_exc())


def end_promptly() -> None:
    """Let this process end without cleaning up, for which torch needs seconds.

    Functions registered with `atexit` later, such as the end of a training, run before.
    """
    atexit.register(os._exit, 0)


def _dashboard(path: str | None, explore: bool, load_options: dict[str, Any]) -> ipywidgets.Widget:
    import stemwidgets as sw

    source = sw.samples.graphene() if path is None else sw.Session(path, **load_options)
    dashboard: ipywidgets.Widget = sw.explore(source) if explore else sw.rrvae_dashboard(source)
    return dashboard


def _dashboard_or_question(
    path: str | None, explore: bool, load_options: dict[str, Any]
) -> ipywidgets.Widget:
    """The dashboard, or a question that must be answered first and then becomes the dashboard."""
    from stemwidgets.dashboards.question import ScanChoice, ScanQuestion

    def answer(told: dict[str, Any]) -> ipywidgets.Widget:
        return _dashboard_or_question(path, explore, {**load_options, **told})

    try:
        return _dashboard(path, explore, load_options)
    except UnknownScanError as question:
        return ScanQuestion(question.with_traceback(None), answer)  # its frames hold the scan
    except SeveralScansError as question:
        return ScanChoice(question.with_traceback(None), Path(str(path)).name, answer)


def _problem(message: str, details: str = "") -> ipywidgets.Widget:
    from stemwidgets.dashboards.dashboard import problem_page

    page = problem_page(message)
    if details:
        folded = f"<details><summary>Details</summary><pre>{html.escape(details)}</pre></details>"
        page = ipywidgets.VBox([page, ipywidgets.HTML(folded)])
    return page.add_class("stemwidgets-problem")
