"""The turns of an angle around a place."""

import numpy as np
import pytest

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.winding import winding


def field(power):
    """The angle of (x + iy)^power on an 8 × 11 scan, about the position (3, 6)."""
    y, x = np.mgrid[:8, :11]
    place = (x - 6.0) + 1j * (y - 3.0)
    return np.angle(place**power if power > 0 else place.conj() ** -power)


@pytest.mark.parametrize("power", [1, -1, 2])
def test_an_angle_turns_as_often_as_its_vortex_says(power):
    turns = winding(field(power))
    assert turns[3, 6] == power
    assert turns[6, 2] == 0


def test_offset_leaves_the_winding_and_a_mirror_changes_its_sign():
    turns = winding(field(1) + 2.3)
    assert turns[3, 6] == 1
    assert winding(-field(1))[3, 6] == -1


def test_the_edge_has_no_winding_unless_the_scan_is_periodic():
    turns = winding(field(1))
    assert np.isnan(turns[0]).all()
    assert np.isfinite(turns[1:-1, 1:-1]).all()
    assert winding(field(1), periodic=True).shape == (8, 11)
    assert np.isfinite(winding(field(1), periodic=True)).all()


def test_an_undefined_angle_leaves_the_winding_undefined():
    angle = field(1)
    angle[5, 3] = np.nan
    assert np.isnan(winding(angle)[4, 3])


def test_what_is_no_map_is_refused():
    with pytest.raises(InputError, match="3 × 3"):
        winding(np.zeros((2, 5)))
