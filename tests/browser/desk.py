"""A dashboard in a browser, driven and read as a person would: mouse in, pixels out."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, FloatRect, Locator, expect

HERE = re.compile(r"^(data:|blob:|(https?|wss?)://(127\.0\.0\.1|localhost)(:\d+)?(/|$))")

# Time from a click to the frame that shows its answer. The pixels are those that the browser has
# decoded and shows, so an answer that has arrived but is not drawn yet does not count.
STOPWATCH = """
window.stopwatch = {
  start(answered) {
    this.milliseconds = new Promise((resolve) => {
      let clicked = null;
      const listen = (event) => { clicked = event.timeStamp; };
      addEventListener("click", listen, { capture: true, once: true });
      const look = () => {
        if (clicked !== null && answered())
          requestAnimationFrame(() => resolve(performance.now() - clicked));
        else requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    });
  },
  pixels(figure) {
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
    const context = canvas.getContext("2d");
    for (const image of figure.querySelectorAll("image")) context.drawImage(image, 0, 0, 64, 64);
    const { data } = context.getImageData(0, 0, 64, 64);
    return data.some((value, index) => index % 4 === 3 && value === 0) ? null : data.join();
  },
  untilRedrawn(figure) {
    const before = this.pixels(figure);
    this.start(() => {
      const now = this.pixels(figure);
      return now !== null && now !== before;
    });
  },
  untilEnabled(button) {
    this.start(() => !button.disabled);
  },
};
"""


class Desk:
    """One page with the rrVAE dashboard.

    Attributes
    ----------
    errors : list of str
        What went wrong in the browser.
    strangers : list of str
        Addresses of other machines that the page asked for; all were refused.
    """

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.folder = folder
        self.errors: list[str] = []
        self.strangers: list[str] = []
        self.context = browser.new_context(
            viewport={"width": 1600, "height": 2000}, service_workers="block"
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(90_000)
        self.page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
        self.page.on("console", self._heard)
        self.page.on("websocket", lambda socket: self._asked(socket.url))
        self.page.route(lambda address: not HERE.match(address), self._refuse)

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def _asked(self, address: str) -> None:
        if not HERE.match(address):
            self.strangers.append(address)

    def _refuse(self, route: Any) -> None:
        self._asked(route.request.url)
        route.abort()

    def ready(self) -> None:
        """Wait until the dashboard is drawn."""
        drawn = self.figures("pattern-view").locator("image").first
        expect(drawn).to_be_visible(timeout=120_000)
        self.page.evaluate(STOPWATCH)
        self.settle()

    def settle(self) -> None:
        """Wait until pictures have stopped changing."""
        self.page.wait_for_timeout(400)

    def close(self, name: str) -> None:
        """Keep a picture of the page, and close it."""
        self.page.screenshot(path=self.folder / f"{name}.png", full_page=True)
        self.context.close()

    def view(self, name: str) -> Locator:
        """Root of the first view of a kind."""
        return self.page.locator(f".stemwidgets-{name}").first

    def figures(self, name: str) -> Locator:
        """The figures of a view."""
        return self.view(name).locator(".bqplot")

    def map(self, channel: str) -> Locator:
        """The map that shows a channel, chosen by its name on screen."""
        shown = self.page.locator(".stemwidgets-map-view")
        names = shown.evaluate_all(
            "maps => maps.map(map => map.querySelector('select').selectedOptions[0].text)"
        )
        names = [name.replace("\u00a0", " ") for name in names]
        return shown.nth(names.index(channel))

    def press(self, name: str) -> None:
        """Press a button of the training."""
        self.button(name).click()

    def button(self, name: str) -> Locator:
        """A button of the training."""
        return self.view("train-panel").get_by_role("button", name=name, exact=True)

    def status(self) -> str:
        """What the training says about itself."""
        return self.view("train-panel").inner_text()

    def click(self, figure: Locator, row: float, column: float) -> None:
        """Click at fractions of the height and the width of a figure's plane."""
        plane = self.plane(figure)
        self.page.mouse.click(
            plane["x"] + column * plane["width"], plane["y"] + row * plane["height"]
        )

    def drag(self, figure: Locator, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag between fractions (row, column) of the height and the width of a figure's plane."""
        plane, mouse = self.plane(figure), self.page.mouse
        for step in range(13):
            row, column = (a + (b - a) * step / 12 for a, b in zip(start, end, strict=True))
            mouse.move(plane["x"] + column * plane["width"], plane["y"] + row * plane["height"])
            if step == 0:
                mouse.down()
        mouse.up()
        self.settle()

    def plane(self, figure: Locator) -> FloatRect:
        """Where a figure's plane lies on the screen, onto which it is scrolled if need be."""
        image = figure.locator("image").last
        image.scroll_into_view_if_needed()
        plane = image.bounding_box()
        assert plane is not None
        return plane

    def look(self, figure: Locator) -> np.ndarray:
        """Pixels ``[row, column, RGB]`` of the plane of a figure, as the screen shows them."""
        picture = Image.open(io.BytesIO(self.page.screenshot(clip=self.plane(figure))))
        return np.asarray(picture.convert("RGB"), dtype=int)

    def seconds(self) -> float:
        """Reading of the stopwatch, once it has stopped."""
        return self.page.evaluate("() => stopwatch.milliseconds") / 1000
