from concurrent.futures import ThreadPoolExecutor

import dask.array as da
import numpy as np
import pytest
import torch
from rotated_patterns import bragg, harmonic, rotated_patterns, threefold

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.circular import compare_angles, wrap
from stemwidgets.rrvae import RRVAE, model_file
from stemwidgets.rrvae import progress as watch
from stemwidgets.rrvae.basis.harmonics import fit_basis


@pytest.fixture(scope="module")
def truth():
    return rotated_patterns(harmonic, n=300, dose=2e4, seed=1, size=33)


@pytest.fixture(scope="module")
def model(truth):
    return RRVAE(seed=0).fit(truth.patterns)


def test_angle_is_the_rotation_and_latents_do_not_know_it(truth, model):
    encoding = model.encode(truth.patterns)

    comparison = compare_angles(encoding.angle, truth.angle)
    assert comparison.handedness == 1
    assert abs(comparison.offset) < np.radians(3)
    assert comparison.median_difference < 2 * truth.best_median_error
    assert encoding.latent.shape == (300, 2)
    spread = np.abs(np.corrcoef(encoding.latent.T, np.cos(truth.angle))[:2, 2])
    assert spread.max() < 0.2


def test_opposite_angles_in_one_batch_are_both_found(truth, model):
    turned_by_half = truth.patterns[:, ::-1, ::-1]

    before, after = model.encode(truth.patterns), model.encode(turned_by_half)

    difference = np.abs(wrap(after.angle - before.angle - np.pi))
    assert np.median(difference) < np.radians(1)


def test_reconstruction_is_the_pattern_without_its_noise(truth, model):
    encoding = model.encode(truth.patterns)

    expected = model.decode(encoding.latent, encoding.angle)

    assert expected.shape == truth.patterns.shape
    inside = np.isfinite(expected)
    misfit = (truth.patterns - expected)[inside]
    poisson = np.sqrt(truth.patterns[inside].mean())
    assert misfit.std() < 1.2 * poisson
    assert encoding.residual.mean() == pytest.approx(1.0, abs=0.1)


def test_confident_angles_are_the_accurate_ones(truth, model):
    encoding = model.encode(truth.patterns)

    assert ((encoding.confidence > 0) & (encoding.confidence <= 1)).all()
    assert encoding.confidence.mean() > 0.9


def test_decoded_pattern_at_angle_zero_has_its_com_along_kx(model):
    pattern, opposite = np.nan_to_num(model.decode(np.zeros((2, 2)), [0.0, np.pi]))
    y, x = np.indices(pattern.shape) - 16.0

    turning = pattern - opposite
    assert (turning * x).sum() > 20 * abs((turning * y).sum())


def test_same_seed_gives_identical_maps(truth, model):
    again = RRVAE(seed=0).fit(truth.patterns)

    np.testing.assert_array_equal(
        model.encode(truth.patterns).angle, again.encode(truth.patterns).angle
    )


def test_watching_does_not_change_what_is_learned(truth, model, monkeypatch):
    monkeypatch.setattr(watch, "SECONDS_BETWEEN_MAPS", 0.0)
    monkeypatch.setattr(watch, "LARGEST_SHARE", 1e9)
    watched = RRVAE(seed=0)
    progress = list(watched.steps(truth.patterns))

    assert sum(moment.encoding is not None for moment in progress) > 10
    assert progress[-1].epoch == progress[-1].epochs
    assert progress[-1].remaining == 0
    assert progress[-1].encoding.angle.shape == (300,)
    assert progress[-1].loss < progress[0].loss
    np.testing.assert_array_equal(
        model.encode(truth.patterns).angle, watched.encode(truth.patterns).angle
    )


def test_closing_early_leaves_a_usable_model(truth):
    model = RRVAE(seed=0)
    steps = model.steps(truth.patterns)
    next(steps)
    steps.close()

    assert model.trained
    assert np.isfinite(model.encode(truth.patterns).angle).all()


def test_threads_are_given_back(truth):
    threads = torch.get_num_threads()
    steps = RRVAE().steps(truth.patterns)
    next(steps)

    assert torch.get_num_threads() == threads
    steps.close()


