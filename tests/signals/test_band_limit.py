"""The band limit of a scan: found, given or none, in the COM and in the rrVAE."""

import hyperspy.api as hs
import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.circular import wrap

DOSE = 1e4
LIMIT = 1.315  # 1/Å: 2α/λ of the sample


@pytest.fixture(scope="module")
def noisy():
    return sw.samples.graphene(dose=DOSE, seed=1)


@pytest.fixture(scope="module")
def truth():
    return sw.center_of_mass(sw.samples.graphene(dose=None))


def strong(truth):
    size = truth.magnitude.data
    return size > np.percentile(size, 20)


def error(angle, truth):
    return np.abs(wrap(angle.data - truth.angle.data))[strong(truth)]


def test_com_of_neighbours_is_twice_as_exact_and_its_error_bar_holds(noisy, truth):
    alone = sw.center_of_mass(noisy)
    together = sw.center_of_mass(noisy, band_limit="auto")

    ratio = np.median(error(together.angle, truth)) / np.median(error(alone.angle, truth))
    assert ratio < 0.48
    covered = error(together.angle, truth) <= together.angle_std.data[strong(truth)]
    assert 0.6 < covered.mean() < 0.78
    assert together.band_limit.frequency == pytest.approx(LIMIT, rel=0.02)
    assert "neighbours" in repr(together)
    np.testing.assert_array_equal(together.positions, alone.positions)


def test_scan_that_is_periodic_gains_more(noisy, truth):
    edges = sw.center_of_mass(noisy, band_limit=LIMIT)
    periodic = sw.center_of_mass(noisy, band_limit=LIMIT, periodic=True)

    medians = [np.median(error(com.angle, truth)) for com in (periodic, edges)]
    assert medians[0] < medians[1] * 1.02


def test_noise_free_com_comes_back(truth):
    limited = sw.center_of_mass(sw.samples.graphene(dose=None), band_limit=LIMIT)

    size = np.sqrt(np.mean(truth.magnitude.data**2))
    for name in ("x", "y"):
        difference = getattr(limited, name).data - getattr(truth, name).data
        assert np.sqrt(np.mean(difference**2)) < 1e-3 * size


def test_rrvae_reads_neighbours_by_default_and_says_so(noisy, truth):
    model = sw.RRVAE(seed=0).fit(noisy)
    alone = sw.RRVAE(seed=0, band_limit=None).fit(noisy)

    medians = [np.median(error(m.encode(noisy).angle, truth)) for m in (model, alone)]
    assert medians[0] < 0.5 * medians[1]
    assert "neighbours" in model.limit.words
    assert alone.limit is None


def test_model_keeps_its_choice_in_a_file(noisy, tmp_path):
    model = sw.RRVAE(seed=0, band_limit=LIMIT, periodic=True).fit(noisy)
    model.save(tmp_path / "model.rrvae")

    again = sw.RRVAE.load(tmp_path / "model.rrvae")

    np.testing.assert_array_equal(again.encode(noisy).angle.data, model.encode(noisy).angle.data)
    assert again.limit.limit.periodic


def test_coarse_steps_have_nothing_to_gain(noisy):
    coarse = noisy.deepcopy()
    for axis in coarse.axes_manager.navigation_axes:
        axis.scale *= 3
    model = sw.RRVAE(seed=0).fit(coarse)

    assert model.limit.limit is None
    assert "read by itself" in model.limit.words
    assert sw.center_of_mass(coarse, band_limit=LIMIT).band_limit is None


def test_scan_without_calibration_is_read_pattern_by_pattern(noisy):
    uncalibrated = noisy.deepcopy()
    for axis in uncalibrated.axes_manager.navigation_axes:
        axis.units = ""
    model = sw.RRVAE(seed=0).fit(uncalibrated)

    assert model.limit.limit is None
    with pytest.raises(InputError, match="scan axes"):
        sw.center_of_mass(uncalibrated, band_limit=LIMIT)


@pytest.mark.parametrize("wrong", ["on", -1.0, 0.0, float("nan"), [1.3]])
def test_anything_else_is_refused(noisy, wrong):
    with pytest.raises(InputError, match="band_limit"):
        sw.RRVAE(band_limit=wrong)
    with pytest.raises(InputError, match="band_limit"):
        sw.center_of_mass(noisy, band_limit=wrong)


def test_lazy_scan_gives_the_same_bits(noisy):
    lazy = noisy.as_lazy()
    lazy.data = lazy.data.rechunk((5, 7, -1, -1))

    maps = sw.RRVAE(seed=0, band_limit=LIMIT).fit(noisy).encode(noisy)
    same = sw.RRVAE(seed=0, band_limit=LIMIT).fit(lazy).encode(lazy)

    np.testing.assert_array_equal(same.angle.data, maps.angle.data)


def test_positions_without_counts_stay_empty_and_disturb_no_other(noisy, truth):
    gap = noisy.deepcopy()
    gap.data[5, 9] = 0
    com = sw.center_of_mass(gap, band_limit=LIMIT)
    angle = sw.RRVAE(seed=0, band_limit=LIMIT).fit(gap).encode(gap).angle

    assert np.isnan(com.angle.data[5, 9])
    assert np.isnan(angle.data[5, 9])
    assert np.isnan(angle.data).sum() == 1


def test_patterns_with_neighbours_are_nearer_to_the_truth(noisy):
    expected = sw.samples.graphene(dose=None).data.astype(float)
    expected *= DOSE / expected.sum(axis=(2, 3)).mean()

    limited = sw.band_limited(noisy)

    squares = [np.mean((signal.data - expected) ** 2) for signal in (limited, noisy)]
    assert squares[0] < 0.22 * squares[1]
    np.testing.assert_allclose(limited.data.sum(), noisy.data.sum(), rtol=1e-4)
    assert limited.metadata.General.title == noisy.metadata.General.title


def test_com_of_patterns_with_neighbours_is_the_com_with_neighbours(noisy):
    of_patterns = sw.center_of_mass(sw.band_limited(noisy), faulty=None)
    of_maps = sw.center_of_mass(noisy, band_limit="auto")

    difference = np.abs(wrap(of_patterns.angle.data - of_maps.angle.data))
    assert np.degrees(np.median(difference)) < 0.1


def test_lazy_patterns_with_neighbours_are_the_same_bits_whatever_the_chunks(noisy):
    lazy = noisy.as_lazy()
    lazy.data = lazy.data.rechunk((3, 10, -1, 40))

    limited = sw.band_limited(lazy, band_limit=LIMIT)

    assert limited._lazy
    now = sw.band_limited(noisy, band_limit=LIMIT)
    np.testing.assert_array_equal(limited.data.compute(), now.data)


def test_scan_of_several_windows_is_read_window_by_window(noisy):
    part = noisy.isig[20:60, 20:58]
    large = hs.stack([hs.stack([part] * 4, axis=0)] * 6, axis=1)
    lazy = large.as_lazy()

    limited = sw.band_limited(lazy, band_limit=LIMIT).data

    assert limited.shape == large.data.shape
    assert limited.numblocks[0] > 1
    assert limited.numblocks[1] > 1
    middle = sw.band_limited(large, band_limit=LIMIT).data
    np.testing.assert_array_equal(limited.compute(), middle)


def test_scan_that_gains_nothing_is_refused_in_words(noisy):
    coarse = noisy.deepcopy()
    for axis in coarse.axes_manager.navigation_axes:
        axis.scale *= 3

    with pytest.raises(InputError, match="gains by its neighbours"):
        sw.band_limited(coarse)
