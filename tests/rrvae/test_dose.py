"""What the dose may do: vary over the scan, be counted in any unit, be low; and small scans."""

import numpy as np
import pytest
from rotated_patterns import harmonic, rotated_patterns

from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.rrvae import RRVAE

COUNT, SIZE, DOSE = 450, 48, 3e4


def encode(patterns, **options):
    return RRVAE(seed=0, **options).fit(patterns).encode(patterns)


def degrees_off(encoding, truth):
    return np.degrees(np.abs(wrap(encoding.angle - truth.angle)))


@pytest.fixture(scope="module")
def clean():
    return rotated_patterns(harmonic, COUNT, None, seed=5, size=SIZE)


@pytest.fixture(scope="module")
def uneven(clean):
    """Doses from 1e3 to 3e4, evenly spread in their logarithm, in no order."""
    rng = np.random.default_rng(0)
    dose = DOSE * 30 ** -rng.permutation(np.linspace(0, 1, COUNT))
    expected = clean.patterns / clean.patterns.sum(axis=(1, 2), keepdims=True)
    patterns = rng.poisson(expected * dose[:, None, None])
    return dose, patterns, encode(patterns)


def test_bright_patterns_are_read_as_well_as_alone(uneven, clean):
    dose, patterns, encoding = uneven
    bright = dose > DOSE / 3
    alone = RRVAE(seed=0).fit(patterns[bright]).encode(patterns[bright])

    together = degrees_off(encoding, clean)[bright]

    by_itself = np.degrees(np.abs(wrap(alone.angle - clean.angle[bright])))
    assert np.median(together) < 1.2 * np.median(by_itself)
    assert np.median(together) < 4


def test_error_bars_grow_as_the_dose_falls_and_hold(uneven, clean):
    dose, _, encoding = uneven
    error, std = degrees_off(encoding, clean), np.degrees(encoding.angle_std)
    bright, faint = dose > DOSE / 3, dose < DOSE / 10

    growth = np.median(std[faint]) / np.median(std[bright])
    expected = np.sqrt(np.median(dose[bright]) / np.median(dose[faint]))

    assert growth == pytest.approx(expected, rel=0.25)
    assert 0.55 < np.mean(error[faint] < std[faint]) < 0.85
    assert np.mean(error[faint] < 3 * std[faint]) > 0.95
    assert np.mean(error[bright] < 3 * std[bright]) > 0.8


def test_misfit_is_alike_at_all_doses(uneven):
    dose, _, encoding = uneven
    bright, faint = dose > DOSE / 3, dose < DOSE / 10

    assert np.median(encoding.residual[bright]) < 1.5 * np.median(encoding.residual[faint])
    assert np.median(encoding.residual[faint]) < 1.5 * np.median(encoding.residual[bright])


@pytest.mark.parametrize("unit", [1e-12, 1e6])
def test_the_unit_of_the_counts_changes_no_angle(uneven, unit):
    _, patterns, _ = uneven
    few = patterns[:120]

    plain, scaled = encode(few), encode(few * unit)

    assert np.degrees(np.abs(wrap(plain.angle - scaled.angle))).max() < 0.1
    np.testing.assert_allclose(scaled.angle_std, plain.angle_std, rtol=0.02)
    np.testing.assert_array_equal(scaled.symmetry, plain.symmetry)


@pytest.mark.parametrize("latent_dim", [1, 3, 5])
def test_any_number_of_latents_gives_finite_maps(uneven, clean, latent_dim):
    _, patterns, _ = uneven

    encoding = encode(patterns[:150], latent_dim=latent_dim)

    assert encoding.latent.shape == (150, latent_dim)
    for values in (encoding.latent, encoding.angle, encoding.angle_std, encoding.residual):
        assert np.isfinite(values).all()
    error = np.abs(wrap(encoding.angle - clean.angle[:150]))
    assert np.degrees(np.median(error)) < 9


@pytest.mark.parametrize("classes", [1, 2])
def test_sixteen_patterns_are_enough_to_run(classes):
    truth = rotated_patterns(harmonic, 16, DOSE, seed=1, size=24, bound=False)

    encoding = encode(truth.patterns, classes=classes)

    for values in (encoding.latent, encoding.confidence, encoding.angle_std, encoding.residual):
        assert np.isfinite(values).all()


def single_component(order):
    """Patterns of one radial function that turns."""

    def intensity(x, y, f, kind):
        radius, phi = np.hypot(x, y), np.arctan2(y, x)
        return np.exp(-((radius / 8) ** 2)) * (1 + 0.5 * np.tanh(radius / 4) * np.cos(order * phi))

    return intensity


@pytest.mark.parametrize("order", [1, 2, 4])
def test_a_single_component_gives_the_angle_modulo_its_symmetry(order):
    truth = rotated_patterns(
        single_component(order), 200, DOSE, seed=1, size=27, symmetry=order, bound=False
    )

    encoding = encode(truth.patterns)

    assert encoding.fold == order
    assert (encoding.symmetry == order).mean() > 0.95
    error = np.abs(wrap(order * (encoding.angle - truth.angle))) / order
    assert np.degrees(np.median(error)) < 5
    assert np.isfinite(encoding.latent).all()
