"""Error bars of the centre of mass, beside its scatter and beside integrals by Monte Carlo."""

import numpy as np
import pytest

from stemwidgets import samples
from stemwidgets.arrays.center_of_mass import centroids, moments
from stemwidgets.arrays.com_error import com_std, direction_std, half_width
from stemwidgets.arrays.faults.left_out import nothing_left_out
from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.arrays.scan_report.counting import scan_counting

DRAWS = 4000


def disc(shape=(20, 24), dose=2000.0):
    """A soft disc that is off the middle, and brighter on one side."""
    y, x = np.indices(shape)
    pattern = (1 + 0.03 * x) / (1 + np.exp(np.hypot(y - 9.0, x - 12.5) - 6.0))
    return dose * pattern / pattern.sum()


def scatter(expected, unit=1.0, **options):
    """Root of the mean variance of the components, of many draws, and the mean of their sums."""
    rng = np.random.default_rng(0)
    sums = np.concatenate(
        [
            moments(unit * rng.poisson(expected / unit, (500, *expected.shape)), **options)
            for _ in range(DRAWS // 500)
        ]
    )
    return np.sqrt(centroids(sums).var(axis=0).mean()), sums[:, 0].mean()


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.5, 1.0, 1.7, 3.0, 8.0, 11.99, 12.01, 40.0])
def test_the_half_width_is_that_of_a_projected_normal(ratio):
    rng = np.random.default_rng(1)
    turned = np.abs(np.arctan2(rng.normal(size=200_000), ratio + rng.normal(size=200_000)))
    assert np.mean(turned <= half_width(ratio)) == pytest.approx(0.6827, abs=0.004)


def test_the_half_width_has_both_limits():
    assert half_width(0.0) == pytest.approx(0.6827 * np.pi, rel=1e-4)
    ratios = np.array([10.0, 100.0, 1e4, np.inf])
    np.testing.assert_allclose(half_width(ratios), 1 / ratios, rtol=3e-3)
    assert (np.diff(half_width(np.linspace(0, 30, 1000))) < 0).all()


@pytest.mark.parametrize("power", [0.2, 1.0, 10.0])
def test_bars_of_a_scan_cover_the_truth_whatever_its_noise(power):
    rng = np.random.default_rng(2)
    true = rng.normal(size=(100, 100, 2)) * np.sqrt(power)
    std = rng.uniform(0.5, 2.0, (100, 100))
    seen = true + std[..., None] * rng.normal(size=true.shape)
    error = np.abs(wrap(np.arctan2(*seen.T) - np.arctan2(*true.T))).T
    bars = direction_std(np.hypot(*seen.T).T, std)
    assert np.mean(error <= bars) == pytest.approx(0.683, abs=0.025)


def test_of_noise_alone_nothing_is_known():
    rng = np.random.default_rng(3)
    bars = direction_std(np.hypot(*rng.normal(size=(2, 64, 64))) * 0.98, np.ones((64, 64)))
    np.testing.assert_allclose(bars, 0.6827 * np.pi, rtol=1e-4)


def test_of_what_is_not_known_there_is_no_bar():
    length = np.array([[1.0, np.nan, 2.0]])
    assert np.isnan(direction_std(length, np.full((1, 3), np.nan))).all()
    assert np.isnan(direction_std(length, np.array([[0.1, 0.1, np.nan]]))).tolist() == [
        [False, True, True]
    ]


MASK = np.zeros((20, 24), bool)
MASK[7] = MASK[:, 15] = True
OPTIONS = [
    {},
    {"mask": MASK},
    {"weights": np.linspace(0, 2, 24) * np.ones((20, 1))},
    {"background": 5.0},
    {"threshold": 12.0},
    {"threshold": 8.5, "background": 4.0, "mask": MASK},
]


@pytest.mark.parametrize("unit", [1.0, 7.0])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "plain")
def test_it_is_the_scatter_of_many_draws(options, unit):
    expected = unit * (disc() + 5.0)
    given = {
        key: value * unit if key in ("background", "threshold") else value
        for key, value in options.items()
    }
    found, counts = scatter(expected, unit, **given)
    mask = given.pop("mask", None)
    weights = given.pop("weights", None) if mask is None else ~mask
    foretold = com_std(expected, np.array(counts), unit, weights=weights, **given)
    assert foretold == pytest.approx(found, rel=0.03)


