"""The rrVAE dashboard in Voila and in JupyterLab."""

import statistics

import numpy as np
import pytest
from playwright.sync_api import TimeoutError as TooLate
from playwright.sync_api import expect

from browser.desk import Desk

CLICK = 0.3  # s, median
STOP = 0.5  # s, median


def cross_at(before: np.ndarray, after: np.ndarray, row: float, column: float) -> bool:
    """Whether a cross through these fractions of the plane appeared between two pictures."""
    changed = np.any(before != after, axis=-1)
    height, width = changed.shape
    y, x = round(row * height), round(column * width)
    across = changed[max(y - 2, 0) : y + 3].any(axis=0).mean()
    down = changed[:, max(x - 2, 0) : x + 3].any(axis=1).mean()
    return across > 0.7 and down > 0.7


def centre(index: int, size: int) -> float:
    """Where the middle of a scan pixel lies, as a fraction of the map."""
    return (index + 0.5) / size


def test_a_click_on_a_map_shows_the_pattern_there(desk: Desk):
    scan, pattern = desk.map("COM angle"), desk.figures("pattern-view").first
    map_before, pattern_before = desk.look(scan), desk.look(pattern)
    row, column = centre(9, 14), centre(17, 24)
    desk.click(scan, row, column)
    expect(desk.view("readout-view")).to_contain_text("9, 17")
    desk.settle()
    assert cross_at(map_before, desk.look(scan), row, column)
    assert np.mean(np.any(desk.look(pattern) != pattern_before, axis=-1)) > 0.2


def test_train_fills_the_maps_and_then_a_click_moves_everything(desk: Desk):
    blank = desk.look(desk.map("rrVAE angle"))
    train(desk)
    expect(desk.view("train-panel")).to_contain_text("finished", timeout=120_000)
    desk.settle()
    filled = desk.look(desk.map("rrVAE angle"))
    assert np.mean(np.any(filled != blank, axis=-1)) > 0.9
    assert len(np.unique(filled[::4, ::4].reshape(-1, 3), axis=0)) > 50

    names = ["COM angle", "rrVAE angle", "rrVAE latent z1", "rrVAE latent z2"]
    before = {name: desk.look(desk.map(name)) for name in names}
    others = [desk.view("latent-view"), *desk.figures("pattern-view").all()]
    others_before = [desk.look(figure) for figure in others]
    row, column = centre(4, 14), centre(19, 24)
    desk.click(desk.map("rrVAE angle"), row, column)
    expect(desk.view("readout-view")).to_contain_text("4, 19")
    desk.settle()
    for name in names:
        assert cross_at(before[name], desk.look(desk.map(name)), row, column), name
    for figure, figure_before in zip(others, others_before, strict=True):
        assert np.any(desk.look(figure) != figure_before)


def train(desk: Desk) -> None:
    """See to it that a training runs, past its preparation."""
    for _ in range(300):
        if "training, epoch" in desk.status():
            return
        if not desk.button("Train").is_disabled():
            desk.press("Train")
            expect(desk.button("Train")).to_be_disabled()
        desk.page.wait_for_timeout(200)
    raise AssertionError(f"no training: {desk.status()}")


def stop(desk: Desk) -> float | None:
    """Stop the training; seconds until the next one could begin, None if it ended by itself."""
    train_button = desk.button("Train").element_handle()
    desk.page.evaluate("button => stopwatch.untilEnabled(button)", train_button)
    try:
        desk.button("Stop").click(timeout=1000)
    except TooLate:
        return None
    seconds = desk.seconds()
    return seconds if "stopped" in desk.status() else None


@pytest.mark.timeout(240)
@pytest.mark.timed
def test_clicks_and_stop_are_answered_while_it_trains(desk: Desk):
    scan = desk.map("COM angle")
    figure = desk.figures("pattern-view").first.element_handle()
    answers: list[float] = []
    for count in range(40):
        train(desk)
        desk.page.evaluate("figure => stopwatch.untilRedrawn(figure)", figure)
        desk.click(scan, centre(count * 5 % 14, 14), centre((count * 7 + 3) % 24, 24))
        answer = desk.seconds()
        if desk.button("Train").is_disabled():  # it still trains
            answers.append(answer)
        if len(answers) == 9:
            break
        desk.page.wait_for_timeout(150)
    assert len(answers) == 9
    print(f"clicks while training: {sorted(round(1000 * answer) for answer in answers)} ms")
    assert statistics.median(answers) < CLICK

    # a training near its end could finish before Stop is pressed
    expect(desk.button("Train")).to_be_enabled(timeout=60_000)
    stops: list[float] = []
    for _ in range(20):
        train(desk)
        seconds = stop(desk)
        if seconds is not None:
            stops.append(seconds)
        if len(stops) == 3:
            break
    assert len(stops) == 3
    print(f"stop: {sorted(round(1000 * answer) for answer in stops)} ms")
    assert statistics.median(stops) < STOP
