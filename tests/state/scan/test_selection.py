"""What is drawn on the scan belongs to the session."""

import numpy as np
import pytest
from scans import AXES, SHAPE, turning_spot

from stemwidgets.arrays.errors import InputError
from stemwidgets.state import ScanSession

TRIANGLE = ((-0.5, 0.5), (3.5, 0.5), (3.5, 4.5))


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES)
    yield session
    session.close()


def test_the_positions_inside_an_outline_are_the_region(session):
    session.selection.outline = TRIANGLE
    iy, ix = np.mgrid[: SHAPE[0], : SHAPE[1]]
    np.testing.assert_array_equal(session.selection.region, (ix > 0.5) & (ix < 1 + iy))


def test_an_outline_around_no_position_is_forgotten(session):
    session.selection.outline = ((0.2, 0.2), (0.2, 0.4), (0.4, 0.4))
    assert session.selection.outline is None
    assert session.selection.region is None


def test_a_region_from_elsewhere_takes_the_outline_away(session):
    session.selection.outline = TRIANGLE
    session.selection.region = ~session.selection.region
    assert session.selection.outline is None
    session.selection.outline = TRIANGLE
    session.selection.region = None
    assert session.selection.outline is None
    assert session.selection.region_pattern is None


def test_a_new_outline_replaces_the_old(session):
    session.selection.outline = TRIANGLE
    other = ((-0.5, -0.5), (-0.5, 1.5), (1.5, 1.5), (1.5, -0.5))
    session.selection.outline = other
    assert session.selection.outline == other
    assert session.selection.region.sum() == 4


@pytest.mark.parametrize("line", [((0, 0),), ((0, 0), (1, 1), (2, 2)), 3, ((0, np.nan), (1, 1))])
def test_what_is_no_line_is_refused(session, line):
    with pytest.raises(InputError, match="points"):
        session.selection.line = line
    assert session.selection.line is None


def test_two_points_are_no_outline(session):
    with pytest.raises(InputError, match="3 or more points"):
        session.selection.outline = ((0, 0), (1, 1))


def test_a_line_has_two_ends(session):
    session.selection.line = [(0, 1), (2.5, 3)]
    assert session.selection.line == ((0.0, 1.0), (2.5, 3.0))
