"""The page that HyperSpy opens for a scan, found by its registry of user interfaces."""

from typing import Any

from stemwidgets.dashboards.explore import explore


def explore_ipywidgets(obj: Any, display: bool = True, **options: Any) -> dict[str, Any] | None:
    """Open a scan as :func:`stemwidgets.explore` does; its navigator and the page move together.

    Parameters
    ----------
    obj : HyperSpy signal
        The scan.
    display : bool
        Show the page, or return it.
    **options
        Options of :func:`stemwidgets.explore`.

    Returns
    -------
    dict or None
        ``"widget"``: the page; ``"wdict"``: its parts by name.
    """
    page = explore(obj, **options)
    session: Any = page.session
    session.follow(obj)
    if not display:
        return {"widget": page, "wdict": page.parts}
    from IPython.display import display as show

    show(page)  # type: ignore[no-untyped-call]
    return None
