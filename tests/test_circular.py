import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.circular import compare_angles, wrap


def test_wrap_keeps_pi_and_turns_minus_pi():
    np.testing.assert_allclose(
        wrap([np.pi, -np.pi, 3 * np.pi, 0.5 - 4 * np.pi]), [np.pi] * 3 + [0.5]
    )


def test_offset_and_handedness_are_removed():
    rng = np.random.default_rng(1)
    truth = rng.uniform(-np.pi, np.pi, (5, 7))

    comparison = compare_angles(truth, wrap(-truth + 2.0))

    assert comparison.handedness == -1
    assert comparison.offset == pytest.approx(2.0)
    assert comparison.correlation == pytest.approx(1.0)
    assert comparison.median_difference == pytest.approx(0.0, abs=1e-9)
    assert "114.6°, mirrored removed" in str(comparison)


def test_angles_without_relation_have_no_correlation():
    rng = np.random.default_rng(2)
    a, b = rng.uniform(-np.pi, np.pi, (2, 4000))

    assert compare_angles(a, b).correlation < 0.06


def test_weights_and_nan_decide_what_counts():
    a = np.array([0.0, 1.0, 2.0, np.nan])
    b = np.array([0.5, 1.5, -2.0, 0.0])

    comparison = compare_angles(a, b, [1, 1, 0, 1])

    assert comparison.count == 2
    assert comparison.offset == pytest.approx(0.5)
    assert comparison.correlation == pytest.approx(1.0)


def test_median_difference_is_weighted():
    a = np.zeros(4)
    b = np.array([0.0, 0.0, 0.1, 3.0])

    assert compare_angles(a, b, [5, 5, 1, 1]).median_difference < 0.3


@pytest.mark.parametrize(
    ("a", "b", "weights", "words"),
    [
        (np.zeros(3), np.zeros(4), None, "one shape"),
        (np.zeros(3), np.zeros(3), [-1, 1, 1], "not negative"),
        (np.full(3, np.nan), np.zeros(3), None, "at least one position"),
    ],
)
def test_maps_that_cannot_be_compared_are_refused(a, b, weights, words):
    with pytest.raises(sw.InputError, match=words):
        compare_angles(a, b, weights)


def test_signals_and_arrays_compare_alike():
    com = sw.center_of_mass(sw.samples.graphene())

    assert sw.compare_angles(com.angle, com.angle.data, com.magnitude).correlation == pytest.approx(
        1
    )
