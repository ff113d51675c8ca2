"""What is read off a posterior: the angle, how sure it is, and the symmetry of the pattern."""

import numpy as np
import pytest
import torch
from rotated_patterns import harmonic, rotated_patterns, threefold

from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.rrvae import RRVAE
from stemwidgets.rrvae.harmonic.angle_posterior import direction, symmetry
from stemwidgets.rrvae.harmonic.grid import LatentGrid
from stemwidgets.rrvae.harmonic.manifold import Manifold

FRAMES = 96
ORDERS = (0, 1, 2, 3, 4, 5, 6)


def read(*peaks, fold=1, offset=(0.0,), floor=0.0):
    """Read a posterior of Gaussian peaks: (share, angle [deg], std [deg], point)."""
    points = len(offset)
    grid = LatentGrid(
        latent=torch.zeros(points, 1),
        class_index=torch.zeros(points, dtype=torch.long),
        spread=torch.ones(points, 1, 1),
        log_share=torch.zeros(points),
        frames=FRAMES,
    )
    cells = torch.full((FRAMES, 1, points), floor / FRAMES / points)
    for share, at, std, point in peaks:
        apart = torch.from_numpy(wrap(grid.angles.double().numpy() - np.radians(at)))
        peak = torch.exp(-0.5 * (apart / np.radians(std)) ** 2)
        cells[:, 0, point] += (share * peak / peak.sum()).float()
    found = direction(cells, grid, torch.tensor(offset), fold)
    return np.degrees(found.angle.item()), np.degrees(found.std.item()), found.resultant.item()


def apart(angle, expected, period=360):
    return abs((angle - expected + period / 2) % period - period / 2)


@pytest.mark.parametrize("at", [-170.3, 1.2, 71.0, 180.0])
@pytest.mark.parametrize("std", [4.0, 7.0])
def test_one_narrow_peak_is_read_finer_than_the_grid(at, std):
    angle, found, resultant = read((1.0, at, std, 0))

    assert apart(angle, at) < 0.05
    assert found == pytest.approx(std, rel=0.02)
    assert resultant == pytest.approx(np.exp(-0.5 * np.radians(std) ** 2), abs=1e-3)


def test_a_broad_peak_has_the_width_that_holds_68_percent():
    angle, found, resultant = read((1.0, 40.0, 25.0, 0))

    assert apart(angle, 40.0) < 1.0
    assert found == pytest.approx(25.0, abs=1.5)
    assert 0.8 < resultant < 0.95


def test_of_two_opposite_peaks_the_higher_is_taken_and_nothing_is_sure():
    angle, found, resultant = read((0.6, 100.0, 5.0, 0), (0.4, -80.0, 5.0, 0))

    assert apart(angle, 100.0) < 1.0
    assert found > 90.0
    assert resultant == pytest.approx(0.2, abs=0.02)


def test_a_small_second_peak_hardly_widens_the_first():
    angle, found, _ = read((0.9, 100.0, 6.0, 0), (0.1, -80.0, 6.0, 0))

    assert apart(angle, 100.0) < 1.0
    assert 6.0 < found < 12.0


def test_a_uniform_posterior_says_that_the_angle_is_unknown():
    _, found, resultant = read(floor=1.0)

    assert found == pytest.approx(0.683 * 180, abs=3)
    assert resultant < 0.01


def test_threefold_peaks_are_one_peak_modulo_120_degrees():
    peaks = [(1 / 3, 25.0 + turn, 4.0, 0) for turn in (0, 120, 240)]

    angle, found, resultant = read(*peaks, fold=3)

    assert apart(angle, 25.0, 120) < 0.1
    assert abs(angle) <= 60.0
    assert found == pytest.approx(4.0, rel=0.03)
    assert resultant == pytest.approx(np.exp(-0.5 * (3 * np.radians(4.0)) ** 2), abs=0.01)
    assert read(*peaks)[2] < 0.02  # as whole turns, nothing is known