@pytest.mark.parametrize("dose", [0.2, 4.0])
def test_each_position_has_its_own_dose_and_all_the_same_background(dose):
    background = np.full((20, 24), 3.0)
    found, counts = scatter(dose * disc() + background, background=3.0)
    foretold = com_std(disc() + background, np.array(counts), 1.0, background=3.0)
    assert foretold == pytest.approx(found, rel=0.03)


@pytest.mark.parametrize("dose", [0.2, 4.0])
def test_the_readout_adds_its_noise(dose):
    rng = np.random.default_rng(4)
    counts = rng.poisson(dose * disc(), (DRAWS, 20, 24)) + rng.normal(0, 1.5, (DRAWS, 20, 24))
    sums = moments(counts)
    found = np.sqrt(centroids(sums).var(axis=0).mean())
    foretold = com_std(disc(), sums[:, 0].mean(), 1.0, readout=1.5**2)
    assert foretold == pytest.approx(found, rel=0.03)


def test_it_is_the_size_of_the_disc_over_the_root_of_the_dose():
    pattern = disc()
    places = np.indices(pattern.shape)
    middle = [(pattern * place).sum() / pattern.sum() for place in places]
    squares = sum((place - at) ** 2 for place, at in zip(places, middle, strict=True))
    distance = (pattern * squares).sum() / pattern.sum()
    electrons = np.array([[10.0, 1e4]])
    expected = np.sqrt(distance / (2 * electrons))
    np.testing.assert_allclose(com_std(pattern, electrons, 1.0), expected)
    np.testing.assert_allclose(com_std(pattern, electrons, 1.0, (0.1, 0.1)), 0.1 * expected)
    factors = np.array([[1.0, 0.25]])
    less = com_std(pattern, electrons, 1.0, factors=factors)
    np.testing.assert_allclose(less, expected * np.sqrt(factors))


def test_it_is_not_known_without_counts_or_their_unit():
    counts = np.array([[100.0, 0.0, -3.0]])
    assert np.isnan(com_std(disc(), counts, 1.0)).tolist() == [[False, True, True]]
    assert np.isnan(com_std(disc(), counts, np.nan)).all()
    assert np.isnan(com_std(0 * disc(), counts, 1.0)).all()


@pytest.mark.parametrize(
    ("name", "most", "typical"),
    [  # in the columns of ZnS electrons are scattered far: there the bar is short
        ("graphene", 0.001, 0.0005),
        ("graphene_silicon", 0.02, 0.002),
        ("diamond", 0.04, 0.01),
        ("zincblende", 0.25, 0.03),
    ],
)
def test_the_mean_pattern_stands_for_each_pattern(name, most, typical):
    data = getattr(samples, name)().data.astype(float)
    exact = np.array([[com_std(p, p.sum(), 1.0) for p in row] for row in data])
    of_the_mean = com_std(data.mean(axis=(0, 1)), data.sum(axis=(2, 3)), 1.0)
    error = np.abs(of_the_mean / exact - 1)
    assert error.max() < most
    assert np.median(error) < typical


@pytest.mark.parametrize(("factor", "dtype"), [(1, "u2"), (7, "i4"), (0.01, "f4")])
def test_counts_of_an_electron_are_measured(factor, dtype):
    data = (samples.graphene_silicon(dose=1e4).data * factor).astype(dtype)
    found = scan_counting(data, nothing_left_out(data.shape[2:])).unit
    assert found == pytest.approx(factor, rel=0.06)


@pytest.mark.parametrize("noise", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("factor", [1, 7])
def test_the_noise_of_the_readout_is_measured(noise, factor):
    electrons = samples.graphene_silicon(dose=1e4).data
    readout = np.random.default_rng(5).normal(0, noise, electrons.shape)
    data = (factor * (electrons + readout)).astype("f4")
    found = scan_counting(data, nothing_left_out(data.shape[2:]))
    assert found.unit == pytest.approx(factor, rel=0.1)  # the least of some slopes
    assert found.readout == pytest.approx((factor * noise) ** 2, rel=0.05)


def test_whole_numbers_that_are_few_are_electrons():
    data = samples.graphene(dose=5).data
    assert scan_counting(data, nothing_left_out(data.shape[2:])).unit == 1
    assert np.isnan(scan_counting(data * 0.5, nothing_left_out(data.shape[2:])).unit)
