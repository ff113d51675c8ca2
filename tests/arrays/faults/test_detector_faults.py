"""What real detectors do to patterns: dead and hot pixels, beam stops, cosmic rays, odd shapes."""

import dask.array as da
import numpy as np
import pytest
from rotated_patterns import Detector, bragg, expected_patterns, harmonic, rotated_patterns
from scans import events_of, to_the_end

import stemwidgets as sw
from stemwidgets.arrays.blocks import read_blocks
from stemwidgets.arrays.center_of_mass import center_of_mass
from stemwidgets.arrays.disc.find import Ellipse
from stemwidgets.arrays.faults.find import find_faulty
from stemwidgets.arrays.faults.pixel_statistics import PixelSums
from stemwidgets.arrays.faults.scan import repaired
from stemwidgets.arrays.maps.circular import compare_angles, wrap
from stemwidgets.arrays.masks import common_mask
from stemwidgets.rrvae import RRVAE
from stemwidgets.rrvae.harmonic.projection import project_scan

SHAPE, CENTER, MAGNIFICATION = (24, 31), (11.2, 15.6), 0.42
INTENSITIES = [harmonic, bragg]


def pixel_statistics(data):
    """Statistics of each pixel, from sums that add up block by block."""
    sums = PixelSums(data.shape[-2:])
    for _, more in read_blocks(data, sums.of):
        sums.merge(more)
    return sums.statistics()


def draw(intensity=harmonic, n=300, dose=1e5, seed=1, **options):
    placed = {"shape": SHAPE, "center": CENTER, "magnification": MAGNIFICATION, **options}
    return rotated_patterns(intensity, n, dose, seed, detector=Detector(**placed))


def clean(truth, dose=1e5):
    """What the patterns are without noise."""
    detector = Detector(SHAPE, CENTER, MAGNIFICATION)
    patterns = expected_patterns(harmonic, truth.angle, truth.factor, truth.kind, 0, detector)
    return patterns * (dose / patterns.sum(axis=(1, 2)).mean())


def pixels(*where):
    mask = np.zeros(SHAPE, dtype=bool)
    for y, x in where:
        mask[y, x] = True
    return mask


@pytest.fixture(scope="module")
def truth():
    return draw()


@pytest.fixture(scope="module")
def encoding(truth):
    return RRVAE(seed=0).fit(truth.patterns).encode(truth.patterns)


def error(angle, truth):
    return np.degrees(np.abs(wrap(angle - truth.angle)))


@pytest.mark.parametrize("dose", [None, 1e4, 300])
@pytest.mark.parametrize("intensity", INTENSITIES)
def test_sound_detector_has_no_faults(intensity, dose):
    patterns = draw(intensity, dose=dose).patterns
    found = find_faulty(patterns)

    assert found.words == ""
    assert not len(events_of(patterns, found))


@pytest.mark.parametrize("scale", [1, 1e-4])
@pytest.mark.parametrize("intensity", INTENSITIES)
def test_dead_and_hot_pixels_are_found(intensity, scale):
    rng = np.random.default_rng(0)
    patterns = draw(intensity, dose=1e4).patterns.astype(float)
    dead, hot = pixels((11, 14), (11, 15), (7, 17)), pixels((13, 18), (17, 18), (1, 29))
    patterns[:, dead] = 0
    patterns[:, hot] += rng.poisson(300, (300, 3))

    found = find_faulty(patterns * scale).mask

    np.testing.assert_array_equal(found, dead | hot)


def test_hot_pixels_are_found_where_too_much_dark_was_subtracted():
    patterns = np.random.default_rng(0).poisson(1.0, (72, *SHAPE)).astype("i4") - 7
    hot = pixels((13, 18), (4, 9))
    patterns[:, hot] += 500

    np.testing.assert_array_equal(find_faulty(patterns).mask, hot)


def test_dead_column_is_found_where_there_is_light():
    patterns = draw().patterns
    patterns[:, :, 17] = 0

    found = find_faulty(patterns).mask

    assert found[4:19, 17].all()
    assert not np.delete(found, 17, axis=1).any()


def test_pixels_that_are_never_finite_are_left_out():
    patterns = draw(n=40).patterns.astype(np.float32)
    patterns[:, 3, 5] = np.nan
    patterns[:, 11, 12] = np.inf
    found = find_faulty(patterns).mask

    np.testing.assert_array_equal(found, pixels((3, 5), (11, 12)))
    patterns[7, 11, 20] = np.nan
    with pytest.raises(sw.InputError, match="in 1 pattern of 40"):
        pixel_statistics(patterns)


