"""The spectrum of a scan: what lies beyond the limit is found with its size, and nothing else."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

import stemwidgets as sw
from stemwidgets.arrays.band_limit.measure import measure_spectrum
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.scan_report.checking import Checking
from stemwidgets.arrays.scan_report.spectrum_of import spectrum_of
from stemwidgets.signals.check import with_beam

CROPS = {  # positions of the shipped samples that end off their period
    "graphene": np.s_[1:14, 1:22],
    "graphene_silicon": np.s_[2:25, 1:32],
    "graphene_vacancy": np.s_[2:29, 1:32],
    "zincblende": np.s_[1:30, 2:25],
}
STEPS = (0.2, 0.25)


def spectrum(signal, crop=np.s_[:, :], limit=None, finer=(1.0, 1.0)):
    """Spectrum of a part of a scan, whose steps are said to be so many times as long."""
    data, axes, title, known = with_beam(signal)
    data = data[crop]
    y, x = (
        dataclasses.replace(axis, size=size, scale=axis.scale * factor)
        for axis, size, factor in zip(axes[:2], data.shape[:2], finer, strict=True)
    )
    checking = Checking(data, axes._replace(scan_y=y, scan_x=x), title, **known)
    for _ in checking.steps():
        pass
    return spectrum_of(checking.seen(), limit)


def noisy(shape=(32, 40), seed=0, extra=0.0):
    """Slow maps with white noise of variance 1, and more of it."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    slow = np.stack([np.sin(0.5 * y + 0.3 * x), np.cos(0.4 * x - 0.2 * y)], axis=-1)
    return 5 * slow + np.sqrt(1 + extra) * random.normal(size=(*shape, 2))


@pytest.mark.parametrize("name", CROPS)
@pytest.mark.parametrize("dose", [None, 1e3, 1e4, 1e5, 1e6])
def test_sound_scans_hold_nothing_but_shot_noise_beyond_the_limit(name, dose):
    found = spectrum(getattr(sw.samples, name)(dose=dose), CROPS[name])
    print(f"{name} {dose}: {found.excess:+.3f} ± {found.excess_error:.3f}, {found.cutoff}")
    assert found.passes
    if dose is None:  # rounding of the expectation is all its noise
        assert found.share < 1e-5
    else:
        assert abs(found.excess) < 4 * found.excess_error
        assert found.cutoff < 1.1 * found.limit


@pytest.mark.parametrize(("wrong", "finer"), [(0.6, 1.0), (1.0, 0.6)])
def test_a_wrong_semi_angle_or_step_is_found_with_the_limit_that_the_data_show(wrong, finer):
    """At 10⁵ electrons, to 10 %."""
    for seed in range(5):
        signal = sw.samples.zincblende(dose=1e5, seed=seed)
        found = spectrum(signal, CROPS["zincblende"], wrong * 1.994, (finer, finer))
        assert found.passes is False
        assert found.excess > 10
        assert found.cutoff == pytest.approx(1.994 / finer, rel=0.1)
        assert found.semi_angle == pytest.approx(25 / finer, rel=0.1)
        assert "the data show a limit of" in found.words


@pytest.mark.parametrize(
    ("camera", "dose", "low", "high"),
    [
        (sw.Camera(), 3e4, -0.05, 0.05),
        (sw.Camera(drift=0.05), 3e4, -0.05, 0.05),
        (sw.Camera(readout_noise=0.5), 1e6, -0.05, 0.05),
        (sw.Camera(jitter=0.019), 3e4, -0.03, 0.08),  # 2 % of the probe, 0.93 Å wide
        (sw.Camera(jitter=0.046), 3e4, 0.06, 0.2),  # 5 %
        (sw.Camera(jitter=0.093), 3e4, 0.25, 0.6),  # 10 %
        (sw.Camera(line_jitter=0.093), 3e4, 0.15, 0.6),
        (sw.Camera(jitter=0.046), 1e6, 2.0, 5.0),
        (sw.Camera(line_jitter=0.046), 1e6, 1.5, 5.0),
    ],
)
def test_jitter_is_an_excess_beside_the_shot_noise_and_drift_is_none(camera, dose, low, high):
    found = spectrum(sw.samples.experiment(dose=dose, camera=camera))
    print(f"{found.excess:+.3f} ± {found.excess_error:.3f}: {found.words}")
    assert low < found.excess < high
    assert found.passes == (found.excess < 1)
    if not found.passes:
        assert "a semi-angle of" not in found.words  # jitter is taken for no other limit


def smeared(counts):
    """Counts of a camera whose pixels share electrons with their neighbours."""
    return ndimage.gaussian_filter(counts.astype("f4"), (0, 0, 0.5, 0.5))


def flickering(counts):
    """Counts of a beam current that varies by 3 % from pattern to pattern."""
    random = np.random.default_rng(0)
    return random.binomial(counts, 0.8 + 0.024 * random.normal(size=(*counts.shape[:2], 1, 1)))


def integrated(counts):
    """Counts of a camera that gives each electron another number of counts."""
    return np.random.default_rng(0).gamma(np.maximum(counts, 1e-9) * 2.0).astype("f4") * 20


