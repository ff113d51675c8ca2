import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.circular import compare_angles, joint_histogram, wrap


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


orders = st.integers(1, 12)
seeds = st.integers(0, 2**32 - 1)


def noisy_copy(seed, symmetry, mirrored=False):
    """Angles [iy, ix], a noisy copy of them with another convention, and weights."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(-np.pi, np.pi, (5, 7))
    noise = rng.normal(0, 0.2 / symmetry, truth.shape)
    return truth, (-truth if mirrored else truth) + 0.9 + noise, rng.uniform(0, 1, truth.shape)


@given(seeds, orders, st.booleans())
def test_turning_any_angle_by_the_symmetry_changes_nothing(seed, symmetry, mirrored):
    a, b, weights = noisy_copy(seed, symmetry, mirrored)
    turns = np.random.default_rng(seed + 1).integers(-3, 4, (2, *a.shape))
    before = compare_angles(a, b, weights, symmetry)
    after = compare_angles(*(np.stack([a, b]) + turns * 2 * np.pi / symmetry), weights, symmetry)

    assert after.correlation == pytest.approx(before.correlation)
    assert after.median_difference == pytest.approx(before.median_difference)
    assert wrap(after.offset - before.offset, symmetry) == pytest.approx(0, abs=1e-9)
    assert (after.handedness, after.count) == (before.handedness, before.count)


@given(seeds, orders)
def test_offset_and_difference_stay_within_the_symmetry(seed, symmetry):
    a, b = np.random.default_rng(seed).uniform(-np.pi, np.pi, (2, 5, 7))
    comparison = compare_angles(a, b, symmetry=symmetry)

    assert abs(comparison.offset) <= np.pi / symmetry + 1e-12
    assert 0 <= comparison.median_difference <= np.pi / symmetry + 1e-12
    assert comparison.symmetry == symmetry


@given(seeds, orders, st.booleans())
def test_a_noisy_copy_is_recognised_whatever_its_symmetry(seed, symmetry, mirrored):
    a, b, _ = noisy_copy(seed, symmetry, mirrored)
    comparison = compare_angles(a, b, symmetry=symmetry)

    assert comparison.handedness == (-1 if mirrored else 1)
    assert wrap(comparison.offset - 0.9, symmetry) == pytest.approx(0, abs=0.2 / symmetry)
    assert comparison.median_difference < 0.3 / symmetry
    assert comparison.correlation > 0.9


def test_a_comparison_says_modulo_what():
    a, b, _ = noisy_copy(3, 3)
    random_thirds = np.random.default_rng(0).integers(3, size=a.shape) * 2 * np.pi / 3

    assert "modulo" not in str(compare_angles(a, b))
    assert "° modulo 120° over 35 positions" in str(compare_angles(a, b, symmetry=3))
    assert "modulo 51.43°" in str(compare_angles(a, b, symmetry=7))
    assert compare_angles(a, b + random_thirds).correlation < 0.5
    assert compare_angles(a, b + random_thirds, symmetry=3).correlation > 0.9


@pytest.mark.parametrize("symmetry", [0, -3, 2.0, True, None, "3", np.array([1, 2])])
def test_what_is_no_symmetry_is_refused(symmetry):
    with pytest.raises(sw.InputError, match="symmetry"):
        compare_angles(np.zeros(3), np.zeros(3), symmetry=symmetry)


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


@given(orders, seeds, st.booleans())
def test_aligned_angles_differ_by_nothing_but_noise(symmetry, seed, mirrored):
    a, b, weights = noisy_copy(seed, symmetry, mirrored)
    comparison = compare_angles(a, b, weights, symmetry)
    difference = comparison.difference(a, b)
    assert np.abs(difference).max() <= np.pi / symmetry
    np.testing.assert_allclose(wrap(comparison.aligned(a) - difference - b, symmetry), 0, atol=1e-9)


def test_the_difference_is_the_first_angle_in_the_convention_of_the_second():
    b = np.linspace(-3, 3, 13)
    a = wrap(-(b + 0.1 * (np.arange(13) == 4)) + 2.0)  # one position is off
    a[7] = np.nan
    difference = compare_angles(a, b).difference(a, b)
    assert np.isnan(difference[7])
    others = np.delete(difference, [4, 7])
    assert difference[4] - others.mean() == pytest.approx(0.1)
    assert np.ptp(others) < 1e-9


def test_a_joint_histogram_has_equal_angles_on_its_diagonal():
    angle = np.linspace(-np.pi, np.pi, 301)[:-1] + 0.001
    counts = joint_histogram(angle, angle, bins=12)
    np.testing.assert_allclose(counts, 25 * np.eye(12))


def test_a_joint_histogram_has_the_first_angle_down_and_adds_weights():
    down, across = np.array([[3.1, np.nan]]), np.array([[-3.1, 0.0]])
    counts = joint_histogram(down, across, [[2.5, 1.0]], bins=10)
    assert counts[9, 0] == 2.5
    assert counts.sum() == 2.5


def test_a_joint_histogram_of_symmetric_angles_repeats_with_their_period():
    rng = np.random.default_rng(4)
    down, across = rng.uniform(-np.pi, np.pi, (2, 5, 7))
    turned = joint_histogram(down + 2 * np.pi / 3, across - 2 * np.pi / 3, bins=9, symmetry=3)
    np.testing.assert_array_equal(turned, joint_histogram(down, across, bins=9, symmetry=3))
    assert turned.sum() == 35


def test_a_joint_histogram_of_different_scans_is_refused():
    with pytest.raises(InputError, match="one shape"):
        joint_histogram(np.zeros((2, 3)), np.zeros((3, 2)))
