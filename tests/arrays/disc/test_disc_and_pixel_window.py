import json
from dataclasses import replace

import numpy as np
import pytest
from rotated_patterns import bragg, harmonic

import stemwidgets as sw
from stemwidgets.arrays.disc.find import CIRCLE, Ellipse, find_disc
from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.arrays.virtual_image import virtual_image


def disc_pattern(shape, center, radius, aspect=1.0):
    y, x = np.indices(shape)
    distance = np.hypot((y - center[0]) * aspect, x - center[1])
    return 100 * np.clip(radius + 0.5 - distance, 0, 1)


@pytest.mark.parametrize("shape", [(50, 61), (51, 60)])
def test_disc_is_found_off_centre(shape):
    disc = find_disc(disc_pattern(shape, (22.3, 33.8), 12.0) + 1)

    np.testing.assert_allclose(disc.center, (22.3, 33.8), atol=0.05)
    assert disc.radius == pytest.approx(12.0, abs=0.2)


def test_disc_is_round_in_physical_units():
    disc = find_disc(disc_pattern((50, 61), (25, 30), 12.0, aspect=1.3), pixel_size=(1.3, 1.0))

    assert disc.radius == pytest.approx(12.0, abs=0.25)


def soft_disc(shape, center, radius, ellipse=CIRCLE, aspect=1.0, brightness=None):
    y, x = np.indices(shape, dtype=float)
    y, x = ellipse.undo((y - center[0]) * aspect, x - center[1])
    edge = 100 / (1 + np.exp((np.hypot(x, y) - radius) / 0.5))
    return edge if brightness is None else edge * brightness(np.arctan2(y, x), np.hypot(x, y))


@pytest.mark.parametrize("angle", [-1.2, 0.0, 0.5, 1.5])
@pytest.mark.parametrize("ratio", [1.01, 1.1])
def test_ellipse_of_the_edge_is_found(ratio, angle):
    mean = soft_disc((44, 61), (19.3, 33.8), 12.0, Ellipse(ratio, angle), aspect=1.2)
    disc = find_disc(mean, pixel_size=(1.2, 1.0))

    assert disc.ellipse.ratio == pytest.approx(ratio, abs=0.003)
    assert np.cos(2 * (disc.ellipse.angle - angle)) > 0.99
    assert disc.radius == pytest.approx(12.0, abs=0.1)
    np.testing.assert_allclose(disc.center, (19.3, 33.8), atol=0.02)


@pytest.mark.parametrize(
    "brightness",
    [
        None,
        lambda phi, r: 1 + 0.5 * np.cos(2 * phi),
        lambda phi, r: 1 + 0.5 * np.tanh(r / 12) * np.cos(2 * phi),
        lambda phi, r: 1 + 0.5 * np.tanh(r / 12) * np.cos(phi),
        lambda phi, r: 1 + 0.9 * (np.abs(phi) < 1),
    ],
)
def test_disc_of_uneven_brightness_is_round(brightness):
    disc = find_disc(soft_disc((50, 61), (22.3, 33.8), 12.0, brightness=brightness))

    assert disc.ellipse == CIRCLE
    np.testing.assert_allclose(disc.center, (22.3, 33.8), atol=0.15)


@pytest.mark.parametrize("intensity", [bragg, harmonic])
@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0])
def test_one_crystal_is_no_ellipse(intensity, factor):
    y, x = np.indices((58, 64)) - np.array([28.2, 31.6])[:, None, None]
    disc = find_disc(intensity(x, y, factor, 0))

    assert disc.ellipse == CIRCLE
    np.testing.assert_allclose(disc.center, (28.2, 31.6), atol=0.1)


@pytest.mark.parametrize("count", [30, 3000])
def test_noise_makes_no_ellipse(count):
    rng = np.random.default_rng(0)
    for _ in range(5):
        noisy = rng.poisson(soft_disc((24, 31), (11.3, 16.8), 8.0) * count / 100)
        assert find_disc(noisy).ellipse == CIRCLE


def test_ellipse_is_undone_without_turning_its_axes():
    ellipse = Ellipse(1.21, 0.3)
    y = np.array([np.sin(0.3), np.cos(0.3)]) * [1.1, 1 / 1.1]
    x = np.array([np.cos(0.3), -np.sin(0.3)]) * [1.1, 1 / 1.1]

    undone_y, undone_x = ellipse.undo(y, x)

    np.testing.assert_allclose(undone_y, [np.sin(0.3), np.cos(0.3)], atol=1e-12)
    np.testing.assert_allclose(undone_x, [np.cos(0.3), -np.sin(0.3)], atol=1e-12)


