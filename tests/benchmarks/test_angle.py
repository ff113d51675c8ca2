"""How well the angle is found, printed: python -m pytest -m benchmark -s tests/benchmarks."""

import time

import numpy as np
import pytest
from rotated_patterns import RotatedPatterns, bragg, harmonic, rotated_patterns, threefold

import stemwidgets as sw
from stemwidgets.arrays.circular import wrap
from stemwidgets.rrvae import RRVAE

pytestmark = pytest.mark.benchmark

SEEDS = range(3)


def without_convention(error, truth: RotatedPatterns, symmetry: int):
    """The error less a smooth function of class and factor, which no model can know."""
    rest = np.empty_like(error)
    for kind in (0, 1):
        rows = truth.kind == kind
        waves = np.cos(np.pi * np.arange(12) * truth.factor[rows, None])
        vector = np.exp(1j * symmetry * error[rows])
        weights = np.linalg.lstsq(waves, vector, rcond=None)[0]
        rest[rows] = wrap(np.angle(vector) - np.angle(waves @ weights)) / symmetry
    return rest


@pytest.mark.timeout(600)
@pytest.mark.parametrize("dose", [None, 1e4, 1e3])
@pytest.mark.parametrize(("intensity", "symmetry"), [(harmonic, 1), (threefold, 3), (bragg, 1)])
def test_known_rotation(intensity, symmetry, dose):
    for seed in SEEDS:
        train = rotated_patterns(intensity, 2000, dose, seed, symmetry=symmetry)
        test = rotated_patterns(intensity, 1000, dose, seed + 100, symmetry=symmetry)
        began = time.process_time()
        model = RRVAE(seed=seed).fit(train.patterns)
        cost = time.process_time() - began
        encoding = model.encode(test.patterns)
        error = wrap(symmetry * (encoding.angle - test.angle))
        error = wrap(error - np.angle(np.exp(1j * error).mean())) / symmetry
        rest = np.abs(without_convention(error, test, symmetry))
        print(
            f"\n{intensity.__name__}, {dose or 'no noise'}, seed {seed}: "
            f"convention-free median {np.degrees(np.median(rest)):.3f}° "
            f"(possible {np.degrees(test.best_median_error):.3f}°), "
            f"raw median {np.degrees(np.median(np.abs(error))):.3f}°, "
            f"p90 {np.degrees(np.percentile(np.abs(error), 90)):.2f}°, "
            f"symmetry {model.symmetry}, {cost:.1f} CPU-seconds to train",
            end="",
        )
        assert np.isfinite(encoding.angle).all()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("dose", [1e5, 1e4, 1e3])
def test_graphene_beside_the_com(dose):
    noise_free = sw.center_of_mass(sw.samples.graphene())
    truth, magnitude = noise_free.angle.data, noise_free.magnitude.data
    strong = magnitude > np.percentile(magnitude, 20)
    for seed in SEEDS:
        signal = sw.samples.graphene(dose=dose, seed=seed)
        maps = sw.RRVAE(seed=seed).fit(signal).encode(signal)
        errors = [
            np.degrees(np.median(np.abs(wrap(angle.data - truth))[strong]))
            for angle in (maps.angle, sw.center_of_mass(signal).angle)
        ]
        print(
            f"\ngraphene, {dose:.0e} e/pattern, seed {seed}: median error of the rrVAE angle "
            f"{errors[0]:.2f}°, of the COM angle {errors[1]:.2f}°",
            end="",
        )
        assert np.isfinite(errors).all()