def test_saved_model_gives_identical_maps(truth, model, tmp_path):
    model.save(tmp_path / "soft_disc.rrvae")
    loaded = RRVAE.load(tmp_path / "soft_disc.rrvae")

    before, after = model.encode(truth.patterns), loaded.encode(truth.patterns)
    for name in ("angle", "latent", "confidence", "residual"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    np.testing.assert_array_equal(model.decode([0.5, 0.1], 1.0), loaded.decode([0.5, 0.1], 1.0))
    assert list(tmp_path.iterdir()) == [tmp_path / "soft_disc.rrvae"]


def as_dask(scan):
    return da.from_array(scan, chunks=(4, 6, 33, 20))


@pytest.mark.parametrize(
    "as_type", [torch.from_numpy, as_dask, lambda a: a.astype(">i4"), lambda a: a * 1e-6]
)
def test_kind_and_scale_of_the_array_do_not_matter(truth, model, as_type):
    scan = truth.patterns.reshape(15, 20, 33, 33).astype(np.float32)

    encoding = RRVAE(seed=0).fit(as_type(scan)).encode(as_type(scan))

    assert encoding.angle.shape == (15, 20)
    assert encoding.latent.shape == (15, 20, 2)
    comparison = compare_angles(encoding.angle.ravel(), truth.angle)
    assert comparison.median_difference < 2 * truth.best_median_error


def test_dose_may_vary_over_the_scan(truth):
    rng = np.random.default_rng(0)
    dose = rng.uniform(0.3, 1.7, 300)
    patterns = rng.poisson(truth.patterns * dose[:, None, None])

    encoding = RRVAE(seed=0).fit(patterns).encode(patterns)

    assert compare_angles(encoding.angle, truth.angle).median_difference < np.radians(3)


def test_empty_pattern_gives_nan_and_harms_nothing(truth, model):
    patterns = truth.patterns.copy()
    patterns[7] = 0
    encoding = RRVAE(seed=0).fit(patterns).encode(patterns)

    assert np.isnan(encoding.angle[7])
    assert np.isnan(encoding.latent[7]).all()
    assert np.isfinite(np.delete(encoding.angle, 7)).all()


def test_non_square_pixels_are_turned_in_physical_units():
    truth = rotated_patterns(harmonic, n=300, dose=2e4, seed=1, size=66)
    tall = truth.patterns.reshape(300, 33, 2, 66).sum(axis=2)

    encoding = RRVAE(seed=0).fit(tall, pixel_size=(2.0, 1.0)).encode(tall)

    comparison = compare_angles(encoding.angle, truth.angle)
    assert comparison.median_difference < 2 * truth.best_median_error


def test_threefold_patterns_have_an_angle_modulo_120_degrees():
    truth = rotated_patterns(threefold, n=400, dose=2e4, seed=2, size=33, symmetry=3)

    model = RRVAE(seed=0).fit(truth.patterns)

    assert model.symmetry == 3
    angle = model.encode(truth.patterns).angle
    assert np.abs(angle).max() <= np.pi / 3 + 1e-6
    assert compare_angles(3 * angle, 3 * truth.angle).median_difference / 3 < np.radians(2)


def test_basis_keeps_signal_and_leaves_noise():
    truth = rotated_patterns(harmonic, n=600, dose=1e4, seed=0)
    y, x = np.indices((64, 64)) - 31.5
    inside = np.hypot(y, x) < 30
    prepared = truth.patterns[:, inside].astype(np.float32)

    basis = fit_basis(prepared, y[inside], x[inside])

    assert sorted(basis.order) == [1, 2, 3]
    assert basis.noise == pytest.approx(1.0, abs=0.1)


def test_basis_keeps_the_com_of_sharp_discs():
    truth = rotated_patterns(bragg, n=300, dose=None, seed=0)
    y, x = (axis.ravel() - 31.5 for axis in np.indices((64, 64)))
    prepared = truth.patterns.reshape(300, -1)

    basis = fit_basis(prepared, y, x)

    restored = basis.restore(basis.project(prepared)[0])
    own, kept = (np.arctan2(p @ y, p @ x) for p in (prepared, restored))
    assert np.degrees(np.median(np.abs(wrap(kept - own)))) < 0.2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"latent_dim": 0}, "latent_dim between 1 and 16, got 0"),
        ({"latent_dim": 2.0}, "whole number"),
        ({"seed": -1}, "seed between 0"),
        ({"kind": "magic"}, "one of harmonic, paper, vae, got 'magic'"),
        ({"device": "toaster"}, "toaster"),
    ],
)
def test_nonsense_options_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        RRVAE(**options)


