import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.line_profile import (
    angle_profile,
    crossed,
    line_profile,
    nearest_profile,
    strip,
)

STEPS = (0.5, 0.2)  # Å; rows lie further apart than columns


def ramp(shape=(7, 12), slopes=(3.0, -2.0)):
    """A plane that rises by these slopes for each Å down and to the right."""
    iy, ix = np.mgrid[: shape[0], : shape[1]]
    return slopes[0] * iy * STEPS[0] + slopes[1] * ix * STEPS[1]


places = st.tuples(st.floats(0, 6), st.floats(0, 11))


@given(places, places)
def test_a_ramp_is_read_as_it_is_along_any_line(start, end):
    along = (np.array(end) - start) * STEPS
    length = np.hypot(*along)
    if length < 1e-3:
        return
    profile = line_profile(ramp(), start, end, STEPS)
    slope = (3.0 * along[0] - 2.0 * along[1]) / length
    begin = 3.0 * start[0] * STEPS[0] - 2.0 * start[1] * STEPS[1]
    np.testing.assert_allclose(profile.values, begin + slope * profile.distance, atol=1e-9)
    assert profile.distance[-1] == pytest.approx(length)
    assert np.diff(profile.distance).max() <= min(STEPS) + 1e-9


def test_the_mean_across_a_ramp_is_that_in_the_middle():
    narrow = line_profile(ramp((20, 30)), (8, 10), (11, 20), STEPS)
    wide = line_profile(ramp((20, 30)), (8, 10), (11, 20), STEPS, width=1.3)
    np.testing.assert_allclose(wide.values, narrow.values)


def test_a_strip_lies_at_right_angles_to_the_line_on_the_specimen():
    points = strip((3, 2), (6, 9), STEPS, width=1.0)
    y, x = points.iy * STEPS[0], points.ix * STEPS[1]
    along = np.array([y[0, -1] - y[0, 0], x[0, -1] - x[0, 0]])
    across = np.array([y[-1, 0] - y[0, 0], x[-1, 0] - x[0, 0]])
    assert along @ across == pytest.approx(0)
    assert np.hypot(*across) == pytest.approx(1.0)


def test_a_stripe_is_averaged_over_the_width_of_the_strip():
    stripe = np.zeros((9, 14))
    stripe[4] = 6.0
    profile = line_profile(stripe, (4, 2), (4, 11), width=2.0)
    np.testing.assert_allclose(profile.values, 2.0)  # three rows, one of them bright


def test_an_undefined_position_makes_no_hole_in_its_neighbours():
    values = ramp((5, 8))
    values[2, 4] = np.nan
    beside = line_profile(values, (2, 3.5), (2, 3.9), STEPS)
    assert np.isfinite(beside.values).all()
    through = line_profile(values, (2, 0), (2, 7), STEPS)
    assert np.flatnonzero(np.isnan(through.values)).tolist() == [4]


def test_outside_the_map_nothing_is_defined():
    profile = line_profile(np.ones((4, 6)), (-3, 2), (3, 2))
    assert np.isnan(profile.values[:3]).all()
    np.testing.assert_allclose(profile.values[3:], 1)


@pytest.mark.parametrize("symmetry", [1, 3])
def test_angles_are_averaged_around_the_circle(symmetry):
    edge = np.pi / symmetry
    angles = np.full((6, 9), edge - 0.1)
    angles[3:] = -edge + 0.1
    profile = angle_profile(angles, (2.5, 1), (2.5, 7), symmetry=symmetry)
    np.testing.assert_allclose(np.abs(profile.values), edge)
    wide = angle_profile(angles, (2.5, 1), (2.5, 7), width=3.0, symmetry=symmetry)
    np.testing.assert_allclose(np.abs(wide.values), edge)


def test_undefined_angles_are_left_out():
    angles = np.full((5, 7), 2.0)
    angles[:, 3] = np.nan
    profile = angle_profile(angles, (1, 0), (1, 6))
    assert np.isnan(profile.values).tolist() == [False] * 3 + [True] + [False] * 3


def test_turning_angles_jump_once_in_a_turn():
    angles = (np.arange(20) * 0.5 + np.pi) % (2 * np.pi) - np.pi
    assert np.flatnonzero(crossed(angles)).tolist() == [6, 18]
    assert not crossed(np.array([1.0, np.nan, -3.0])).any()


def test_classes_are_read_and_not_averaged():
    classes = np.array([[0.0, 0, 2, 2, np.nan]] * 3)
    profile = nearest_profile(classes, (1, 0), (1, 4), (0.3, 0.1))
    np.testing.assert_array_equal(profile.values, [0, 0, 2, 2, np.nan])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"start": (1, 1), "end": (1, 1)}, "between two places"),
        ({"start": (1, 1), "end": (2, 1), "width": -1}, "width"),
        ({"start": (1, 1), "end": (2, 1), "steps": (0.0, 1.0)}, "steps"),
    ],
)
def test_what_is_no_line_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        line_profile(np.ones((4, 5)), **arguments)
