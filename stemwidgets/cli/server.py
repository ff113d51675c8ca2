"""Voila, with pages that report when they are left."""

import json
import logging
from typing import Any

from jupyter_server.auth.identity import PasswordIdentityProvider
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from nbclient.exceptions import DeadKernelError
from tornado.web import HTTPError, authenticated
from tornado.websocket import WebSocketClosedError
from voila.app import Voila
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.tornado.handler import TornadoVoilaHandler


class PageHandler(TornadoVoilaHandler):  # type: ignore[misc]  # Voila has no types
    """The page, whose kernel ends if it is left while it is made."""

    def initialize(self, **options: Any) -> None:
        """Begin without a kernel."""
        super().initialize(**options)
        self._kernel_id, self._gone = "", False

    @authenticated
    async def get(self, path: str | None = None) -> None:
        """Send the page as far as it is made."""
        async for html in self.get_generator(path=path):
            if not self._gone:
                self.write(html)
                self.flush()

    def shows(self, kernel_id: str) -> None:
        """Remember the kernel of this page."""
        self._kernel_id = kernel_id
        self._end_if_gone()

    def on_connection_close(self) -> None:
        """End the kernel of a page that was left before it was complete."""
        super().on_connection_close()
        self._gone = True
        self._end_if_gone()

    def _end_if_gone(self) -> None:
        if self._gone and self._kernel_id:
            self.settings["kernel_manager"].end(self._kernel_id, at_once=True)


class LeavingHandler(VoilaShutdownKernelHandler):  # type: ignore[misc]  # Voila has no types
    """Endpoint for a page that is being left or loaded again."""

    def check_xsrf_cookie(self) -> None:
        """Check the page's own origin instead: a request sent as a page ends bears no token."""
        if not self.request.headers.get("Origin") or not self.check_origin():
            raise HTTPError(403)

    @authenticated
    async def post(self, kernel_id: str) -> None:
        """End the kernel of the page."""
        self.settings["kernel_manager"].end(kernel_id)
        self.set_status(204)
        self.finish()


class AliveHandler(APIHandler):
    """Endpoint that answers whether the kernel of a page is alive."""

    @authenticated
    async def get(self, kernel_id: str) -> None:
        """Answer with a bool."""
        self.finish(json.dumps(kernel_id in self.settings["kernel_manager"]))


class OwnPagesOnly(PasswordIdentityProvider):
    """Pages of other origins are refused, even those that know the token."""

    def should_check_origin(self, handler: Any) -> bool:
        """Check always; Jupyter leaves it out where a token is given."""
        return True


class Server(Voila):  # type: ignore[misc]  # Voila has no types
    """Voila for one notebook."""

    def init_handlers(self) -> list[Any]:
        """Put handlers of our own before those of Voila."""
        for name in ("asyncio", "tornado.general"):
            logging.getLogger(name).addFilter(_unless_left)
        self.log.addFilter(_unless_left)
        leaving = url_path_join(self.server_url, "/voila/api/shutdown/(.*)")
        alive = url_path_join(self.server_url, "/stemwidgets/alive/(.*)")
        own = [(leaving, LeavingHandler), (alive, AliveHandler)]
        handlers = [*own, *super().init_handlers()]
        return [
            tuple(PageHandler if part is TornadoVoilaHandler else part for part in handler)
            for handler in handlers
        ]


def served_here(page_config: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Mark the page as answered by this server."""
    return {**page_config, "servedByStemwidgets": True}


def _unless_left(record: logging.LogRecord) -> bool:
    """False for a message that a page was left while it was made, which `PageKernels` covers."""
    error = record.exc_info[1] if record.exc_info else None
    died = isinstance(error, RuntimeError) and str(error).startswith("Kernel died")
    late = record.getMessage().startswith("Got events for closed stream")  # of a kernel that ended
    return not (died or late or isinstance(error, DeadKernelError | WebSocketClosedError))
