"""What was learned, looked at in a browser: angles, latent space, decoder, earlier epochs."""

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from browser.desk import Desk

PATIENCE = 20  # looks


def changed(desk: Desk, figure: Locator, before: np.ndarray, share: float) -> bool:
    """Wait until more than a share of a figure's pixels are not as before."""
    return _until(desk, lambda: _difference(desk, figure, before) > share)


def as_before(desk: Desk, figure: Locator, before: np.ndarray) -> bool:
    """Wait until a figure looks as before."""
    return _until(desk, lambda: _difference(desk, figure, before) == 0)


def _difference(desk: Desk, figure: Locator, before: np.ndarray) -> float:
    return float(np.mean(np.any(desk.look(figure) != before, axis=-1)))


def _until(desk: Desk, true: Callable[[], bool]) -> bool:
    for _ in range(PATIENCE):
        desk.settle()
        if true():
            return True
    return False


def lasso(desk: Desk, figure: Locator, corners: list[tuple[float, float]]) -> None:
    """Draw a line around fractions (row, column) of the plane of a figure."""
    plane = desk.plane(figure)
    points = [
        (plane["x"] + column * plane["width"], plane["y"] + row * plane["height"])
        for row, column in corners
    ]
    desk.page.mouse.move(*points[0])
    desk.page.mouse.down()
    for point in points[1:]:
        desk.page.mouse.move(*point, steps=4)
        desk.page.wait_for_timeout(60)
    desk.page.mouse.up()


@pytest.mark.timeout(240)
def test_what_was_learned_can_be_explored(desk: Desk):
    if desk.button("Train").is_enabled():
        desk.press("Train")
    expect(desk.view("train-panel")).to_contain_text("finished", timeout=120_000)
    expect(desk.view("train-panel")).to_contain_text("patterns/s")
    expect(desk.view("loss-view")).to_contain_text("the latest")
    desk.settle()
    buttons = desk.page.locator(".stemwidgets button:visible")
    cut = "buttons => buttons.filter(b => b.scrollWidth > b.clientWidth).map(b => b.innerText)"
    assert buttons.evaluate_all(cut) == []

    decoded, manifold = desk.figures("decoder-view"), desk.figures("manifold-view")
    before = desk.look(decoded)
    assert len(np.unique(before.reshape(-1, 3), axis=0)) > 50
    desk.click(manifold, 0.9, 0.9)
    assert changed(desk, decoded, before, 0.2)
    before = desk.look(decoded)
    slider = desk.view("decoder-view").get_by_role("slider").last  # the angle
    slider.focus()
    desk.page.keyboard.press("PageUp")
    assert changed(desk, decoded, before, 0.2)

    difference, joint = desk.figures("angle-comparison-view").all()
    before = desk.look(joint)
    desk.click(difference, 9.5 / 14, 17.5 / 24)
    expect(desk.view("readout-view")).to_contain_text("9, 17")
    assert changed(desk, joint, before, 0)  # the ring

    scatter = desk.figures("latent-view").first
    lasso(desk, scatter, [(0.02, 0.02), (0.02, 0.5), (0.98, 0.5), (0.98, 0.02)])
    expect(desk.view("latent-view")).to_contain_text("patterns selected")

    desk.page.mouse.move(5, 5)  # while over the scatter it has the keys
    latent = desk.map("rrVAE latent z1")
    before = desk.look(latent)
    slider = desk.view("loss-view").get_by_role("slider")
    slider.focus()
    desk.page.keyboard.press("Home")
    expect(desk.view("loss-view")).to_contain_text("epoch ")
    assert changed(desk, latent, before, 0.2)
    desk.page.keyboard.press("End")
    expect(desk.view("loss-view")).to_contain_text("the latest")
    assert as_before(desk, latent, before)
