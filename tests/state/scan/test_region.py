import dask.array as da
import numpy as np
import pytest
from scans import AXES, SHAPE, turning_spot

from stemwidgets.arrays.errors import InputError
from stemwidgets.state import ScanSession


def region():
    inside = np.zeros(SHAPE[:2], dtype=bool)
    inside[1:3, 2:5] = True
    inside[2, 3] = False
    return inside


@pytest.mark.parametrize("lazy", [False, True])
def test_a_region_brings_the_mean_of_its_patterns(lazy):
    data = turning_spot()
    session = ScanSession(da.from_array(data, chunks=(2, 2, 9, 15)) if lazy else data, AXES)
    session.selection.region = region()
    session.wait(20)
    np.testing.assert_allclose(
        session.selection.region_pattern, data[region()].mean(axis=0), rtol=1e-5
    )
    assert session.selection.region_pattern.dtype == np.float32
    session.selection.region = None
    assert session.selection.region_pattern is None
    session.close()


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES)
    yield session
    session.close()


def test_a_region_cannot_be_written_into_and_an_equal_one_is_silent(session):
    seen = []
    session.selection.observe(lambda change: seen.append(change["new"]), "region")
    session.selection.region = region()
    session.selection.region = region()
    assert len(seen) == 1
    with pytest.raises(ValueError, match="read-only"):
        session.selection.region[0, 0] = True


def test_a_region_without_positions_is_none(session):
    session.selection.region = region()
    session.selection.region = np.zeros(SHAPE[:2], dtype=bool)
    assert session.selection.region is None
    assert session.selection.region_pattern is None


@pytest.mark.parametrize("nonsense", [np.ones((6, 4), dtype=bool), np.ones(SHAPE[:2]), 3])
def test_what_is_no_region_of_the_scan_is_refused(session, nonsense):
    with pytest.raises(InputError, match="region as an array of bool"):
        session.selection.region = nonsense
    assert session.selection.region is None