def test_each_point_counts_from_its_own_angle():
    offset = (float(np.radians(30.0)), float(np.radians(-50.0)))

    angle, found, _ = read((0.5, 10.0, 4.0, 0), (0.5, 90.0, 4.0, 1), offset=offset)

    assert apart(angle, 40.0) < 0.1
    assert found == pytest.approx(4.0, rel=0.03)


def read_symmetry(*power, noise=1.0, orders=ORDERS):
    """Read patterns with an amplitude at some orders."""
    order = torch.tensor(orders, dtype=torch.float32)
    manifold = Manifold.create(order, torch.ones(len(orders)), 1, 1, seed=0)
    decoded = torch.zeros(len(power), 2 * len(orders))
    for row, of_order in enumerate(power):
        for m, amplitude in of_order.items():
            decoded[row, orders.index(m)] = 0.6 * amplitude
            decoded[row, len(orders) + orders.index(m)] = 0.8 * amplitude * (m > 0)
    found, probability = symmetry(manifold, decoded, torch.full((len(power),), noise))
    return found.tolist(), probability.tolist()


def test_symmetry_is_the_greatest_order_that_all_orders_share():
    found, probability = read_symmetry(
        {1: 20, 2: 20, 3: 20},
        {2: 20, 4: 20, 6: 20},
        {0: 40, 3: 20, 6: 20},
        {6: 20},
        {4: 20},
        {2: 20, 3: 20},
        {5: 20},
    )

    assert found == [1, 2, 3, 6, 4, 1, 5]
    assert min(probability) > 0.6


def test_a_round_pattern_has_symmetry_zero():
    found, probability = read_symmetry({0: 50}, {}, {0: 5, 3: 0.05})

    assert found == [0, 0, 0]
    assert min(probability) > 0.99


def test_an_order_below_the_noise_breaks_no_symmetry():
    found, probability = read_symmetry({3: 20, 1: 0.5}, {3: 20, 1: 2.6}, {3: 20, 1: 8})

    assert found == [3, 1, 1]
    assert probability[1] < 0.7 < 0.99 < probability[2]
    assert read_symmetry({3: 20, 1: 8}, noise=100.0)[0] == [3]


def test_orders_that_no_pattern_has_are_not_asked_for():
    assert read_symmetry({3: 20}, {6: 20}, {3: 9, 6: 9}, orders=(0, 3, 6))[0] == [3, 6, 3]
    assert read_symmetry({0: 5}, orders=(0,)) == ([0], [1.0])
    assert read_symmetry({8: 20}, {8: 0}, orders=(0, 8))[0] == [8, 0]


def test_threefold_patterns_are_read_as_threefold():
    truth = rotated_patterns(threefold, 300, 3e4, seed=2, size=33, symmetry=3, bound=False)

    encoding = RRVAE(seed=0).fit(truth.patterns).encode(truth.patterns)

    assert encoding.fold == 3
    assert np.mean(encoding.symmetry == 3) > 0.9
    assert np.mean(encoding.symmetry_confidence) > 0.6
    assert set(np.unique(encoding.symmetry)) <= {3, 6}


def test_faint_patterns_are_not_taken_for_round():
    truth = rotated_patterns(harmonic, 400, 100, seed=3, size=33, bound=False)

    encoding = RRVAE(seed=0).fit(truth.patterns).encode(truth.patterns)

    assert np.mean(encoding.symmetry == 0) < 0.05
    assert np.degrees(np.median(encoding.angle_std)) > 20


def test_the_truth_lies_within_the_error_bar_in_68_percent_of_the_patterns():
    truth = rotated_patterns(harmonic, 500, 1e4, seed=4, bound=False)

    encoding = RRVAE(seed=0).fit(truth.patterns).encode(truth.patterns)

    error = np.abs(wrap(encoding.angle - truth.angle))
    assert 0.60 < np.mean(error < encoding.angle_std) < 0.76
    assert np.mean(error < 3 * encoding.angle_std) > 0.97