@pytest.mark.parametrize("kind", [np.uint16, np.float32, ">i4"])
def test_statistics_are_those_of_every_pixel(kind):
    scan = np.random.default_rng(0).poisson(900, (5, 6, 9, 12)).astype(kind)
    scan[2, 3] = 0

    for data in (scan, da.from_array(scan, chunks=(2, 3, 9, 5))):
        statistics = pixel_statistics(data)
        np.testing.assert_allclose(statistics.mean, scan.mean(axis=(0, 1)), rtol=1e-6)
        np.testing.assert_allclose(statistics.variance, scan.var(axis=(0, 1)), rtol=1e-4)
        assert (statistics.count, statistics.filled) == (30, 29)


def test_cosmic_rays_are_taken_out_and_nothing_else():
    rng = np.random.default_rng(0)
    clean = draw(dose=1e4).patterns
    patterns = clean.copy()
    where = rng.integers(0, 300, 30), rng.integers(0, 24, 30), rng.integers(0, 31, 30)
    patterns[where] += 800

    found = np.asarray(repaired(patterns, find_faulty(patterns)))

    changed = np.zeros(patterns.shape, dtype=bool)
    changed[where] = True
    np.testing.assert_array_equal(found != patterns, changed)
    assert np.abs(found[where].astype(float) - clean[where]).mean() < 10


def test_cosmic_rays_do_not_move_the_angle():
    rng = np.random.default_rng(0)
    truth = draw(dose=1e4)
    patterns = truth.patterns.copy()
    hit = np.arange(0, 300, 10)
    patterns[hit, rng.integers(0, 24, 30), rng.integers(0, 31, 30)] += 3000

    angle = RRVAE(seed=0).fit(patterns).encode(patterns).angle

    assert np.median(error(angle, truth)) < 6
    assert np.median(error(angle, truth)[hit]) < 8


PLACES = {
    "even and odd, off centre": {"shape": (23, 30), "center": (10.6, 16.3)},
    "wide pixels": {"shape": (31, 20), "center": (15.2, 9.3), "aspect": 0.7, "magnification": 0.38},
    "ellipse": {"ellipse": Ellipse(1.1, 0.4)},
    "ellipse on tall pixels": {
        "shape": (20, 32),
        "center": (9.6, 15.1),
        "aspect": 1.25,
        "ellipse": Ellipse(1.06, -0.9),
    },
}


@pytest.mark.parametrize("place", PLACES)
def test_angle_is_physical_on_any_detector(place, truth, encoding):
    placed = draw(**PLACES[place])
    pixel_size = (PLACES[place].get("aspect", 1.0), 1.0)

    model = RRVAE(seed=0).fit(placed.patterns, pixel_size)
    angle = model.encode(placed.patterns).angle

    comparison = compare_angles(angle, placed.angle)
    assert comparison.handedness == 1
    assert abs(np.degrees(comparison.offset)) < 1
    assert comparison.median_difference < 3.5 * placed.best_median_error
    ellipse = PLACES[place].get("ellipse", Ellipse())
    assert model.used_pixels.ellipse.ratio == pytest.approx(ellipse.ratio, abs=0.01)


def test_undone_ellipse_gives_a_better_angle(monkeypatch):
    placed = draw(ellipse=Ellipse(1.1, 0.4))

    undone = RRVAE(seed=0).fit(placed.patterns).encode(placed.patterns)
    monkeypatch.setattr("stemwidgets.arrays.disc.edge.LEAST_ELLIPTICITY", 1.0)
    left = RRVAE(seed=0).fit(placed.patterns).encode(placed.patterns)

    assert np.median(error(undone.angle, placed)) < 0.7 * np.median(error(left.angle, placed))


def beam_stop():
    y, x = np.indices(SHAPE)
    return (np.hypot(y - 11, x - 15) < 2.2) | ((np.abs(x - 15) < 1) & (y > 11))


def test_beam_stop_costs_what_it_hides(truth, encoding):
    stop = beam_stop()
    hidden = draw(hidden=stop)
    patterns = np.where(stop, np.nan, hidden.patterns)

    model = RRVAE(seed=0).fit(patterns, mask=stop)
    behind = model.encode(patterns)

    assert abs(np.degrees(compare_angles(behind.angle, hidden.angle).offset)) < 1
    cost = hidden.best_median_error / truth.best_median_error
    usual = np.median(error(encoding.angle, truth))
    assert np.median(error(behind.angle, hidden)) < 1.5 * cost * usual
    stop &= np.hypot(*(np.indices(SHAPE) - np.array(CENTER)[:, None, None])) < 8
    shown, there = model.decode(behind.latent, behind.angle)[:, stop], clean(hidden)[:, stop]
    assert np.sqrt(np.mean((shown - there) ** 2)) < 0.25 * there.std()