def test_unknown_keyword_is_refused():
    with pytest.raises(TypeError, match="latent_dimension"):
        RRVAE(latent_dimension=2)


def with_pixel(value):
    patterns = np.random.default_rng(0).poisson(9.0, (20, 12, 14)).astype(float)
    patterns[3, 4, 5] = value
    return patterns


@pytest.mark.parametrize(
    ("patterns", "words"),
    [
        (np.zeros((0, 20, 22)), "at least one pattern"),
        (np.ones((20, 22)), "2 dimensions"),
        (np.ones((30, 20, 22), complex), "complex128"),
        (np.ones((30, 6, 22)), "at least 8×8"),
        (np.ones((30, 20, 22)), "without contrast"),
        (np.zeros((30, 20, 22)), "at least 16 patterns with counts.*got 0"),
        (with_pixel(np.nan), "NaN or infinite pixels in 1 pattern of 20"),
        (with_pixel(np.inf), "NaN or infinite pixels in 1 pattern of 20"),
        (np.random.default_rng(0).poisson(9.0, (5, 12, 14)), "at least 16 patterns"),
        ("scan.mib", "Expected an array"),
    ],
)
def test_patterns_that_teach_nothing_are_refused_in_words(patterns, words):
    model = RRVAE()

    with pytest.raises(InputError, match=words):
        model.fit(patterns)
    assert not model.trained


def test_equal_patterns_teach_nothing(truth):
    alike = np.repeat(truth.patterns[:1], 40, axis=0)

    with pytest.raises(InputError, match="alike"):
        RRVAE().fit(alike)


def test_failed_fit_keeps_what_was_learned(truth):
    model = RRVAE(seed=0)
    steps = model.steps(truth.patterns)
    next(steps)
    steps.close()

    with pytest.raises(InputError):
        model.fit(truth.patterns[:3])
    assert model.trained


def test_pixel_size_must_be_two_lengths(truth):
    with pytest.raises(InputError, match="pixel_size"):
        RRVAE().fit(truth.patterns, pixel_size=(0.0, 1.0))


def test_untrained_model_says_so(tmp_path):
    for use in (
        lambda m: m.encode(np.ones((20, 12, 14))),
        lambda m: m.decode([0.0, 0.0]),
        lambda m: m.save(tmp_path / "x.rrvae"),
    ):
        with pytest.raises(InputError, match="Call fit first"):
            use(RRVAE())


def test_encode_refuses_patterns_of_another_shape(truth, model):
    with pytest.raises(InputError, match=r"33×33 pixels.*got 33×32"):
        model.encode(truth.patterns[:, :, :-1])


def test_decode_refuses_latents_of_another_dimension(model):
    with pytest.raises(InputError, match="latent variables of shape"):
        model.decode(np.zeros(3))
    with pytest.raises(InputError, match="one angle and class for each"):
        model.decode(np.zeros((4, 2)), np.zeros(3))


def test_damaged_and_foreign_model_files_are_refused(model, tmp_path):
    path = tmp_path / "model.rrvae"
    model.save(path)
    whole = path.read_bytes()

    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cannot be read"):
        RRVAE.load(path)
    path.write_bytes(b"not a model at all")
    with pytest.raises(InputError, match="cannot be read"):
        RRVAE.load(path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        RRVAE.load(tmp_path / "nowhere.rrvae")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        model.save(tmp_path / "no" / "folder.rrvae")


def test_two_models_train_at_the_same_time(truth):
    alone = RRVAE(seed=0).fit(truth.patterns).encode(truth.patterns)

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda seed: RRVAE(seed=seed).fit(truth.patterns), (0, 1)))

    np.testing.assert_array_equal(together[0].encode(truth.patterns).angle, alone.angle)


@pytest.mark.parametrize("inexact", [-1.0, float("nan"), float("inf"), "0", None])
def test_a_variance_that_is_none_is_refused_in_a_model_file(truth, tmp_path, inexact):
    path = tmp_path / "model.rrvae"
    RRVAE(seed=0).fit(truth.patterns[:100]).save(path)
    tensors, record = model_file.read(path)
    model_file.write(path, tensors, record | {"inexact": inexact})

    with pytest.raises(InputError, match="has a wrong one"):
        RRVAE.load(path)
