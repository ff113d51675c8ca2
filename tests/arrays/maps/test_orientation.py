"""The rotation of a lattice, told by angles of patterns that are alike."""

import numpy as np
import pytest

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.orientation import find_grain_boundary, lattice_rotation

TURN = np.radians(11.0)


def bicrystal(noise=0.02, seed=0):
    """Angle and latent variables on 20 × 31 positions; from column 17 on all angles turn."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(20, 31, 2))
    angle = np.sin(z[..., 0]) + 0.4 * z[..., 1] + rng.integers(0, 6, (20, 31)) * np.pi / 3
    angle += np.where(np.arange(31) >= 17, TURN, 0) + rng.normal(0, noise, (20, 31))
    return angle, z


def test_boundary_and_rotation_of_two_grains_are_found():
    found = find_grain_boundary(*bicrystal())
    assert found.boundary == pytest.approx(16.5, abs=1)
    assert found.rotation == pytest.approx(TURN, abs=np.radians(0.7))
    assert found.contrast > 0.05


def test_a_boundary_along_the_other_axis_is_found():
    angle, z = bicrystal()
    found = find_grain_boundary(angle.T, z.transpose(1, 0, 2), axis=0)
    assert found.boundary == pytest.approx(16.5, abs=1)
    assert found.rotation == pytest.approx(TURN, abs=np.radians(0.7))


def test_one_grain_has_little_contrast():
    angle, z = bicrystal()
    angle[:, 17:] -= TURN
    assert find_grain_boundary(angle, z).contrast < 0.02


def test_the_rotation_is_mapped_against_a_reference():
    angle, z = bicrystal()
    columns = np.broadcast_to(np.arange(31), angle.shape)
    found = lattice_rotation(angle, z, columns < 12)
    assert found.mean(columns < 17) == pytest.approx(0, abs=np.radians(1))
    assert found.mean(columns >= 17) == pytest.approx(TURN, abs=np.radians(1))
    assert np.abs(found.angle).max() <= np.pi / 6


def test_positions_without_an_angle_have_no_weight():
    angle, z = bicrystal()
    angle[3, 4] = np.nan
    columns = np.broadcast_to(np.arange(31), angle.shape)
    assert lattice_rotation(angle, z, columns < 12).turn[3, 4] == 0


def test_too_small_a_reference_is_refused():
    angle, z = bicrystal()
    with pytest.raises(InputError, match="20 positions"):
        lattice_rotation(angle, z, np.zeros(angle.shape, dtype=bool))


def test_shapes_that_do_not_fit_are_refused():
    angle, z = bicrystal()
    with pytest.raises(InputError, match="latent variables"):
        find_grain_boundary(angle, z[:-1])