@pytest.mark.parametrize("camera", [smeared, flickering, integrated])
@pytest.mark.parametrize("dose", [1e4, 1e5])
def test_cameras_and_currents_feign_no_jitter(camera, dose):
    signal = sw.samples.experiment(dose=dose, camera=sw.Camera())
    signal.data = camera(signal.data)
    found = spectrum(signal)
    print(f"{found.map_excess.round(2)}: {found.words}")
    assert found.passes
    assert np.abs(found.map_excess[:2]).max() < 0.15  # the COM
    assert abs(found.excess) < 0.25


def test_saturated_counts_scatter_less_than_electrons():
    signal = sw.samples.experiment(dose=1e5, camera=sw.Camera(saturation=40))
    assert "less than shot noise" in spectrum(signal).words


def test_an_excess_is_measured_in_units_of_the_noise():
    for extra in (0.0, 0.5, 3.0):
        found = measure_spectrum(noisy(extra=extra), np.ones(2), STEPS, 0.8)
        assert found.excess == pytest.approx(extra, abs=4 * found.excess_error)
        assert np.median(found.map_excess) == pytest.approx(found.excess)
        assert found.passes == (extra < 1)
        assert 0.6 < 1 - found.passed < 0.95


def test_the_error_of_an_excess_is_its_scatter():
    noise = np.array([[1.0, 0.9], [0.9, 1.0]])
    half = np.linalg.cholesky(noise)
    random = np.random.default_rng(4)
    found = [
        measure_spectrum(random.normal(size=(20, 24, 2)) @ half.T, noise, STEPS, 1.0)
        for _ in range(60)
    ]
    scatter = np.std([each.excess for each in found])
    assert np.mean([each.excess_error for each in found]) == pytest.approx(scatter, rel=0.3)
    assert abs(np.mean([each.excess for each in found])) < 4 * scatter / np.sqrt(60)
    assert sum(each.cutoff is not None for each in found) <= 2


def test_noise_of_unknown_size_is_that_of_the_highest_frequencies():
    found = measure_spectrum(7.0 * noisy(), np.ones(2), STEPS, 0.8, counted=False)
    assert found.passes
    assert abs(found.excess) < 0.2
    assert "shot noise" not in found.words


def test_without_a_limit_the_data_show_where_their_power_ends():
    found = measure_spectrum(noisy(), np.ones(2), STEPS, beam_energy=60)
    assert found.passes is None
    assert 0.3 < found.cutoff < 0.7
    assert found.semi_angle == pytest.approx(1e3 * 0.04866 * found.cutoff / 2, rel=1e-3)
    assert "The limit of the probe is not known; power is seen up to" in found.words
    in_steps = measure_spectrum(noisy(), np.ones(2), (1, 1), None, 60, units="1/step")
    assert in_steps.semi_angle is None
    assert "cycles per step" in in_steps.words


def test_gaps_and_empty_edges_feign_nothing():
    data = sw.samples.zincblende(dose=1e5)
    gaps = np.random.default_rng(0).random(data.data.shape[:2]) < 0.04
    gaps[-3:] = gaps[:, :2] = True
    data.data[gaps] = 0
    found = spectrum(data)
    assert found.passes
    assert abs(found.excess) < 4 * found.excess_error
    half = noisy()
    half[::2, ::2] = np.nan
    assert "25 % of the positions are empty" in measure_spectrum(half, np.ones(2), STEPS).words


def test_coarse_steps_along_one_axis_or_both():
    signal, coarse = sw.samples.zincblende(dose=1e5), (2.0, 1.0)
    one = spectrum(signal, np.s_[::2, :], finer=coarse)
    assert one.aliased == (True, False)
    assert one.passes
    assert "along y the steps are too coarse" in one.words
    both = spectrum(signal, np.s_[::2, ::2], finer=(2.0, 2.0))
    assert both.aliased == (True, True)
    assert "nothing to gain" in both.words


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (7, 30)])
def test_few_positions_are_said_to_be_too_few(shape):
    found = measure_spectrum(np.ones((*shape, 2)), np.ones(2), STEPS, 1.0)
    assert found.words == "Not measurable: it takes 8 × 8 positions."
    assert found.passes is None
    assert found.cutoff is None


def test_maps_that_do_not_vary_and_a_scan_without_noise():
    same = measure_spectrum(np.ones((20, 20, 2)), np.ones(2), STEPS, 1.0)
    assert same.words == "Not measurable: the maps are the same everywhere."
    part = noisy()
    part[..., 1] = 3.0
    found = measure_spectrum(part, np.ones(2), STEPS, 0.8)
    assert np.isnan(found.map_excess[1])
    assert np.isfinite(found.map_excess[0])


@pytest.mark.parametrize("noise", [np.ones(3), np.ones((2, 3)), 1.0])
def test_noise_of_another_shape_is_refused(noise):
    with pytest.raises(InputError, match="variances"):
        measure_spectrum(noisy(), noise, STEPS)


def test_a_step_of_nothing_is_refused():
    with pytest.raises(InputError, match="scan steps"):
        measure_spectrum(noisy(), np.ones(2), (0.0, 1.0))
