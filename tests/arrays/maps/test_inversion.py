"""Centres of inversion of maps."""

import numpy as np
import pytest

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.inversion import measure_inversion


def atoms(second=1.0):
    """Two peaks in a periodic cell of 18 × 25 positions, at (5, 9) and (10, 9)."""
    y, x = np.mgrid[:18, :25]

    def peak(row, weight):
        down, along = (y - row + 9) % 18 - 9, x - 9
        return weight * np.exp(-(down**2 + along**2) / 6)

    return peak(5, 1.0) + peak(10, second)


def test_two_equal_atoms_have_a_centre_between_them():
    found = measure_inversion(atoms())
    assert found.breaking < 1e-3
    assert found.center[0] % 9 == 7.5
    assert found.center[1] % 12.5 == 9


def test_two_unequal_atoms_have_none():
    found = measure_inversion(atoms(0.5))
    assert found.breaking > 0.02
    assert found.map.max() > 5 * np.median(found.map)


def test_breaking_grows_with_the_difference():
    values = [measure_inversion(atoms(weight)).breaking for weight in (1, 0.9, 0.7)]
    assert values == sorted(values)


def test_a_field_that_points_to_its_centre_is_odd():
    map_ = atoms()
    field = np.stack(np.gradient(map_), axis=-1)
    assert measure_inversion(field, odd=True).breaking < 0.02
    assert measure_inversion(np.stack(np.gradient(atoms(0.3)), axis=-1), odd=True).breaking > 0.05


def test_the_offset_of_an_even_map_does_not_matter():
    assert measure_inversion(atoms(0.5) + 100).breaking == pytest.approx(
        measure_inversion(atoms(0.5)).breaking
    )


@pytest.mark.parametrize("maps", [np.ones((4, 5)), np.zeros(3), np.full((4, 5), np.nan)])
def test_what_has_no_structure_is_refused(maps):
    with pytest.raises(InputError):
        measure_inversion(maps)
