"""Virtual detectors: which pixels they add up, on any data, and what they refuse."""

import dask.array as da
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scans import AXES, SHAPE, turning_spot

import stemwidgets as sw
from stemwidgets.arrays.detectors import preset
from stemwidgets.arrays.disc.find import Disc
from stemwidgets.arrays.kernels.detector_major import DetectorMajor
from stemwidgets.arrays.overview import overview, sample_pattern
from stemwidgets.arrays.virtual_image import virtual_image
from stemwidgets.signals.conversion import arrays_to_signal

PATTERN = (18, 45)
CENTER = (8.0, 20.0)


def counts(dtype="u2", scan=(5, 7)):
    return np.random.default_rng(2).poisson(9, (*scan, *PATTERN)).astype(dtype)


def spot_at(y, x):
    data = np.zeros((2, 3, *PATTERN), np.uint16)
    data[..., y, x] = 5
    return data


DETECTORS = [
    sw.DiscDetector(CENTER, 5),
    sw.AnnularDetector(CENTER, 3, 15),
    sw.SegmentDetector(CENTER, 2, 12, 3, 0.4),
    sw.PolygonDetector([(2, 3), (15, 8), (9, 40)]),
    sw.PixelDetector(np.random.default_rng(0).random(PATTERN) < 0.3),
    sw.PixelDetector(np.random.default_rng(0).normal(size=PATTERN)),
]


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "i8", "f2", "f4", "f8", ">u2", "?"])
@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: type(d).__name__)
def test_an_image_is_the_sum_over_the_pixels_of_the_detector(detector, dtype):
    data = counts(dtype)
    if isinstance(detector, sw.SegmentDetector):
        pixels = detector.pixels_by_segment(PATTERN)
        expected = np.stack([(data * used).sum(axis=(2, 3), dtype=float) for used in pixels], -1)
    else:
        expected = (data.astype(float) * detector.pixels(PATTERN)).sum(axis=(2, 3))
    assert_allclose(virtual_image(data, detector), expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: type(d).__name__)
def test_lazy_and_turned_data_give_the_same_image(detector):
    data = counts()
    expected = virtual_image(data, detector)
    lazy = da.from_array(data, chunks=(2, 3, 7, 11))
    assert_array_equal(virtual_image(lazy, detector), expected)
    turned = np.ascontiguousarray(data.transpose(3, 1, 0, 2)).transpose(2, 1, 3, 0)
    assert_allclose(virtual_image(turned, detector), expected, rtol=1e-14)


def test_the_largest_counts_do_not_overflow():
    data = np.full((2, 3, 40, 300), 2**16 - 1, np.uint16)
    image = virtual_image(data, sw.DiscDetector((20, 150), 1000))
    assert_array_equal(image, float(2**16 - 1) * 40 * 300)


def test_a_large_scan_is_read_by_all_cores():
    data = np.zeros((130, 70, 64, 60), np.uint16)
    data[..., 30, 20] = np.arange(70)
    image = virtual_image(data, sw.DiscDetector((30, 20), 3))
    assert_array_equal(image, np.broadcast_to(np.arange(70.0), (130, 70)))


def test_what_lies_beside_the_detector_may_hold_anything():
    data = counts("f4")
    data[1, 2, 0, 0] = np.nan
    assert np.isfinite(virtual_image(data, sw.DiscDetector(CENTER, 5))).all()
    with pytest.raises(sw.InputError, match="in 1 pattern of 35"):
        virtual_image(data, sw.DiscDetector((0, 0), 5))


def test_segments_share_the_counts_of_the_ring():
    data = counts()
    for segments, rotation in ((2, 0.3), (4, 0.0), (7, -20.0)):
        detector = sw.SegmentDetector(CENTER, 0, 7.5, segments, rotation)
        ring = virtual_image(data, sw.AnnularDetector(CENTER, 0, 7.5))
        assert_array_equal(virtual_image(data, detector).sum(axis=-1), ring)


@pytest.mark.parametrize(("dy", "dx", "segment"), [(0, 4, 0), (4, 0, 1), (0, -4, 2), (-4, 0, 3)])
def test_quadrants_follow_positive_angles_from_kx_to_ky(dy, dx, segment):
    detector = sw.SegmentDetector(CENTER, 1, 8)
    images = virtual_image(spot_at(8 + dy, 20 + dx), detector)
    assert_array_equal(images[0, 0], 5 * (np.arange(4) == segment))


