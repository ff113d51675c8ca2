"""The product on its own sample: the learned angle beside the COM."""

import time

import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.maps.winding import winding


@pytest.fixture(scope="module")
def graphene():
    return sw.samples.graphene()


@pytest.fixture(scope="module")
def com(graphene):
    return sw.center_of_mass(graphene)


@pytest.fixture(scope="module")
def maps(graphene):
    return sw.RRVAE(seed=0).fit(graphene).encode(graphene)


def test_learned_angle_follows_the_com_angle(maps, com):
    comparison = sw.compare_angles(maps.angle, com.angle, com.magnitude)

    assert comparison.correlation >= 0.95
    assert comparison.handedness == 1
    strong = com.magnitude.data > np.percentile(com.magnitude.data, 20)
    difference = np.angle(np.exp(1j * (maps.angle.data - com.angle.data)))[strong]
    assert np.degrees(np.median(np.abs(difference))) <= 0.2


@pytest.mark.parametrize(("dose", "worse"), [(1e4, 1.1), (1e5, 1.15), (1e6, 1.25)])
def test_angle_and_error_bar_are_right_at_any_dose(com, dose, worse):
    strong = com.magnitude.data > np.percentile(com.magnitude.data, 20)
    scan = sw.samples.graphene(dose=dose, seed=0)
    found, of_com = sw.RRVAE(seed=0).fit(scan).encode(scan), sw.center_of_mass(scan).angle.data

    error, of_com = (
        np.abs(np.angle(np.exp(1j * (angle - com.angle.data))))[strong]
        for angle in (found.angle.data, of_com)
    )
    assert np.median(error) <= worse * np.median(of_com)
    assert 0.5 <= np.mean(error <= found.angle_std.data[strong]) <= 0.85


def test_learned_angle_winds_around_atoms_hexagons_and_bonds(maps):
    windings = winding(maps.angle.data, periodic=True)

    assert [windings[atom] for atom in [(3, 2), (3, 10), (10, 14), (10, 22)]] == [1] * 4
    assert [windings[hexagon] for hexagon in [(3, 18), (10, 6)]] == [1] * 2
    assert [windings[bond] for bond in [(3, 6), (10, 18)]] == [-1] * 2


def test_maps_carry_the_scan(maps, graphene):
    assert maps.angle.data.shape == graphene.data.shape[:2]
    assert maps.latent.data.shape == (2, *graphene.data.shape[:2])
    assert maps.angle.axes_manager.signal_axes[0].units == "Å"
    assert "14×24" in repr(maps)


def test_plain_array_gives_plain_arrays(graphene):
    steps = (model := sw.RRVAE(seed=0)).steps(graphene)
    next(steps)
    steps.close()

    encoding = model.encode(graphene.data)

    assert isinstance(encoding.angle, np.ndarray)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_every_seed_finds_the_angle_and_finds_it_again(graphene, com, seed):
    began = time.perf_counter()
    first = sw.RRVAE(seed=seed).fit(graphene).encode(graphene)
    seconds = time.perf_counter() - began
    second = sw.RRVAE(seed=seed).fit(graphene).encode(graphene)

    comparison = sw.compare_angles(first.angle, com.angle, com.magnitude)
    print(f"\nseed {seed}: {seconds:.1f} s, {comparison}")
    assert comparison.correlation >= 0.95
    assert seconds < 30
    np.testing.assert_array_equal(first.angle.data, second.angle.data)
    np.testing.assert_array_equal(first.latent.data, second.latent.data)
