import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from stemwidgets.arrays.calibration.scan_rotation import ScanRotation, find_rotation
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.circular import wrap

SHAPE, STEP = (31, 37), (0.3, 0.2)
ANGLES = st.floats(-np.pi, np.pi)
HANDS = st.sampled_from([1, -1])


def atoms(seed=0, width=0.55, count=45, shape=SHAPE):
    """Deflections (y, x) towards Gaussian atoms in the frame of the scan, and their dark field."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape) * np.reshape(STEP, (2, 1, 1))
    field, dark = np.zeros((*shape, 2)), np.zeros(shape)
    for _ in range(count):
        dy = y - rng.uniform(-1, 1 + shape[0] * STEP[0])
        dx = x - rng.uniform(-1, 1 + shape[1] * STEP[1])
        bell = np.exp(-(dy**2 + dx**2) / (2 * width**2))
        field -= np.stack([dy, dx], axis=-1) * bell[..., None]
        dark += bell
    return field, dark


def on_detector(field, angle, handedness=1):
    y, x = ScanRotation(angle, handedness=handedness).to_detector(field[..., 0], field[..., 1])
    return np.stack([y, x], axis=-1)


def noisy(values, share, seed=1):
    return values + share * values.std() * np.random.default_rng(seed).normal(size=values.shape)


def test_detector_vector_is_the_scan_vector_turned_from_x_to_y():
    y, x = ScanRotation(np.pi / 2).to_detector(np.array(0.0), np.array(1.0))

    assert_allclose((y, x), (1, 0), atol=1e-15)


def test_mirrored_detector_flips_the_y_of_the_scan_first():
    y, x = ScanRotation(np.pi / 2, handedness=-1).to_detector(np.array(1.0), np.array(0.0))

    assert_allclose((y, x), (0, 1), atol=1e-15)


@settings(deadline=None, max_examples=30)
@given(angle=ANGLES, handedness=HANDS, seed=st.integers(0, 99))
def test_to_scan_undoes_to_detector(angle, handedness, seed):
    field = np.random.default_rng(seed).normal(size=(5, 7, 2))
    rotation = ScanRotation(angle, handedness=handedness)

    back = rotation.to_scan(*rotation.to_detector(field[..., 0], field[..., 1]))

    assert_allclose(np.stack(back, axis=-1), field, atol=1e-14)


@settings(deadline=None, max_examples=30)
@given(angle=ANGLES, seed=st.integers(0, 99))
def test_opposite_rotations_cancel(angle, seed):
    field = np.random.default_rng(seed).normal(size=(5, 7, 2))

    assert_allclose(on_detector(on_detector(field, angle), -angle), field, atol=1e-14)


@settings(deadline=None, max_examples=25)
@given(angle=ANGLES, handedness=HANDS)
def test_any_rotation_and_mirror_image_is_found(angle, handedness):
    field, dark = atoms()

    found = find_rotation(on_detector(field, angle, handedness), STEP, dark)

    assert abs(wrap(found.angle - angle)) < np.radians(0.2)
    assert found.handedness == handedness
    assert found.confidence > 0.95
    assert found.witness == "dark field"


@settings(deadline=None, max_examples=25)
@given(turn=ANGLES, seed=st.integers(0, 9))
def test_turning_deflections_turns_the_answer_by_as_much(turn, seed):
    field, dark = atoms(seed)
    field = noisy(field, 0.3)
    before = find_rotation(on_detector(field, 0.0), STEP, dark)
    after = find_rotation(on_detector(field, turn), STEP, dark)

    assert abs(wrap(after.angle - before.angle - turn)) < 1e-9
    assert after.handedness == before.handedness
    assert after.std == pytest.approx(before.std)


def plane(coefficients):
    y, x = np.indices(SHAPE)
    return np.stack([c[0] + c[1] * y + c[2] * x for c in np.reshape(coefficients, (2, 3))], -1)


@settings(deadline=None, max_examples=15)
@given(coefficients=st.lists(st.floats(-5, 5), min_size=6, max_size=6))
@example(coefficients=[0, -1, -1, 0, -1, -1])
@example(coefficients=[2, -3, -1, -5, -2, -1])
@example(coefficients=[1e4, 0, 300, -1e4, -200, 0])
def test_a_plane_in_the_deflections_changes_nothing(coefficients):
    field, dark = atoms()

    plain = find_rotation(on_detector(field, 2.0), STEP, dark)
    moved = find_rotation(on_detector(field, 2.0) + plane(coefficients), STEP, dark)

    assert moved.angle == pytest.approx(plain.angle, abs=1e-9)
    assert moved.handedness == plain.handedness
    assert moved.confidence == pytest.approx(plain.confidence, abs=1e-6)
    assert moved.witness == plain.witness == "dark field"


@settings(deadline=None, max_examples=10)
@given(coefficients=st.lists(st.floats(-5, 5), min_size=6, max_size=6))
@example(coefficients=[0, -1, -1, 0, -1, -1])
def test_a_plane_changes_nothing_where_patterns_are_empty_or_the_witness_is_weak(coefficients):
    field, dark = atoms(3, count=7)
    com, dark = noisy(on_detector(field, -0.7, -1), 0.5), noisy(dark, 2.0)
    com[4:9, 11:15] = com[20, 3] = com[-1] = np.nan

    plain = find_rotation(com, STEP, dark)
    moved = find_rotation(com + plane(coefficients), STEP, dark)

    assert moved.angle == pytest.approx(plain.angle, abs=1e-9)
    assert (moved.handedness, moved.witness) == (plain.handedness, plain.witness)
    assert moved.confidence == pytest.approx(plain.confidence, abs=1e-6)


def test_a_rotation_is_resolved_from_nine_in_ten():
    assert not ScanRotation(0.3, sign_confidence=0.95, handedness_confidence=0.94).resolved
    assert ScanRotation(0.3, sign_confidence=0.95, handedness_confidence=0.95).resolved


@pytest.mark.parametrize(
    ("shape", "count", "noise"), [((16, 21), 16, 0.3), (SHAPE, 45, 0.5), ((58, 49), 110, 1.0)]
)
def test_two_of_three_errors_are_within_the_standard_error(shape, count, noise):
    within = []
    for seed in range(120):
        field, dark = atoms(seed, count=count, shape=shape)
        found = find_rotation(noisy(on_detector(field, 1.0), noise, seed + 1), STEP, dark)
        error = abs(wrap(2 * (found.angle - 1.0))) / 2
        within.append(error < found.std)

    assert 0.60 < np.mean(within) < 0.76


def test_without_dark_field_sharp_peaks_at_atoms_tell_the_sign():
    field, _ = atoms(count=12)

    found = find_rotation(on_detector(field, -2.2), STEP)

    assert abs(wrap(found.angle + 2.2)) < np.radians(0.3)
    assert found.witness == "divergence"
    assert found.sign_confidence == 0.97


def test_holes_of_a_honeycomb_that_is_not_resolved_are_not_trusted():
    y, x = np.indices(SHAPE) * np.reshape(STEP, (2, 1, 1))
    waves = 2.2 * np.array([[0, 1], [np.sqrt(3) / 2, -0.5], [-np.sqrt(3) / 2, -0.5]])
    field = sum(np.sin(wy * y + wx * x)[..., None] * (wy, wx) for wy, wx in waves)

    found = find_rotation(noisy(field, 0.05), STEP)

    assert abs(wrap(found.angle - np.pi)) < np.radians(1)
    assert found.sign_confidence == 0.75
    assert not found.resolved


def test_a_handful_of_atoms_is_enough():
    field, dark = atoms(seed=3, count=6, width=0.5)

    found = find_rotation(noisy(on_detector(field, 0.9, -1), 0.2), STEP, noisy(dark, 0.2))

    assert abs(wrap(found.angle - 0.9)) < np.radians(3)
    assert found.handedness == -1
    assert found.resolved


def test_few_empty_patterns_do_not_matter():
    field, dark = atoms()
    com = on_detector(field, 1.3, -1)
    com[3, 5] = com[20, 20:23] = com[30, 0] = np.nan

    found = find_rotation(com, STEP, dark)

    assert abs(wrap(found.angle - 1.3)) < np.radians(1)
    assert found.handedness == -1


def test_known_handedness_is_kept():
    field, dark = atoms()

    found = find_rotation(on_detector(field, 0.5, -1), STEP, dark, handedness=-1)

    assert abs(wrap(found.angle - 0.5)) < np.radians(0.2)
    assert (found.handedness, found.handedness_confidence) == (-1, 1.0)


def test_noise_is_seldom_taken_for_a_rotation():
    rng = np.random.default_rng(0)
    found = [
        find_rotation(rng.normal(size=(*SHAPE, 2)), STEP, rng.normal(size=SHAPE)) for _ in range(60)
    ]

    assert np.mean([one.confidence for one in found]) < 0.5
    assert sum(one.resolved for one in found) <= 2


def test_stripes_do_not_tell_the_handedness():
    x = np.arange(SHAPE[1])
    field = np.zeros((*SHAPE, 2))
    field[..., 1] = np.sin(x / 2) + 0.5 * np.sin(x)

    found = find_rotation(noisy(field, 0.01), STEP)

    assert not found.resolved


@pytest.mark.parametrize(
    ("com", "words"),
    [
        (np.zeros((7, 30, 2)), "at least 8×8 positions .* got 7×30"),
        (np.zeros((30, 9)), r"\[iy, ix, 2\]"),
        (np.full((12, 9, 2), np.nan), "NaN everywhere"),
        (np.full((12, 9, 2), 3.5), "the same everywhere: nothing"),
        (plane([100, 3, -2, 0.1, 0.2, -5]), "the same everywhere but for a plane, which is descan"),
    ],
)
def test_what_cannot_tell_a_rotation_is_refused(com, words):
    with pytest.raises(InputError, match=words):
        find_rotation(com)


def test_scattered_positions_are_refused():
    com = np.full((12, 15, 2), np.nan)
    com[::4, ::4] = np.random.default_rng(0).normal(size=(3, 4, 2))

    with pytest.raises(InputError, match="only scattered ones"):
        find_rotation(com)


def test_handedness_is_a_sign():
    with pytest.raises(InputError, match="got 0"):
        find_rotation(atoms()[0], handedness=0)