def test_rotation_turns_segments_with_positive_angles():
    detector = sw.SegmentDetector(CENTER, 1, 8, rotation=np.pi / 2)
    assert virtual_image(spot_at(12, 20), detector)[0, 0, 0] == 5


def test_quadrants_are_equal_about_a_pixel():
    pixels = sw.SegmentDetector(CENTER, 0.5, 8).pixels_by_segment(PATTERN)
    assert len({int(used.sum()) for used in pixels}) == 1


def test_radii_are_physical_where_pixels_are_not_square():
    used = sw.DiscDetector((9, 20), 8.2, aspect=2.0).pixels(PATTERN)
    assert (used.any(axis=1).sum(), used.any(axis=0).sum()) == (9, 17)


def test_a_polygon_holds_the_pixels_inside():
    used = sw.PolygonDetector([(1.5, 2.5), (1.5, 9.5), (6.5, 9.5), (6.5, 2.5)]).pixels(PATTERN)
    expected = np.zeros(PATTERN, bool)
    expected[2:7, 3:10] = True
    assert_array_equal(used, expected)


def test_presets_follow_the_disc():
    disc = Disc((8.0, 20.0), 4.0)
    pixels = {name: preset(name, disc).pixels((40, 45)) for name in ("BF", "ABF", "ADF")}
    assert not (pixels["BF"] & pixels["ADF"]).any()
    assert (pixels["BF"] & pixels["ABF"]).sum() == pixels["ABF"].sum()
    with pytest.raises(sw.InputError, match="BF, ABF, ADF"):
        preset("HAADF", disc)


def test_equal_detectors_are_equal():
    used = np.arange(12).reshape(3, 4) > 5
    assert sw.PixelDetector(used) == sw.PixelDetector(used.copy())
    assert len({sw.PixelDetector(used), sw.PixelDetector(used), sw.PixelDetector(~used)}) == 2
    assert sw.PolygonDetector([[0, 1], [2, 3], [4, 0]]) == sw.PolygonDetector(
        ((0.0, 1.0), (2.0, 3.0), (4.0, 0.0))
    )


@pytest.mark.parametrize(
    ("detector", "words"),
    [
        (sw.DiscDetector((-30, 4), 5), "covers no pixel"),
        (sw.SegmentDetector((0, 0), 2, 5), "no pixel in one of its segments"),
        (sw.PolygonDetector([(-9, -9), (-9, -5), (-5, -5)]), "covers no pixel"),
        (np.zeros(PATTERN, bool), "weights, which covers no pixel"),
        (np.ones((45, 18)), r"shape \(18, 45\), got \(45, 18\)"),
        (np.full(PATTERN, np.nan), "finite numbers"),
        ("HAADF", "BF, ABF, ADF"),
        (7, "Expected a virtual detector"),
    ],
)
def test_detectors_that_see_nothing_are_refused(detector, words):
    with pytest.raises(sw.InputError, match=words):
        sw.virtual_image(counts(), detector)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: sw.DiscDetector((1, 2), 0), "radius above 0"),
        (lambda: sw.DiscDetector((1, np.nan), 2), r"centre \(ky, kx\)"),
        (lambda: sw.DiscDetector((1, 2), 2, aspect=0), "height of a pixel"),
        (lambda: sw.SegmentDetector((1, 2), 4, 3), "inner < outer"),
        (lambda: sw.SegmentDetector((1, 2), 0, 3, 1), "two segments"),
        (lambda: sw.SegmentDetector((1, 2), 0, 3, 4, np.inf), "rotation in radians"),
        (lambda: sw.PolygonDetector([(1, 2), (3, 4)]), "three corners"),
        (lambda: sw.PolygonDetector([(1, 2), (3, 4), (np.nan, 4)]), "finite corners"),
        (lambda: sw.PixelDetector(np.ones(4)), "weights"),
    ],
)
def test_detectors_that_make_no_sense_are_refused(make, words):
    with pytest.raises(sw.InputError, match=words):
        make()


def test_an_image_has_the_axes_of_the_scan():
    signal = arrays_to_signal(turning_spot(), AXES, "spots")
    image = sw.virtual_image(signal, sw.DiscDetector((8, 7), 4))
    assert image.data.shape == SHAPE[:2]
    assert [axis.scale for axis in image.axes_manager.signal_axes] == [0.3, 0.2]
    assert image.metadata.Signal.quantity == "disc (counts)"
    segments = sw.virtual_image(signal, sw.SegmentDetector((8, 7), 0, 6))
    assert segments.data.shape == (4, *SHAPE[:2])
    assert segments.axes_manager.navigation_shape == (4,)


