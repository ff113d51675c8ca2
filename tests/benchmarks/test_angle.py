"""The angle of patterns of known rotation, beside the best that is possible.

``python -m pytest -m benchmark -s tests/benchmarks/test_angle.py``

Sets: *harmonic* (a soft disc with a few harmonics), *threefold* (its 3-fold symmetric variant) and
*bragg* (sharp overlapping discs and spots). Trained on one draw, tested on another. CPU-seconds are
those of training and of encoding the same patterns, torch's own imports apart.
"""

import time
from dataclasses import dataclass

import numpy as np
import pytest
from rotated_patterns import RotatedPatterns, bragg, harmonic, rotated_patterns, threefold

from benchmarks import bounds, rulers
from benchmarks.table import Figure, Table, seeds
from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.rrvae import RRVAE

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

PATTERNS = 2000
FEW = 400
TEST_SEED = 100

SETS = [
    pytest.param(harmonic, 1, id="harmonic"),
    pytest.param(threefold, 3, id="threefold"),
    pytest.param(bragg, 1, id="bragg"),
]
CONVENTIONS = [
    pytest.param(*known.values, convention, id=f"{known.id}-{convention}")
    for known in SETS
    for convention in ("com", "alike")
]
DOSES = [
    pytest.param(d, id=f"{d:.0e}".replace("+0", "") if d else "none") for d in (None, 1e4, 1e3)
]


@dataclass(frozen=True)
class Measured:
    """Figures of one training; angles in degrees."""

    free: float
    raw: float
    p90: float
    off: float
    free_off: float
    factor: float
    told_apart: float
    by_neighbours: float
    leak: float
    covered: float
    off_com: float
    symmetry: float
    training_seconds: float
    encoding_seconds: float


def measure(
    train: RotatedPatterns, test: RotatedPatterns, symmetry: int, seed: int, convention: str = "com"
) -> Measured:
    began = time.process_time()
    model = RRVAE(seed=seed, convention=convention).fit(train.patterns)
    trained = time.process_time()
    known = model.encode(train.patterns)
    encoded = time.process_time()
    found = model.encode(test.patterns)
    error = rulers.angle_error(found.angle, test.angle, symmetry)
    rest = np.abs(rulers.without_convention(error, test, symmetry))
    raw = np.degrees(np.abs(error))
    return Measured(
        free=float(np.degrees(np.median(rest))),
        raw=float(np.median(raw)),
        p90=float(np.percentile(raw, 90)),
        off=float(100 * np.mean(raw > 15)),
        free_off=float(100 * np.mean(rest > np.radians(15))),
        factor=rulers.factor_r2(known.latent, train.factor, found.latent, test.factor),
        told_apart=rulers.told_apart(found.latent, test.kind),
        by_neighbours=rulers.class_from_neighbours(
            known.latent, train.kind, found.latent, test.kind
        ),
        leak=rulers.leak_r2(
            known.latent, symmetry * train.angle, found.latent, symmetry * test.angle
        ),
        covered=float(100 * np.mean(rest <= found.angle_std)),
        off_com=float(np.degrees(np.median(np.abs(wrap(found.angle - test.com_angle))))),
        symmetry=found.fold,
        training_seconds=trained - began,
        encoding_seconds=encoded - trained,
    )


def figures(
    symmetry: int, intensity: object, dose: float | None, convention: str = "com"
) -> list[Figure]:
    """What is asked; "free" is convention-free, "/ best" over its bound, "off COM" the median
    difference to the direction of the noise-free pattern's COM, with nothing removed.

    Raw figures are asked of *harmonic* alone, whose generator has the default convention (the
    dipole along +kx), and classes of all but *threefold*, whose two classes are the same at f = 1.
    """
    column = (None, 1e4, 1e3).index(dose)
    unit = "/ best" if dose else "[°]"
    threefold_free = (0.1, 1.2, 1.4)[column]
    other_free = (0.1, 1.15, 1.2)[column]
    off_asked = (0.0, 0.1, 10.0)[column]
    classes_asked = (1.0, 0.99, 0.97)[column]
    raw_asked = intensity is harmonic and convention == "com"
    return [
        Figure(f"free {unit}", at_most=threefold_free if symmetry == 3 else other_free),
        Figure(f"raw {unit}", at_most=(0.5, 1.3, 1.4)[column] if raw_asked else None),
        Figure("p90 [°]", at_most=(2.0, 5.0, None)[column] if raw_asked else None, digits=2),
        Figure(">15° raw [%]", at_most=off_asked if raw_asked else None, digits=2),
        Figure(">15° free [%]", at_most=off_asked if symmetry == 1 else None, digits=2),
        Figure("f R²/best", at_least=(0.99, 0.97, 0.9)[column]),
        Figure("classes", at_least=classes_asked if symmetry == 1 else None, digits=4),
        Figure("(by labels)", digits=4),
        Figure("leak R²", at_most=(0.02, 0.02, 0.03)[column]),
        *(
            [Figure("covered [%]", at_least=60, at_most=76, digits=1)]
            if dose
            else [Figure("covered [%]", digits=1)]
        ),
        Figure("off COM [°]"),
        Figure("symmetry", at_least=symmetry, at_most=symmetry, digits=0),
        Figure("training [s]", digits=2),
        Figure("encoding [s]", digits=2),
        Figure("CPU [s]", at_most=5.0 if dose == 1e4 else None, digits=2),
        Figure("best [°]"),
        Figure("best f R²", digits=4),
        Figure("best classes", digits=4),
    ]


