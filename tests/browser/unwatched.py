"""A page that Playwright does not watch: watching, it keeps 200 MB of pictures that were shown."""

import json
import time
from typing import Any

from playwright.sync_api import Browser

BUTTON = {"button": "left", "buttons": 1, "clickCount": 1}


class Unwatched:
    """A page in a window of its own, driven by the DevTools protocol alone.

    Parameters
    ----------
    browser : Browser
        Where to open it.
    address : str
        What to open.
    """

    def __init__(self, browser: Browser, address: str) -> None:
        self._session = browser.new_browser_cdp_session()
        self._answers: dict[int, dict[str, Any]] = {}
        self._session.on("Target.receivedMessageFromTarget", self._hear)
        target = self._session.send(
            "Target.createTarget", {"url": "about:blank", "width": 1600, "height": 2000}
        )
        self._target = target["targetId"]
        attached = self._session.send("Target.attachToTarget", {"targetId": self._target})
        self._attached, self._count = attached["sessionId"], 0
        assert "errorText" not in self.send("Page.navigate", url=address), address

    def _hear(self, event: dict[str, Any]) -> None:
        message = json.loads(event["message"])
        if "id" in message:
            self._answers[message["id"]] = message

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the page, and wait for its answer."""
        self._count += 1
        message = json.dumps({"id": self._count, "method": method, "params": parameters})
        asked = {"sessionId": self._attached, "message": message}
        self._session.send("Target.sendMessageToTarget", asked)
        deadline = time.monotonic() + 30
        while self._count not in self._answers:
            assert time.monotonic() < deadline, f"no answer to {method}"
            self._session.send("Browser.getVersion")  # so that what has come is heard
        answer = self._answers.pop(self._count)
        assert "error" not in answer, answer
        return answer["result"]

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page."""
        got = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in got, got
        return got["result"].get("value")

    def wait_for(self, script: str, seconds: float = 120.0) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(script):
            assert time.monotonic() < deadline, script
            time.sleep(0.2)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Let the mouse do something: "mouseMoved", "mousePressed", "mouseReleased"."""
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x: float, y: float) -> None:
        """Click at a place in the window."""
        self.mouse("mousePressed", x, y, **BUTTON)
        self.mouse("mouseReleased", x, y, **BUTTON)

    def close(self) -> None:
        """Close the page."""
        self._session.send("Target.closeTarget", {"targetId": self._target})
        self._session.detach()
