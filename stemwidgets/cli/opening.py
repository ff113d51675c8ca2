"""Opening of the served page in the browser, without showing its token to other users."""

import os
import webbrowser
from html import escape
from pathlib import Path


def open_in_browser(address: str, folder: Path) -> None:
    """Open an address by way of a file in a private folder, which lasts until it has been read.

    The arguments of a browser are seen by every user of the machine; these name the file only, not
    the page's token.
    """
    file = folder / "open.html"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as page:
        page.write(_redirection(address))
    webbrowser.open(file.as_uri())


def _redirection(address: str) -> str:
    target = escape(address)
    return (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>stemwidgets</title>\n'
        f'<meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="refresh" content="0; url={target}"></head>\n'
        f'<body>Opening <a href="{target}">the scan</a> …</body></html>\n'
    )
