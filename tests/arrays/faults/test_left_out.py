"""What is faulty on a detector changes no map, in any function, and is told."""

import dask.array as da
import faulty_scans
import numpy as np
import pytest
import real_files

import stemwidgets as sw
from stemwidgets.arrays.maps.circular import wrap

TABLES = ("events", "hot_pixels", "dead_pixels", "lines")
PLACE = (10, 13, 5, 22)


def turned():
    return faulty_scans.turned_discs().astype("u2")


def with_event(value):
    scan = turned().astype("i8" if value > 65535 else "u2")
    scan[PLACE] = value
    return scan


def angle_between(one, other):
    return float(np.degrees(np.nanmax(np.abs(wrap(one.angle.data - other.angle.data)))))


@pytest.mark.parametrize("value", [65535, 1e8, 1e9])
def test_one_event_turns_no_deflection(value):
    clean, faulty = sw.center_of_mass(turned()), sw.center_of_mass(with_event(value))

    assert angle_between(clean, faulty) < 3
    assert np.median(np.abs(clean.x.data - faulty.x.data)) < 1e-6
    assert faulty.left_out.words == "1 single event is left out."
    assert "1 single event is left out." in repr(faulty)
    assert faulty.x.metadata.Stemwidgets.left_out == "1 single event is left out."
    np.testing.assert_array_equal(faulty.left_out.events, [PLACE])


def test_nothing_is_left_out_when_that_is_asked_for():
    com = sw.center_of_mass(with_event(65535), faulty=None)

    assert com.left_out.words == ""
    assert angle_between(com, sw.center_of_mass(turned())) > 20


@pytest.mark.parametrize("table", TABLES)
def test_deflections_are_those_of_a_sound_detector(table):
    cases = list(getattr(faulty_scans, table)())
    wrong = {}
    for case in cases:
        mask = np.isnan(case.data).all((0, 1)) if case.data.dtype.kind == "f" else None
        hidden = np.zeros(case.data.shape[2:], bool) if mask is None else mask
        for y, x in case.pixels:
            hidden[y, x] = True
        hidden[list(case.rows)] = True
        hidden[:, list(case.columns)] = True
        com = sw.center_of_mass(case.data)
        truth = sw.center_of_mass(case.clean, mask=hidden if hidden.any() else None, faulty=None)
        off = np.hypot(com.x.data - truth.x.data, com.y.data - truth.y.data)
        electrons = case.clean.sum((2, 3)).mean()
        if not np.nanmax(off) < 0.05 + 60 / electrons:  # a count or two at an event's place
            wrong[case.name] = f"{np.nanmax(off):.3f} px off"
    right = len(cases) - len(wrong)
    print(f"{table}: {len(cases)} cases tried, {right} right, 0 refused, {len(wrong)} wrong")
    assert not wrong


def hot_scan():
    scan = turned()
    scan[..., 5, 6] = 4095
    return scan


def test_bright_field_of_a_hot_pixel_is_that_of_the_disc():
    clean, hot = (sw.virtual_image(scan, "BF").data for scan in (turned(), hot_scan()))

    np.testing.assert_allclose(hot, clean, rtol=0.02)


def test_components_of_a_hot_row_and_an_event_are_those_of_the_patterns():
    scan = with_event(65535)
    scan[:, :, 15] = 4095

    found = sw.pca(scan, 2)
    clean = sw.pca(turned(), 2, mask=np.arange(32)[:, None] + np.zeros(32) == 15)

    assert np.isnan(found.patterns.data[:, 15]).all()
    for one, other in zip(found.maps.data, clean.maps.data, strict=True):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) > 0.99
    assert found.left_out.left_out_words == "Row 15 and 1 single event are left out."


