"""The page that HyperSpy opens for a scan, found by its registry of user interfaces."""

from typing import Any

from stemwidgets.dashboards.explore import explore


def explore_ipywidgets(obj: Any, display: bool = True, **options: Any) -> dict[str, Any] | None:
    """Open a scan as :func:`stemwidgets.explore` does; its navigator and the page move together.

    `options` are those of :func:`stemwidgets.explore`. Without display the page is returned as
    ``"widget"``, with its parts by name as ``"wdict"``.
    """
    page = explore(obj, **options)
    session: Any = page.session
    session.follow(obj)
    if not display:
        return {"widget": page, "wdict": page.parts}
    from IPython.display import display as show

    show(page)  # type: ignore[no-untyped-call]
    return None
