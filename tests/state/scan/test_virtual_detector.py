import dask.array as da
import numpy as np
import pytest
from scans import AXES, SHAPE, turning_spot

from stemwidgets.arrays.detectors import (
    AnnularDetector,
    DiscDetector,
    PixelDetector,
    SegmentDetector,
    preset,
)
from stemwidgets.arrays.virtual_image import virtual_image
from stemwidgets.state import ScanSession

CENTRE = (8.0, 7.0)


def counts():
    return turning_spot().astype(np.uint16)


@pytest.fixture
def session():
    session = ScanSession(counts(), AXES)
    yield session
    session.close()


def image(session, detector, name="virtual detector"):
    session.detector = detector
    session.wait(10)
    return session.channels[name].values


@pytest.mark.parametrize("lazy", [False, True])
def test_a_dragged_detector_is_exact_at_every_step(lazy):
    data = counts()
    session = ScanSession(da.from_array(data, chunks=(2, 3, 18, 15)) if lazy else data, AXES)
    session.wait(20)
    for step in range(5):
        disc = DiscDetector((6.0 + 0.7 * step, 5.0 + 0.4 * step), 3.0)
        np.testing.assert_array_equal(image(session, disc), virtual_image(data, disc))
        assert session._detection.fast == (not lazy)
    session.close()


def test_without_room_for_a_copy_a_detector_is_exact_all_the_same(monkeypatch, session):
    monkeypatch.setattr(
        "stemwidgets.state.scan.virtual_detector.memory_limit", lambda: counts().nbytes
    )
    for radius in (2.0, 3.0):
        disc = DiscDetector(CENTRE, radius)
        np.testing.assert_array_equal(image(session, disc), virtual_image(counts(), disc))
    assert not session._detection.fast


@pytest.mark.parametrize("times", [1, 2])
def test_segments_tell_where_the_spot_is(session, times):
    segments = SegmentDetector(CENTRE, 0.0, 6.0)
    for _ in range(times):  # read from the data, then from the copy
        session.detector = None
        total = image(session, segments)
    np.testing.assert_array_equal(total, virtual_image(counts(), segments).sum(axis=-1))
    right, bottom, left, top = np.moveaxis(virtual_image(counts(), segments), -1, 0)
    across, down = session.channels["DPC x"], session.channels["DPC y"]
    np.testing.assert_allclose(across.values, right - left, atol=1e-2)
    np.testing.assert_allclose(down.values, bottom - top, atol=1e-2)
    assert (across.kind, across.units) == ("signed", "counts")
    assert across.values[3, 0] > 0 > across.values[3, 3]  # the spot goes round
    assert down.values[3, 1] > 0 > down.values[3, 4]


def test_a_turned_segment_detector_sees_the_same_deflection(session):
    straight = image(session, SegmentDetector(CENTRE, 0.0, 6.0, segments=8), "DPC x")
    turned = image(session, SegmentDetector(CENTRE, 0.0, 6.0, 8, np.pi / 4), "DPC x")
    np.testing.assert_allclose(turned, straight, atol=0.05 * np.abs(straight).max())


def test_a_ring_after_segments_takes_the_deflections_away(session):
    image(session, SegmentDetector(CENTRE, 0.0, 6.0))
    image(session, AnnularDetector(CENTRE, 1.0, 5.0))
    assert not {"DPC x", "DPC y"} & set(session.channels)
    session.detector = None
    assert "virtual detector" not in session.channels


def test_a_detector_may_have_weights(session):
    weights = np.linspace(-1, 1, 18 * 15).reshape(18, 15)
    for _ in range(2):
        session.detector = None
        found = image(session, PixelDetector(weights))
    np.testing.assert_allclose(found, (counts() * weights).sum(axis=(2, 3)), rtol=1e-4, atol=0.1)


def test_back_on_the_pattern_a_detector_is_no_problem_any_more(session):
    session.detector = DiscDetector((90.0, 7.0), 2.0)
    session.wait(10)
    assert "covers no pixel" in session.problem
    image(session, DiscDetector(CENTRE, 2.0))
    assert session.problem == ""


def test_a_problem_of_something_else_stays(session):
    session.report("the disk is gone")
    image(session, DiscDetector(CENTRE, 2.0))
    assert session.problem == "the disk is gone"


def test_bright_and_dark_field_come_with_the_opening(session):
    disc = session.scan.overview.disc
    expected = virtual_image(counts(), preset("BF", disc, AXES.pixel_size))
    np.testing.assert_array_equal(session.channels["BF"].values, expected)
    assert session.channels["BF"].values.shape == SHAPE[:2]


def test_without_a_disc_there_is_neither_bright_nor_dark_field():
    session = ScanSession(np.ones(SHAPE, dtype=np.float32), AXES)
    assert not {"BF", "ADF"} & set(session.channels)
    session.close()