def test_few_pixels_at_high_dose_are_decoded_better_than_they_were_counted(truth):
    model = RRVAE(seed=0).fit(truth.patterns)
    encoding = model.encode(truth.patterns)

    decoded, there = model.decode(encoding.latent, encoding.angle), clean(truth)

    bright = there.mean(axis=0) > 0.1 * there.max()
    assert np.sqrt(np.mean((decoded - there)[:, bright] ** 2 / there[:, bright])) < 0.4


def test_the_noise_of_few_pixels_is_that_of_counting(truth):
    basis = to_the_end(project_scan(truth.patterns, (1.0, 1.0))).basis

    assert basis.noise == pytest.approx(1.0, abs=0.12)
    assert (basis.weight > 0).all()


def test_dead_pixels_cost_nothing(truth, encoding):
    patterns = truth.patterns.copy()
    patterns[:, pixels((11, 14), (8, 17), (15, 12), (12, 20))] = 0

    model = RRVAE(seed=0).fit(patterns)

    assert model.used_pixels.mask.sum() == 4
    angle = model.encode(patterns).angle
    assert np.median(error(angle, truth)) < 1.3 * np.median(error(encoding.angle, truth))


def test_model_with_a_mask_is_the_same_after_loading(truth, tmp_path):
    stop = beam_stop()
    steps = (model := RRVAE(seed=0)).steps(truth.patterns, mask=stop)
    next(steps)
    steps.close()
    model.save(tmp_path / "stop.rrvae")
    loaded = RRVAE.load(tmp_path / "stop.rrvae")

    np.testing.assert_array_equal(loaded.used_pixels.mask, stop)
    np.testing.assert_array_equal(
        model.encode(truth.patterns).angle, loaded.encode(truth.patterns).angle
    )


@pytest.mark.parametrize("scale", [1e-3, 1e5])
def test_units_of_the_counts_do_not_matter(truth, encoding, scale):
    patterns = truth.patterns * np.float64(scale)

    angle = RRVAE(seed=0).fit(patterns).encode(patterns).angle

    assert np.degrees(np.median(np.abs(wrap(angle - encoding.angle)))) < 0.1


@pytest.mark.parametrize(
    "subtract",
    [lambda p: p.mean(axis=0), lambda p: p.mean(axis=(1, 2), keepdims=True), lambda p: p.mean()],
)
def test_patterns_less_their_mean_are_refused(truth, subtract):
    with pytest.raises(sw.InputError, match="a mean was subtracted"):
        RRVAE().fit(truth.patterns - subtract(truth.patterns))


def test_mask_of_a_masked_array_is_taken(truth):
    stop = beam_stop()
    scan = np.ma.array(truth.patterns, mask=np.broadcast_to(stop, truth.patterns.shape))
    scan = scan.reshape(15, 20, *SHAPE)

    for data in (scan, da.from_array(scan, chunks=(5, 20, 12, 31))):
        np.testing.assert_array_equal(common_mask(data), stop)
        assert to_the_end(project_scan(data, (1.0, 1.0))).window.mask[stop].all()


def test_masks_that_differ_are_refused(truth):
    patterns = np.ma.array(truth.patterns, mask=False)
    patterns[3, 4, 5] = np.ma.masked

    with pytest.raises(sw.InputError, match="1 pixels that are masked in some patterns only"):
        RRVAE().fit(patterns)


def test_masked_pixels_do_not_weigh_on_the_centre_of_mass(truth):
    stop = beam_stop()
    wrong = np.where(stop, 5000, truth.patterns).reshape(15, 20, *SHAPE)
    masked = np.ma.array(wrong, mask=np.broadcast_to(stop, wrong.shape))

    np.testing.assert_array_equal(center_of_mass(masked), center_of_mass(wrong, mask=stop))


@pytest.mark.parametrize("mask", [np.ones(SHAPE), np.zeros((31, 24), dtype=bool)])
def test_mask_must_be_of_bool_and_of_the_patterns_shape(truth, mask):
    with pytest.raises(sw.InputError, match="mask of bool and of the pattern's shape"):
        RRVAE().fit(truth.patterns, mask=mask)


def test_relative_dose_is_one_for_the_mean(truth):
    dose = np.linspace(0.5, 1.5, 300)
    patterns = np.random.default_rng(0).poisson(truth.patterns * dose[:, None, None])
    patterns[7] = 0

    gathered = to_the_end(project_scan(patterns, (1.0, 1.0)))

    assert gathered.relative_dose.shape == (299,)
    assert gathered.relative_dose.mean() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(gathered.relative_dose, np.delete(dose, 7), rtol=0.1)