def test_presets_find_the_disc_themselves():
    data = turning_spot()
    bright = sw.virtual_image(data, "BF").data
    dark = sw.virtual_image(da.from_array(data, chunks=(2, 6, 18, 15)), "ADF").data
    assert (bright > 0.9 * data.sum(axis=(2, 3))).all()
    assert (dark < 0.1 * bright).all()


def test_one_read_gives_all_that_opening_needs():
    data = turning_spot().round().astype("u2")
    for scan in (data, da.from_array(data, chunks=(3, 2, 9, 15))):
        seen = overview(scan, detectors=True, pixel_size=AXES.pixel_size, bin_by=4)
        assert_array_equal(seen.sum_image, data.sum(axis=(2, 3)))
        assert_allclose(seen.mean_pattern, data.mean(axis=(0, 1)), rtol=1e-14)
        rings = [preset(name, seen.disc, AXES.pixel_size) for name in ("BF", "ADF")]
        assert_array_equal(seen.bright_field, virtual_image(data, rings[0]))
        assert_array_equal(seen.dark_field, virtual_image(data, rings[1]))
        blocks = data[..., :16, :12].reshape(*SHAPE[:2], 4, 4, 3, 4)
        assert_array_equal(seen.binned, blocks.sum(axis=(3, 5)))


def test_a_masked_pixel_counts_in_no_image():
    data = turning_spot()
    data[..., 8, 7] = np.inf
    mask = ~np.isfinite(data[0, 0])
    seen = overview(data, mask, detectors=True)
    assert np.isfinite(seen.bright_field).all()


def test_a_blank_scan_has_no_disc():
    seen = overview(np.ones((3, 4, 10, 12)), detectors=True)
    assert (seen.disc, seen.bright_field, seen.dark_field) == (None, None, None)


def test_binning_has_to_leave_a_pixel():
    with pytest.raises(sw.InputError, match="bin by 1 to 15"):
        overview(turning_spot(), bin_by=16)


def test_the_sample_is_like_the_mean():
    data = counts(scan=(20, 30))
    assert_allclose(sample_pattern(data).mean(), data.mean(), rtol=0.01)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "f4", "?"])
def test_a_dragged_detector_gives_the_exact_image_wherever_it_goes(dtype):
    data = counts(dtype, (6, 35))
    for scan in (data, da.from_array(data, chunks=(4, 15, 18, 20))):
        copy = DetectorMajor(scan)
        for y, x, radius in (
            (8, 20, 5),
            (9, 20.5, 5),
            (9, 21, 6),
            (2, 40, 3),
            (2, 40, 3),
            (2, 3, 9),
        ):
            disc = sw.DiscDetector((y, x), radius)
            assert_allclose(copy.image(disc), virtual_image(data, disc), rtol=1e-14)
            if data.dtype.kind in "ui":
                assert_array_equal(copy.image(disc), virtual_image(data, disc))


def test_the_largest_counts_do_not_overflow_while_dragging():
    data = np.full((2, 3, 200, 210), 2**16 - 1, np.uint16)
    copy = DetectorMajor(data)
    for detector in (sw.DiscDetector((100, 100), 400), sw.DiscDetector((100, 100), 70)):
        assert_array_equal(copy.image(detector), virtual_image(data, detector))


def test_a_dragged_detector_off_the_pattern_is_refused_and_can_come_back():
    data = counts()
    copy = DetectorMajor(data)
    disc = sw.DiscDetector((8, 4), 6)
    copy.image(disc)
    with pytest.raises(sw.InputError, match="covers no pixel"):
        copy.image(sw.DiscDetector((8, -40), 6))
    with pytest.raises(sw.InputError, match="once or not at all"):
        copy.image(sw.SegmentDetector((8, 20), 1, 6))
    assert_array_equal(copy.image(disc), virtual_image(data, disc))


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 6, 7, 8, 15])
def test_binned_pixels_are_sums(factor):
    data = counts("i2")[..., :15] - 4
    high, wide = 18 // factor, 15 // factor
    whole = data[..., : high * factor, : wide * factor]
    expected = whole.reshape(5, 7, high, factor, wide, factor).sum(axis=(3, 5))
    assert_array_equal(overview(data, bin_by=factor).binned, expected)
