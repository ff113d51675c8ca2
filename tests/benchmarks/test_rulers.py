"""The rulers themselves, on angles and latent variables made up to be right or wrong."""

import numpy as np
import pytest
from rotated_patterns import RotatedPatterns, harmonic

from benchmarks import bounds, rulers

STD = 0.03


@pytest.fixture(scope="module")
def truth():
    return made_up(0)


@pytest.fixture(scope="module")
def other_truth():
    return made_up(1)


def made_up(seed, n=2000):
    rng = np.random.default_rng(seed)
    std = np.full(n, STD)
    angle, factor = rng.uniform(-np.pi, np.pi, n), rng.uniform(0, 1, n)
    kind = rng.integers(0, 2, n)
    return RotatedPatterns(np.empty(0), angle, factor, kind, angle, 0.6745 * STD, std, 4 * std)


def two_curves(truth, gap, noise, seed=0):
    """Two parallel arcs that f runs along."""
    rng = np.random.default_rng(seed)
    radius, along = 1 + gap * truth.kind, 4 * truth.factor
    z = radius[:, None] * np.stack([np.cos(along), np.sin(along)], 1)
    return z + noise * rng.standard_normal(z.shape)


def test_efficient_angle_is_at_its_bound_whatever_the_convention(truth):
    noise = STD * np.random.default_rng(0).standard_normal(2000)
    convention = np.where(truth.kind == 0, 0.5 + 2 * truth.factor**2, -2.0)
    error = rulers.angle_error(truth.angle + convention + noise, truth.angle, 1)

    rest = np.abs(rulers.without_convention(error, truth, 1))

    assert np.percentile(np.abs(error), 90) > 1
    assert np.median(rest) == pytest.approx(truth.best_median_error, rel=0.05)
    assert np.mean(rest <= STD) == pytest.approx(0.683, abs=0.03)


def test_mirrored_angle_modulo_120_degrees_is_as_good(truth):
    thirds = 2 * np.pi / 3 * np.random.default_rng(0).integers(0, 3, 2000)

    error = rulers.angle_error(0.7 - truth.angle + thirds, truth.angle, 3)

    assert np.abs(error).max() < 1e-9


def test_factor_read_with_the_least_error_is_at_its_bound(truth, other_truth):
    def estimate(which):
        return (which.factor + which.factor_std * np.random.default_rng(3).standard_normal(2000))[
            :, None
        ]

    found = rulers.factor_r2(estimate(truth), truth.factor, estimate(other_truth), truth.factor)
    assert found < 0.1  # the truth of another draw
    found = rulers.factor_r2(
        estimate(truth), truth.factor, estimate(other_truth), other_truth.factor
    )
    assert found == pytest.approx(bounds.best_factor_r2(other_truth), abs=0.02)


def test_leak_is_seen_and_no_leak_is_none(truth, other_truth):
    def latent(which, share):
        z = np.random.default_rng(len(which.angle)).standard_normal((2000, 2))
        z[:, 0] += share * np.cos(which.angle)
        return z

    clean, leaking = (
        rulers.leak_r2(
            latent(truth, share), truth.angle, latent(other_truth, share), other_truth.angle
        )
        for share in (0.0, 0.5)
    )
    assert clean < 0.01
    assert leaking > 0.04


def test_bent_curves_are_told_apart_and_merged_ones_are_not(truth):
    assert rulers.told_apart(two_curves(truth, 0.5, 0.05), truth.kind) > 0.995
    assert rulers.told_apart(two_curves(truth, 0.0, 0.05), truth.kind) < 0.6


def test_lone_points_are_no_cluster(truth):
    z = two_curves(truth, 0.5, 0.05)
    z[:5] += 40 + np.arange(5)[:, None]

    assert rulers.told_apart(z, truth.kind) > 0.99


def test_best_class_accuracy_falls_with_the_dose():
    many, few = (bounds.best_class_accuracy(harmonic, 1, dose, size=33) for dose in (1e4, 1e2))

    assert bounds.best_class_accuracy(harmonic, 1, None) == 1
    assert many > few
    assert few > 0.5
