"""The faults of a camera: as strong as asked for, where they are told, and no others."""

from dataclasses import fields, replace

import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.samples import EXPERIMENT_CAMERA
from stemwidgets.samples.faults import draw_faults

SMALL = (12, 15)
FAULTS = [
    sw.Camera(**{name: getattr(EXPERIMENT_CAMERA, name)})
    for name in (field.name for field in fields(sw.Camera))
    if getattr(EXPERIMENT_CAMERA, name)
]


def drawn(camera, scan=(64, 64), seed=0):
    return draw_faults(camera, scan, (9.984, 9.984), (44, 44), seed)


@pytest.fixture(scope="module")
def expected():
    """A direct beam of 3e4 electrons and a dark field around it."""
    radius = np.hypot(*(np.mgrid[:44, :44] - 22))
    return np.broadcast_to(np.where(radius < 13, 55.0, 0.03), (*SMALL, 44, 44))


def test_an_ideal_camera_gives_the_poisson_draw_and_nothing_else(expected):
    counts = drawn(sw.Camera(), SMALL, seed=3).record(expected, noise=True)
    np.testing.assert_array_equal(counts, np.random.default_rng(3).poisson(expected))
    assert counts.dtype == np.uint16


def test_the_gain_map_is_that_of_the_counts(expected):
    gain = drawn(sw.Camera(gain=0.03)).gain
    assert gain.std() == pytest.approx(0.03, rel=0.06)
    assert gain.mean() == pytest.approx(1)
    uneven = drawn(sw.Camera(gain=0.03), SMALL).record(1e4 * expected, noise=False)
    ratio = uneven.mean(axis=(0, 1)) / (1e4 * expected.mean(axis=(0, 1)))
    inside = np.hypot(*(np.mgrid[:44, :44] - 22)) < 12
    assert ratio[inside] == pytest.approx(gain[inside], rel=1e-3)


def test_each_fault_is_the_same_alone_and_among_others():
    together = drawn(EXPERIMENT_CAMERA)
    for camera in FAULTS:
        alone = drawn(camera)
        if camera.hot:
            np.testing.assert_array_equal(alone.hot, together.hot)
            np.testing.assert_array_equal(alone.hot_level, together.hot_level)
        if camera.dead:
            np.testing.assert_array_equal(alone.dead_rows, together.dead_rows)
        if camera.gain:
            np.testing.assert_array_equal(alone.gain, together.gain)
        if camera.descan:
            np.testing.assert_array_equal(alone.descan, together.descan)
            assert alone.descan.any()
        if camera.cosmic_rays:
            np.testing.assert_array_equal(alone.cosmic, together.cosmic)
    alone = [drawn(sw.Camera(**{name: 0.03})).displaced for name in ("jitter", "line_jitter")]
    drift = drawn(sw.Camera(drift=0.02)).displaced
    np.testing.assert_allclose(sum(alone) + drift, together.displaced, atol=1e-12)


def test_the_electrons_of_the_beam_are_the_same_with_hot_and_dead_pixels(expected):
    cameras = (
        sw.Camera(),
        sw.Camera(hot=6, dead=2, dead_columns=1, dead_pixels=3, cosmic_rays=2, quad_gaps=2),
    )
    plain, faulty = (drawn(camera, SMALL, seed=5) for camera in cameras)
    ours, theirs = (faults.record(expected, noise=True) for faults in (plain, faulty))
    differ = ours != theirs
    known = faulty.blind.copy()
    known[tuple(faulty.hot.T)] = True
    for iy, ix, ky, kx in faulty.cosmic:
        assert theirs[iy, ix, ky, kx] > ours[iy, ix, ky, kx]
        differ[iy, ix, ky, kx] = False
    assert not differ[:, :, ~known].any()
    assert len(faulty.cosmic) == 2


def test_a_camera_reads_out_with_noise_and_saturates_and_has_gaps(expected):
    camera = sw.Camera(readout_noise=2.0, saturation=40, quad_gaps=2)
    data = drawn(camera, SMALL).record(expected, noise=True)
    assert data.dtype == np.int16
    assert data.max() == 40
    assert not data[:, :, 21:23].any()
    assert not data[:, :, :, 21:23].any()
    dark = data[:, :, 0, :10]
    assert dark.std() == pytest.approx(2.0, rel=0.1)
    assert dark.mean() == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("field", [field.name for field in fields(sw.Camera)])
def test_every_fault_of_a_camera_is_a_number_from_zero(field):
    for value in (-1, float("nan"), "a lot", None, True, 1e12):
        with pytest.raises(InputError, match=f"{field}: expected"):
            sw.Camera(**{field: value})


def test_a_descan_beyond_the_detector_is_refused():
    with pytest.raises(InputError, match="off a detector of 8 × 20"):
        draw_faults(sw.Camera(descan=4.1), (4, 5), (1.0, 1.0), (8, 20), 0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 1), (3, 5)])
def test_scans_of_one_line_and_detectors_that_are_not_square_have_faults_too(shape):
    camera = replace(EXPERIMENT_CAMERA, dead_columns=1, quad_gaps=1, readout_noise=1.0)
    faults = draw_faults(camera, shape, (1.0, 2.0), (20, 31), 2)
    counts = faults.record(np.ones((*shape, 20, 31)), noise=True)
    assert counts.shape == (*shape, 20, 31)
    assert not counts[..., faults.dead_rows, :].any()
    shift = faults.shift(np.moveaxis(np.indices(shape), 0, -1))
    assert np.abs(shift).max() <= camera.descan
    assert shift.mean(axis=(0, 1)) == pytest.approx([0, 0], abs=1e-12)


def test_half_a_hot_pixel_is_refused():
    with pytest.raises(InputError, match="whole number"):
        sw.Camera(hot=1.5)