def test_calibration_of_a_hot_row_is_that_of_a_sound_detector():
    scan = turned()
    scan[:, :, 3] = 4095

    found, clean = (sw.calibrate(each, rotation=0.0) for each in (scan, turned()))

    np.testing.assert_allclose(found.disc_center, clean.disc_center, atol=0.1)
    assert "Row 3 is left out." in str(found)
    assert sw.Calibration.from_json(found.to_json()) == found


def test_nan_pixels_are_left_out_by_every_function():
    scan = turned().astype("f4")
    scan[:, :, 3, 4:9] = np.nan

    assert np.isfinite(sw.center_of_mass(scan).x.data).all()
    assert np.isfinite(sw.virtual_image(scan, "BF").data).all()
    assert np.isfinite(sw.pca(scan, 2).maps.data).all()
    assert np.isfinite(sw.nmf(scan, 2).maps.data).all()
    assert sw.calibrate(scan, rotation=0.0).left_out == "5 pixels are left out."
    assert sw.RRVAE(seed=0).fit(scan).used_pixels.mask.sum() == 5


@pytest.mark.parametrize("function", [sw.center_of_mass, sw.pca, sw.calibrate])
def test_nan_in_some_patterns_only_is_told(function):
    scan = turned().astype("f4")
    scan[2, 3, 16, 16] = np.nan

    with pytest.raises(sw.InputError, match="in 1 pattern of 576"):
        function(scan)


def test_lazy_scans_are_cleaned_alike():
    scan = hot_scan()
    scan[PLACE] = 65535
    eager = sw.center_of_mass(scan)

    lazy = sw.center_of_mass(da.from_array(scan, chunks=(8, 24, 16, 32)))

    np.testing.assert_allclose(lazy.x.data, eager.x.data, atol=1e-9)


def test_a_training_is_told_the_truth_by_faulty_pixels():
    scan = with_event(1e9)
    scan[:, :, 15] = 4095
    com = sw.center_of_mass(turned())

    model = sw.RRVAE(seed=0).fit(scan)

    assert model.used_pixels.mask[15].all()
    compared = sw.compare_angles(model.encode(scan).angle, com.angle.data, com.magnitude.data)
    assert compared.correlation > 0.9


def test_the_hot_pixel_of_a_real_file_is_told():
    com = sw.center_of_mass(real_files.MERLIN_HOT_PIXEL.path)

    assert com.left_out.words == "1 pixel is left out."
    np.testing.assert_array_equal(com.left_out.pixels, [(88, 52)])


def test_the_saturated_disc_of_a_real_file_is_told():
    com = sw.center_of_mass(real_files.MERLIN_DISC.path)

    words = "The disc is saturated at 63 counts: COM and angle are biased."
    assert com.left_out.words == words


@pytest.mark.parametrize(
    "name", ["graphene", "graphene_silicon", "graphene_vacancy", "graphene_grains", "zincblende"]
)
def test_samples_are_sound(name):
    signal = getattr(sw.samples, name)()

    assert sw.center_of_mass(signal).left_out.words == ""


def test_what_is_left_out_must_be_known():
    with pytest.raises(sw.InputError, match="faulty=None"):
        sw.center_of_mass(turned(), faulty="all")


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4", ">u2"])
def test_moments_with_a_look_for_events_are_those_of_clean_patterns(dtype):
    """One reading compares and adds up; it changes no bit of what has no event."""
    from stemwidgets.arrays.center_of_mass import moments
    from stemwidgets.arrays.faults.clean import clean_scan

    scan = faulty_scans.turned_discs(scan=(5, 7)).astype(dtype)
    hit = scan.copy()
    hit[3, 4, 2, 29] = 255

    np.testing.assert_array_equal(moments(clean_scan(scan).data), moments(scan))
    clean = clean_scan(hit)
    found = moments(clean.data)
    np.testing.assert_array_equal(found[:3], moments(scan)[:3])
    np.testing.assert_allclose(found[3, 4, 0], scan[3, 4].sum(), atol=3)
    np.testing.assert_array_equal(clean.told.events, [(3, 4, 2, 29)])
