"""What is unusual in a scan is found, and nothing is found where all is alike."""

import numpy as np
import pytest

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.anomaly import find_anomalies, lattice_period


def lattice(seed=0, noise=0.1):
    """Two maps of a lattice with a period of 6 positions, 30 × 37."""
    y, x = np.mgrid[:30, :37]
    waves = np.cos(2 * np.pi * x / 6), np.cos(2 * np.pi * (x / 2 + y * 0.866) / 6)
    return np.stack(waves, -1) + np.random.default_rng(seed).normal(0, noise, (30, 37, 2))


def test_the_period_of_the_lattice_is_that_of_its_strongest_wave():
    assert lattice_period(lattice()) == pytest.approx(6, rel=0.05)


def test_a_scan_of_noise_is_judged_all_the_same():
    noise = np.random.default_rng(0).normal(size=(30, 37, 2))
    assert np.isfinite(find_anomalies(noise).distance).any()


def test_a_missing_atom_is_found_although_its_values_are_usual():
    maps = lattice()
    maps[14:17, 20:23] = maps.reshape(-1, 2).min(axis=0)
    found = find_anomalies(maps)
    assert np.hypot(*np.subtract(found.places()[0], (15, 21))) <= 1.5
    assert found.smoothing == pytest.approx(2.4, rel=0.05)


def test_values_far_from_all_others_are_found_without_smoothing():
    maps = lattice()
    maps[4, 31] = (0, 5)
    assert find_anomalies(maps, smoothing=0).places(1) == [(4, 31)]


def test_a_single_map_is_as_good_as_a_stack():
    maps = lattice()
    assert np.array_equal(
        find_anomalies(maps[..., 0], 2).distance,
        find_anomalies(maps[..., :1], 2).distance,
        equal_nan=True,
    )


def test_units_and_mixing_of_the_maps_do_not_matter():
    maps = lattice()
    mixed = maps @ np.array([[3.0, 1.0], [-40.0, 2.0]]) + 7
    assert np.allclose(
        find_anomalies(maps, 2).distance, find_anomalies(mixed, 2).distance, equal_nan=True
    )


def test_the_edges_are_left_out():
    distance = find_anomalies(lattice(), smoothing=2).distance
    assert np.isnan(distance[:3]).all()
    assert np.isnan(distance[:, -3:]).all()
    assert np.isfinite(distance[3:-3, 3:-3]).all()


def test_a_position_without_counts_has_no_distance():
    maps = lattice()
    maps[10, 12] = np.nan
    distance = find_anomalies(maps, smoothing=1).distance
    assert np.isnan(distance[10, 12])
    assert np.isfinite(distance[10, 13])


@pytest.mark.parametrize(
    ("maps", "smoothing", "match"),
    [
        (np.zeros((8, 9)), None, "differ"),
        (np.zeros(8), None, "shape"),
        (lattice()[:8, :9], 3, "too little"),
        (lattice(), -1, "smoothing"),
    ],
)
def test_what_cannot_be_judged_is_refused(maps, smoothing, match):
    with pytest.raises(InputError, match=match):
        find_anomalies(maps, smoothing)
