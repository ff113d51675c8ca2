import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.detectors import virtual_image
from stemwidgets.arrays.disc import find_disc
from stemwidgets.arrays.preparation import Preparation


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


def test_blank_detector_has_no_disc():
    with pytest.raises(sw.InputError, match="without contrast"):
        find_disc(np.full((20, 22), 7.0))


def test_large_patterns_are_binned_and_restored_to_their_place():
    mean = disc_pattern((203, 190), (100.4, 95.2), 60.0)
    preparation = Preparation.from_mean(mean)

    restored = preparation.restore(preparation.apply(mean[None]))[0]

    assert preparation.binning > 1
    assert restored.shape == mean.shape
    inside = np.isfinite(restored)
    assert np.nansum(restored) == pytest.approx(mean[inside].sum(), rel=0.01)
    assert np.isnan(restored[0, 0])


def test_used_pixels_are_counted_from_the_optic_axis():
    mean = disc_pattern((40, 46), (18.0, 25.0), 10.0)
    y, x = Preparation.from_mean(mean).coordinates

    assert abs(y.mean()) < 0.05
    assert abs(x.mean()) < 0.05


def test_patterns_of_another_shape_are_refused():
    preparation = Preparation.from_mean(disc_pattern((40, 46), (18, 25), 10))

    with pytest.raises(sw.InputError, match=r"40×46 pixels.*got 46×40"):
        preparation.apply(np.zeros((3, 46, 40)))


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
