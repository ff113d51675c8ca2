"""The pattern view of a session with a region."""

import numpy as np
from scans import AXES, turning_spot

from stemwidgets.state import Session
from stemwidgets.views.pattern_view import PatternView


def shown(view):
    return view.parts["figure"].marks[0].image.value


def test_a_region_shows_its_mean_pattern_until_the_position_changes():
    session = Session(turning_spot(), AXES)
    view = PatternView(session)
    single = shown(view)
    region = np.zeros(session.shape[:2], dtype=bool)
    region[1:, 2:] = True

    session.region = region
    session.wait(10)
    assert "region" in view.parts["title"].value
    assert f"mean of {region.sum()} patterns" in view.parts["legend"].value
    mean = shown(view)
    assert mean != single

    session.position = (1, 1)
    assert "region" not in view.parts["title"].value
    assert shown(view) not in (mean, single)

    session.region = None
    assert "region" not in view.parts["title"].value
    session.close()


def test_a_region_that_is_cleared_gives_the_pattern_back():
    session = Session(turning_spot(), AXES)
    view = PatternView(session)
    single = shown(view)
    session.region = np.ones(session.shape[:2], dtype=bool)
    session.wait(10)
    session.region = None
    assert shown(view) == single
    session.close()
