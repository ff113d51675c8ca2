"""Serve one dashboard with Voila, to this machine only."""

import json
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Mapping
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stemwidgets.arrays.errors import InputError

HOST = "127.0.0.1"
DEFAULT_PORT = 8866  # that of Voila
FAREWELL = 24.0  # s for a kernel to end, half of it for its training to stop and be kept


def serve(
    page: Mapping[str, object],
    title: str,
    *,
    port: int | None = None,
    open_browser: bool = True,
) -> int:
    """Serve a dashboard until Ctrl-C.

    Nothing of the user's folders is served: the page lives in a temporary folder of its own, and
    only requests that name this machine are answered.

    Parameters
    ----------
    page : mapping
        Arguments of `stemwidgets.cli.page.page`, of types that `ascii` writes as Python.
    title : str
        Title of the browser tab.
    port : int, optional
        Port to listen on; 0 takes any free one. By default 8866, or a free one if that is taken.
    open_browser : bool
        Open the page in the default browser.

    Returns
    -------
    int
        0, when ended by Ctrl-C or SIGTERM.

    Raises
    ------
    ImportError
        If Voila is not installed.
    InputError
        If the port is not available.
    """
    if find_spec("voila") is None:
        raise ImportError(
            "the browser dashboards need Voila, which is not installed. "
            'Install it with: python -m pip install "stemwidgets[app]"'
        )
    port = find_port(port)
    token = secrets.token_urlsafe(16)
    address = f"http://{HOST}:{port}/?token={token}"
    with tempfile.TemporaryDirectory(prefix="stemwidgets-") as folder:
        notebook = _write_notebook(Path(folder), f"page(**{dict(page)!a})", title)
        app = _voila(notebook, port, token)

        def announce() -> None:
            print(f"stemwidgets shows {title} at {address}  (Ctrl-C ends it)", flush=True)
            if open_browser:
                open_in_browser(address, Path(folder))

        _run(app, announce)
    return 0


def find_port(port: int | None) -> int:
    """A port of this machine that can be listened on; by default 8866, or any if that is taken.

    An InputError if the wanted port is taken, forbidden or not a port at all; 0 is any.
    """
    if port is not None and not 0 <= port <= 65535:
        raise InputError(f"--port expects a number from 0 to 65535, got {port}")
    candidates = [DEFAULT_PORT, 0] if port is None else [port]
    for candidate in candidates:
        with socket.socket() as probe:
            # as the server itself does: a port that was closed a moment ago is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name == "posix")
            try:
                probe.bind((HOST, candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise InputError(f"port {port} is taken or not allowed: choose another, or leave out --port")


def _write_notebook(folder: Path, call: str, title: str) -> Path:
    """Write the page, and a kernel that is this very Python whatever else is installed."""
    kernel = folder / "jupyter" / "kernels" / "stemwidgets" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    start = [sys.executable, "-m", "ipykernel_launcher", "--log-level=ERROR"]
    start += ["-f", "{connection_file}"]
    kernel.write_text(
        json.dumps({"argv": start, "display_name": "stemwidgets", "language": "python"})
    )
    template_root = Path(__file__).parent / "jupyter"
    roots = [str(folder / "jupyter"), str(template_root), os.environ.get("JUPYTER_PATH", "")]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(root for root in roots if root)

    notebook = folder / "page" / "page.ipynb"
    notebook.parent.mkdir()
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "id": "page",
        "metadata": {},
        "outputs": [],
        "source": f"from stemwidgets.cli.page import end_promptly, page\n\nend_promptly()\n{call}",
    }
    metadata = {"title": title, "kernelspec": {"name": "stemwidgets", "language": "python"}}
    content = {"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    notebook.write_text(json.dumps(content))
    return notebook


def _voila(notebook: Path, port: int, token: str) -> Any:
    from traitlets.config import Config

    from stemwidgets.cli.kernels import PageKernels
    from stemwidgets.cli.server import OwnPagesOnly, Server, served_here

    config = Config()
    config.Voila.notebook_path = str(notebook)
    config.Voila.ip = HOST
    config.Voila.port = port
    config.Voila.port_retries = 0
    config.Voila.token = token
    config.Voila.identity_provider_class = OwnPagesOnly
    config.Voila.open_browser = False
    config.Voila.log_level = "ERROR"
    # a voila.json in the user's folder is not ours to run
    config.Voila.config_file_paths = []
    # no other page may reach the kernel through a name that resolves to this machine
    config.Voila.tornado_settings = {"allow_remote_access": False}
    config.KernelManager.shutdown_wait_time = FAREWELL
    config.KernelManager.autorestart = False  # the page of one that died would stay without notice
    config.VoilaConfiguration.multi_kernel_manager_class = PageKernels
    config.VoilaConfiguration.page_config_hook = served_here
    config.VoilaConfiguration.template = "stemwidgets"
    config.VoilaConfiguration.allow_template_override = "NO"
    config.VoilaConfiguration.allow_theme_override = "NO"
    config.VoilaConfiguration.file_allowlist = []
    # of Notebook 7, which asks for parts of JupyterLab that Voila has not
    config.VoilaConfiguration.extension_denylist = ["@jupyter-notebook/lab-extension"]
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    app = Server(config=config)
    app.initialize([])
    return app


def _run(app: Any, announce: Callable[[], None]) -> None:
    from tornado.ioloop import IOLoop

    loop = IOLoop.current()
    loop.add_callback(announce)

    def stop(signum: int, frame: object) -> None:
        loop.add_callback_from_signal(loop.stop)

    before = signal.signal(signal.SIGINT, stop)
    try:
        app.start()
    finally:
        signal.signal(signal.SIGINT, before)


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
