"""From the file to the page: each real file shows its picture, asks, or says what is wrong."""

import re
from html import unescape

import numpy as np
import pytest
from real_files import ASKED, FIVE_AXES, OPENED, REFUSED

from stemwidgets.cli.page import page


def every(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from every(child)


def words(widget):
    """All that stands on a page, without its tags."""
    values = (getattr(part, "value", "") for part in every(widget))
    text = " ".join(value for value in values if isinstance(value, str))
    return unescape(re.sub(r"<[^>]*>", " ", text))


@pytest.mark.parametrize(("explore", "lazy"), [(True, False), (True, True), (False, False)])
@pytest.mark.parametrize("real", OPENED, ids=lambda real: real.name[:12])
def test_a_scan_shows_its_title_and_its_counts(real, explore, lazy, capsys):
    shown = page(str(real.path), explore=explore, lazy=lazy)
    try:
        shown.session.wait(60)
        said = words(shown)
        rows, columns, height, width = real.shape
        assert real.title in said
        assert f"scan {rows} × {columns}, patterns {height} × {width}" in " ".join(said.split())
        assert shown.session.pattern.shape == real.shape[2:]
        assert shown.session.channels["sum"].values.min() > 0
        assert shown.session.problem == ""
        assert capsys.readouterr() == ("", "")  # a reader's progress bar is red in a notebook
    finally:
        shown.session.close()


@pytest.mark.parametrize("real", ASKED, ids=lambda real: real.name[:12])
def test_a_sequence_asks_and_its_answer_shows_it(real):
    asked = page(str(real.path), explore=True, lazy=False)
    said = words(asked)
    assert all(word in said for word in real.says)
    rows, columns = dict(real.options)["scan_shape"]
    [button] = [each for each in asked.buttons if each.description == f"{rows} × {columns}"]
    button.click()
    [shown] = asked.children
    try:
        shown.session.wait(60)
        assert shown.session.scan.shape == (rows, columns, *real.shape[1:])
        assert shown.session.channels["sum"].values.min() > 0
    finally:
        shown.session.close()


@pytest.mark.parametrize("real", REFUSED, ids=lambda real: real.name[:12])
def test_what_cannot_be_shown_says_why(real):
    said = words(page(str(real.path), explore=True, lazy=False))
    assert all(word in said for word in real.says)


def test_a_file_of_several_scans_lets_one_be_chosen():
    asked = page(str(FIVE_AXES.path), explore=True, lazy=False)
    assert [button.description for button in asked.buttons] == ["0: 2.715 Å", "1: 5.43 Å"]
    asked.buttons[1].click()
    [shown] = asked.children
    try:
        assert shown.session.scan.shape == FIVE_AXES.shape[1:]
    finally:
        shown.session.close()


def test_one_answer_may_lead_to_the_next_question(tmp_path):
    frames = np.random.default_rng(0).poisson(9, (12, 16, 16)).astype("u2")
    np.savez(tmp_path / "two.npz", first=frames, second=2 * frames)
    asked = page(str(tmp_path / "two.npz"), explore=True)
    asked.buttons[1].click()
    [question] = asked.children
    question.buttons[0].click()
    [shown] = question.children
    try:
        assert np.array_equal(shown.session.scan.data, 2 * frames.reshape(3, 4, 16, 16))
    finally:
        shown.session.close()
