"""Kernels of the served pages: each ends when its page is gone."""

import asyncio
from contextlib import suppress
from typing import Any

from jupyter_server.base.call_context import CallContext
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.ioloop import PeriodicCallback

GRACE = 40.0  # s without a connection: a line that drops or a page that is slow to load comes back
TICK = 2.0  # s between looks; time in which the machine sleeps is not counted, for it has no ticks
PATIENCE = 10.0  # s that a new page waits for the end of one that was left, to find its session


class PageKernels(AsyncMappingKernelManager):
    """Kernels that serve one page each, and end with it.

    A page reports when it is left or loaded again; where it cannot, its kernel ends after `GRACE`
    seconds without a connection. The shutdown lets a session stop its training and keep it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._alone: dict[str, float] = {}  # s without a page
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._looking = PeriodicCallback(self.look, 1000 * TICK)

    async def _async_start_kernel(self, **options: Any) -> str:
        left = list(self._ending.values())
        kernel_id = str(await super()._async_start_kernel(**options))
        if not self._looking.is_running():
            self._looking.start()
        page = CallContext.get(CallContext.JUPYTER_HANDLER)
        if hasattr(page, "shows"):
            page.shows(kernel_id)
        if left:
            await asyncio.wait(left, timeout=PATIENCE)
        return kernel_id

    start_kernel = _async_start_kernel  # type: ignore[assignment]  # as in the base class

    async def look(self) -> None:
        """Count the time that kernels have been without a page, and end those left too long."""
        for kernel_id, kernel in list(self._kernels.items()):
            if kernel_id in self._ending:
                continue
            alone = self._alone.pop(kernel_id, 0.0)
            if not await kernel.is_alive():
                self.log.error("The kernel of a page has died: is there too little memory?")
                self.end(kernel_id)
            elif not (self._kernel_connections.get(kernel_id) or self._makes_its_page(kernel_id)):
                self._alone[kernel_id] = alone + TICK
                if self._alone[kernel_id] >= GRACE:
                    self.end(kernel_id)

    def end(self, kernel_id: str, at_once: bool = False) -> None:
        """Shut a kernel down in the background, unless that was begun already.

        At once, it is killed: its page was never there, and so there is nothing to keep.
        """
        if kernel_id in self and kernel_id not in self._ending:
            self._ending[kernel_id] = asyncio.ensure_future(self._end(kernel_id, at_once))

    async def _end(self, kernel_id: str, at_once: bool) -> None:
        try:
            with suppress(KeyError):  # it died meanwhile
                await self.shutdown_kernel(kernel_id, now=at_once)  # type: ignore[no-untyped-call]
        except Exception:
            self.log.exception("kernel %s could not be ended", kernel_id)
        finally:
            self._ending.pop(kernel_id, None)
            self._alone.pop(kernel_id, None)

    def _makes_its_page(self, kernel_id: str) -> bool:
        """True while it still reads the scan for a page that has not connected yet."""
        state = getattr(self._kernels[kernel_id], "execution_state", "starting")
        return state in ("starting", "busy")