@pytest.mark.parametrize("dose", DOSES)
@pytest.mark.parametrize(("intensity", "symmetry", "convention"), CONVENTIONS)
def test_known_rotation(intensity, symmetry, convention, dose):
    table = Table(
        f"{intensity.__name__}, {dose_in_words(dose)}, {PATTERNS} patterns, "
        f'convention="{convention}"',
        figures(symmetry, intensity, dose, convention),
    )
    best_classes = bounds.best_class_accuracy(intensity, symmetry, dose)
    for seed in seeds():
        train, test = draws(intensity, symmetry, dose, seed)
        got = measure(train, test, symmetry, seed, convention)
        best, best_r2 = np.degrees(test.best_median_error), bounds.best_factor_r2(test)
        unit = best or 1.0
        row = [got.free / unit, got.raw / unit, got.p90, got.off, got.free_off]
        row += [got.factor / best_r2, got.told_apart, got.by_neighbours, got.leak]
        row += [got.covered, got.off_com, got.symmetry]
        seconds = [got.training_seconds, got.encoding_seconds]
        table.add(seed, [*row, *seconds, sum(seconds), best, best_r2, best_classes])
    table.close()


@pytest.mark.parametrize("dose", DOSES[1:])
@pytest.mark.parametrize(("intensity", "symmetry"), SETS[:2])
def test_known_manifold(intensity, symmetry, dose):
    """What no model can beat: the exact posterior of one who knows every noise-free pattern."""
    by_name = {figure.name: figure for figure in figures(symmetry, intensity, dose)}
    names = ("free / best", "p90 [°]", ">15° free [%]", "f R²/best", "classes")
    table = Table(
        f"{intensity.__name__}, {dose_in_words(dose)}, if the manifold were known",
        [by_name[name] for name in names],
    )
    known = bounds.KnownManifold.of(intensity, symmetry, dose)
    for seed in seeds():
        test = rotated_patterns(intensity, PATTERNS, dose, seed + TEST_SEED, symmetry=symmetry)
        angle, factor, kind = known.read(test.patterns)
        error = np.degrees(np.abs(rulers.angle_error(angle, test.angle, symmetry)))
        row = [np.median(error) / np.degrees(test.best_median_error), np.percentile(error, 90)]
        row += [100 * np.mean(error > 15)]
        row += [rulers.r2(factor, test.factor) / bounds.best_factor_r2(test)]
        table.add(seed, [*row, np.mean(kind == test.kind)])
    table.close()


@pytest.mark.parametrize("dose", DOSES[1:])
@pytest.mark.parametrize(("intensity", "symmetry"), SETS)
def test_few_patterns(intensity, symmetry, dose):
    table = Table(
        f"{intensity.__name__}, {dose_in_words(dose)}, {FEW} patterns beside {PATTERNS}",
        [
            Figure(f"free, {FEW} [°]"),
            Figure(f"free, {PATTERNS} [°]"),
            Figure("ratio", at_most=1.3),
            Figure("CPU [s]", at_most=2.0, digits=2),
        ],
    )
    for seed in seeds():
        train, test = draws(intensity, symmetry, dose, seed)
        many = measure(train, test, symmetry, seed)
        few = measure(first(train, FEW), test, symmetry, seed)
        seconds = few.training_seconds + few.encoding_seconds
        table.add(seed, [few.free, many.free, few.free / many.free, seconds])
    table.close()


def draws(intensity, symmetry, dose, seed) -> tuple[RotatedPatterns, RotatedPatterns]:
    """Training and test patterns of a seed."""
    train = rotated_patterns(intensity, PATTERNS, dose, seed, symmetry=symmetry, bound=False)
    test = rotated_patterns(intensity, PATTERNS, dose, seed + TEST_SEED, symmetry=symmetry)
    return train, test


def first(truth: RotatedPatterns, n: int) -> RotatedPatterns:
    """The first n patterns."""
    return RotatedPatterns(
        truth.patterns[:n],
        truth.angle[:n],
        truth.factor[:n],
        truth.kind[:n],
        truth.com_angle[:n],
        truth.best_median_error,
        truth.angle_std[:n],
        truth.factor_std[:n],
    )


def dose_in_words(dose: float | None) -> str:
    return f"{dose:.0e} e/pattern".replace("+0", "") if dose else "noise-free"