def test_beam_stop_does_not_move_the_disc():
    mean = soft_disc((50, 61), (22.3, 33.8), 12.0)
    y, x = np.indices(mean.shape)
    stop = (np.hypot(y - 23, x - 33) < 5) | ((np.abs(x - 33) < 2) & (y > 23))
    mean[stop] = np.nan

    disc = find_disc(mean, mask=stop)

    np.testing.assert_allclose(disc.center, (22.3, 33.8), atol=0.05)
    assert disc.radius == pytest.approx(12.0, abs=0.1)
    assert disc.ellipse == CIRCLE


def test_mask_of_everything_is_refused():
    mean = soft_disc((40, 46), (18, 25), 10)

    with pytest.raises(sw.InputError, match="covers the whole detector"):
        PixelWindow.from_mean(mean, mask=np.ones(mean.shape, dtype=bool))
    most = np.broadcast_to(np.arange(46) > 21, mean.shape)
    with pytest.raises(sw.InputError, match=r"pass ~mask"):
        PixelWindow.from_mean(mean, mask=most)


def test_a_pixel_window_survives_its_record():
    mean = soft_disc((40, 46), (18.2, 25.1), 10, Ellipse(1.05, 0.7))
    mask = np.zeros(mean.shape, dtype=bool)
    mask[17:20, 24] = True
    window = PixelWindow.from_mean(mean, (1.0, 1.0), mask)
    filling = np.full(((~window.gaps).sum(), 3), 1e-3, dtype=np.float32)
    limit = np.full(mean.shape, 1e3, dtype=np.float32)
    window = replace(window, filling=filling, limit=limit)

    arrays, record = window.to_record()
    again = PixelWindow.from_record(arrays, json.loads(json.dumps(record)))

    assert window.ellipse.ratio == pytest.approx(1.05, abs=0.005)
    assert again.gaps.sum() == 3
    np.testing.assert_array_equal(again.mask, mask)
    np.testing.assert_array_equal(again.limit, limit)
    np.testing.assert_array_equal(again.apply(mean), window.apply(mean))
    np.testing.assert_array_equal(again.coordinates, window.coordinates)


def test_masked_pixels_say_nothing_whatever_they_hold():
    mean = soft_disc((200, 190), (100.4, 95.2), 60.0)
    mask = np.zeros(mean.shape, dtype=bool)
    mask[90, 100] = mask[60:80, 70:90] = True
    window = PixelWindow.from_mean(mean, mask=mask)
    sound = replace(window, mask=None)
    assert window.binning > 1

    prepared = window.apply(np.where(mask, np.nan, mean))[0]

    seen = ~window.gaps
    np.testing.assert_allclose(prepared[seen], sound.apply(mean)[0][seen], rtol=1e-3)
    np.testing.assert_array_equal(prepared[~seen], 0)
    assert 20 * 20 / 9 * 0.7 < (~seen).sum() * (window.binning / 3) ** 2 < 20 * 20 / 9 * 1.5


def test_blank_detector_has_no_disc():
    with pytest.raises(sw.InputError, match="without contrast"):
        find_disc(np.full((20, 22), 7.0))


def test_large_patterns_are_binned_and_restored_to_their_place():
    mean = disc_pattern((203, 190), (100.4, 95.2), 60.0)
    window = PixelWindow.from_mean(mean)

    restored = window.restore(window.apply(mean[None]))[0]

    assert window.binning > 1
    assert restored.shape == mean.shape
    inside = np.isfinite(restored)
    assert np.nansum(restored) == pytest.approx(mean[inside].sum(), rel=0.01)
    assert np.isnan(restored[0, 0])


def test_used_pixels_are_counted_from_the_optic_axis():
    mean = disc_pattern((40, 46), (18.0, 25.0), 10.0)
    y, x = PixelWindow.from_mean(mean).coordinates

    assert abs(y.mean()) < 0.05
    assert abs(x.mean()) < 0.05


def test_patterns_of_another_shape_are_refused():
    window = PixelWindow.from_mean(disc_pattern((40, 46), (18, 25), 10))

    with pytest.raises(sw.InputError, match=r"40×46 pixels.*got 46×40"):
        window.apply(np.zeros((3, 46, 40)))


def test_ring_and_disc_share_all_counts():
    data = np.random.default_rng(0).poisson(2, (2, 3, 20, 24)).astype(np.uint16)
    center = (9.5, 12.0)
    inner = virtual_image(data, sw.AnnularDetector(center, 0, 5))
    outer = virtual_image(data, sw.AnnularDetector(center, 5, 50))

    np.testing.assert_array_equal(inner + outer, data.sum(axis=(2, 3)))


def test_detector_off_the_pattern_is_refused():
    with pytest.raises(sw.InputError, match="covers no pixel"):
        virtual_image(np.ones((2, 3, 20, 24)), sw.AnnularDetector((-30, -30), 0, 5))


@pytest.mark.parametrize(("inner", "outer"), [(5, 5), (-1, 3), (6, 2)])
def test_detector_radii_must_make_a_ring(inner, outer):
    with pytest.raises(sw.InputError, match="inner < outer"):
        sw.AnnularDetector((0, 0), inner, outer)
