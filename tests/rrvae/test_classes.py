"""Scans made of different kinds of patterns: each kind is a class with latents of its own."""

import numpy as np
import pytest
from rotated_patterns import bragg, harmonic, rotated_patterns

from stemwidgets.arrays.axes import Axes
from stemwidgets.dashboards.rrvae import rrvae_dashboard
from stemwidgets.rrvae import RRVAE
from stemwidgets.state import ScanSession

SCAN, SIZE, DOSE = (15, 20), 64, 2e4
COUNT = SCAN[0] * SCAN[1]


def round_disc(count, seed=0):
    y, x = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    disc = 1 / (1 + np.exp(np.hypot(y, x) - 20))
    return np.random.default_rng(seed).poisson(DOSE * disc / disc.sum(), (count, SIZE, SIZE))


def one_kind(intensity):
    """The same patterns, of their first kind only."""
    return lambda x, y, f, kind: intensity(x, y, f, np.zeros_like(kind))


def scan_of(*kinds):
    """A scan ``[iy, ix, ky, kx]`` of patterns in turn, and which kind is where."""
    kind = np.arange(COUNT) % 5 % len(kinds)
    patterns = np.choose(kind[:, None, None], kinds)
    return patterns.reshape(*SCAN, SIZE, SIZE), kind.reshape(SCAN)


@pytest.fixture(scope="module")
def crystal():
    return rotated_patterns(harmonic, COUNT, DOSE, seed=1, size=SIZE, bound=False)


@pytest.fixture(scope="module")
def with_vacuum(crystal):
    scan, kind = scan_of(crystal.patterns, round_disc(COUNT))
    return scan, kind, RRVAE(seed=0, classes=2).fit(scan)


def purity(classes, kind):
    """Share of the patterns that are in the class of most of their kind."""
    table = np.zeros((classes.max() + 1, kind.max() + 1))
    np.add.at(table, (classes.ravel(), kind.ravel()), 1)
    assert len(set(table.argmax(axis=0))) == table.shape[1]  # kinds in different classes
    return table.max(axis=0).sum() / classes.size


def test_crystal_and_vacuum_are_two_classes(with_vacuum, crystal):
    scan, kind, model = with_vacuum

    maps = model.encode(scan)

    assert maps.classes.shape == SCAN
    assert purity(maps.classes, kind) > 0.98
    np.testing.assert_allclose(maps.class_probability.sum(axis=-1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(maps.class_probability.argmax(axis=-1), maps.classes)
    error = np.angle(np.exp(1j * (maps.angle - crystal.angle.reshape(SCAN))))[kind == 0]
    assert np.degrees(np.nanmedian(np.abs(error))) < 3


def test_vacuum_is_round_and_has_no_angle(with_vacuum):
    scan, kind, model = with_vacuum

    maps = model.encode(scan)

    blind = maps.symmetry == 0
    assert blind[kind == 1].mean() > 0.9
    assert blind[kind == 0].mean() < 0.02
    np.testing.assert_array_equal(np.isnan(maps.angle), blind)
    np.testing.assert_array_equal(maps.confidence[blind], 0.0)
    assert maps.confidence[~blind].min() > 0.5


def test_three_kinds_are_three_classes():
    soft, sharp = (
        rotated_patterns(one_kind(intensity), COUNT, DOSE, seed=2, size=SIZE, bound=False)
        for intensity in (harmonic, bragg)
    )
    scan, kind = scan_of(soft.patterns, sharp.patterns, round_disc(COUNT))

    maps = RRVAE(seed=0, classes=3).fit(scan).encode(scan)

    assert maps.class_probability.shape == (*SCAN, 3)
    assert purity(maps.classes, kind) > 0.9


def test_each_class_is_decoded_as_its_own_kind(with_vacuum):
    scan, _, model = with_vacuum
    maps = model.encode(scan)

    decoded = model.decode(maps.latent, np.nan_to_num(maps.angle), maps.classes)

    def misfit(patterns):
        return np.nanmean((patterns - scan) ** 2, axis=(-2, -1))

    wrong = model.decode(maps.latent, np.nan_to_num(maps.angle), 1 - maps.classes)
    assert np.mean(misfit(decoded) < misfit(wrong)) > 0.98
    counting = scan.mean(axis=(-2, -1))
    inside = np.isfinite(decoded[0, 0]).mean()
    assert np.median(misfit(decoded) * inside / counting) < 1.3


def test_classes_survive_saving(with_vacuum, tmp_path):
    scan, _, model = with_vacuum
    model.save(tmp_path / "two.rrvae")
    loaded = RRVAE.load(tmp_path / "two.rrvae")

    before, after = model.encode(scan), loaded.encode(scan)

    assert loaded.options.classes == 2
    np.testing.assert_array_equal(before.classes, after.classes)
    np.testing.assert_array_equal(before.class_probability, after.class_probability)
    np.testing.assert_array_equal(
        model.decode(before.latent, 0.3 + 0 * before.residual, before.classes),
        loaded.decode(after.latent, 0.3 + 0 * after.residual, after.classes),
    )


def test_pattern_without_counts_has_no_class(with_vacuum):
    scan, _, model = with_vacuum
    scan = scan.copy()
    scan[2, 3] = 0

    maps = model.encode(scan)

    assert maps.classes[2, 3] == -1
    assert np.isnan(maps.class_probability[2, 3]).all()
    assert (np.delete(maps.classes.ravel(), 2 * SCAN[1] + 3) >= 0).all()


def test_the_session_reconstructs_each_pattern_in_its_class(with_vacuum):
    scan, kind, _ = with_vacuum
    session = ScanSession(scan, Axes.uncalibrated(scan.shape))
    page = rrvae_dashboard(session)
    session.training.start(classes=2)
    session.training.wait(100)
    session.wait(20)

    assert purity(session.channels["classes"].values.astype(int), kind) > 0.98
    for position in ((0, 0), (0, 1), (3, 4), (7, 11)):
        session.position = position
        rest = (session.reconstruction - scan[position]) ** 2
        assert np.nanmean(rest) < 2.5 * scan[position].mean()
    inside = np.isfinite(session.learned.mean_reconstruction)
    mean = scan.mean(axis=(0, 1))
    assert np.abs(session.learned.mean_reconstruction - mean)[inside].max() < 0.1 * mean.max()
    assert page.session is session
    session.close()
