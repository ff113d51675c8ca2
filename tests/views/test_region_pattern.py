"""The pattern view of a session with a region."""

import io

import numpy as np
from PIL import Image
from scans import AXES, turning_spot

from stemwidgets.state import ScanSession
from stemwidgets.views.pattern_view import PatternView


def pixels(view):
    return np.asarray(Image.open(io.BytesIO(shown(view))).convert("RGBA"))


def shown(view):
    return view.parts["figure"].marks[0].image.value


def test_a_region_shows_its_mean_pattern_until_the_position_changes():
    session = ScanSession(turning_spot(), AXES)
    view = PatternView(session)
    single = shown(view)
    region = np.zeros(session.scan.shape[:2], dtype=bool)
    region[1:, 2:] = True

    session.selection.region = region
    session.wait(10)
    assert "region" in view.parts["title"].value
    assert f"mean of {region.sum()} patterns" in view.parts["legend"].value
    mean = shown(view)
    assert mean != single

    session.position = (1, 1)
    assert "region" not in view.parts["title"].value
    assert shown(view) not in (mean, single)

    session.selection.region = None
    assert "region" not in view.parts["title"].value
    session.close()


def test_a_region_that_is_cleared_gives_the_pattern_back():
    session = ScanSession(turning_spot(), AXES)
    view = PatternView(session)
    single = shown(view)
    session.selection.region = np.ones(session.scan.shape[:2], dtype=bool)
    session.wait(10)
    session.selection.region = None
    assert shown(view) == single
    session.close()


def test_one_goes_back_and_forth_between_a_pattern_and_the_mean_of_the_region():
    session = ScanSession(turning_spot(), AXES)
    view = PatternView(session)
    where = view.parts["where"]
    assert where.layout.display == "none"
    session.selection.region = np.arange(24).reshape(4, 6) > 9
    session.wait(10)
    assert where.value
    assert where.layout.display is None
    mean = shown(view)
    session.position = (1, 1)
    assert not where.value
    where.value = True
    assert shown(view) == mean
    session.selection.region = None
    assert where.layout.display == "none"
    assert shown(view) != mean
    session.close()


def test_a_region_is_compared_with_the_mean_of_all():
    data = turning_spot()
    session = ScanSession(data, AXES)
    view = PatternView(session, "difference from the mean")
    session.selection.region = np.arange(24).reshape(4, 6) < 6
    session.wait(10)
    ky, kx = 8, 8  # the spot turns about (8, 7) in the first row and lies further out below
    first = data[0].mean(axis=0)[ky, kx] - data.mean(axis=(0, 1))[ky, kx]
    red, _, blue, _ = pixels(view)[ky, kx].astype(int)
    assert (red - blue) * first > 0
    session.close()
