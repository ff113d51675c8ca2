"""Dragging the position and walking with the arrow keys."""

import time

import numpy as np
import pytest
from playwright.sync_api import expect

from browser.desk import Desk
from browser.test_dashboard import centre, cross_at

RATE = 60  # moves a second
SECONDS = 5
TURNS = 10  # past 20 positions a second and more
FRAMES = 4  # a second, on a busy machine; 20 are meant
LAG = 500  # ms, likewise; 150 are meant

# Times at which the pattern on screen changed, and at which the mouse moved last.
RECORDER = """figure => {
  window.recorder = { shown: [], moved: 0 };
  addEventListener("mousemove", (event) => { recorder.moved = event.timeStamp; }, true);
  new MutationObserver(() => {
    requestAnimationFrame(() => recorder.shown.push(performance.now()));
  }).observe(figure.querySelector("image"), { attributes: true, attributeFilter: ["href"] });
}"""


@pytest.mark.timeout(120)
@pytest.mark.timed
def test_a_drag_shows_pattern_after_pattern_and_ends_where_the_mouse_does(desk: Desk):
    scan = desk.map("COM angle")
    figure = desk.figures("pattern-view").first.element_handle()
    before = desk.look(scan)
    plane = desk.plane(scan)
    desk.page.evaluate(RECORDER, figure)

    def there(share: float) -> tuple[float, float]:
        turn = 2 * np.pi * TURNS * share
        row, column = 0.5 + 0.4 * np.sin(turn), 0.5 + 0.4 * np.cos(turn)
        return plane["x"] + column * plane["width"], plane["y"] + row * plane["height"]

    desk.page.mouse.move(*there(0))
    desk.page.mouse.down()
    began = time.monotonic()
    for count in range(RATE * SECONDS):
        desk.page.mouse.move(*there(count / (RATE * SECONDS)))
        time.sleep(max(0.0, began + (count + 1) / RATE - time.monotonic()))
    took = time.monotonic() - began
    row, column = centre(9, 14), centre(17, 24)
    desk.page.mouse.move(plane["x"] + column * plane["width"], plane["y"] + row * plane["height"])
    desk.page.wait_for_timeout(1500)
    shown, moved = desk.page.evaluate("() => [recorder.shown, recorder.moved]")
    rate, lag = len(shown) / took, shown[-1] - moved
    print(f"drag for {took:.1f} s: {rate:.0f} patterns a second, the last {lag:.0f} ms late")
    desk.page.mouse.up()
    expect(desk.view("readout-view")).to_contain_text("9, 17")
    assert cross_at(before, desk.look(scan), row, column)
    assert rate > FRAMES
    assert lag < LAG


@pytest.mark.parametrize(("row", "column"), [(0, 0), (13, 23), (6, 11)])
def test_the_mouse_is_where_the_map_shows_it(desk: Desk, row: int, column: int):
    """Near each of the four edges of a scan pixel."""
    scan, readout = desk.map("COM angle"), desk.view("readout-view")
    for down in (0.15, 0.85):
        for right in (0.15, 0.85):
            desk.click(scan, (5 + 0.5) / 14, (5 + 0.5) / 24)
            expect(readout).to_contain_text("5, 5")
            desk.click(scan, (row + down) / 14, (column + right) / 24)
            expect(readout).to_contain_text(f"{row}, {column}")


def test_arrow_keys_walk_from_where_one_pressed(desk: Desk):
    scan, readout = desk.map("COM angle"), desk.view("readout-view")
    desk.page.keyboard.press("ArrowRight")  # nobody listens
    desk.click(scan, centre(3, 14), centre(4, 24))
    expect(readout).to_contain_text("3, 4")
    desk.settle()
    desk.page.keyboard.press("ArrowRight")
    expect(readout).to_contain_text("3, 5")
    desk.page.keyboard.press("Shift+ArrowDown")
    expect(readout).to_contain_text("8, 5")
    desk.page.mouse.move(5, 5)
    desk.settle()
    desk.page.keyboard.press("ArrowLeft")
    desk.settle()
    expect(readout).to_contain_text("8, 5")
