"""Bad input to the centre of mass: an error in words, or NaN, but no wrong number."""

import dask.array as da
import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.signals.conversion import arrays_to_signal

SHAPE = (5, 6, 12, 10)


def counts():
    return np.random.default_rng(0).poisson(4, SHAPE).astype(np.uint16)


def as_is(data):
    return data


def lazy(data):
    return da.from_array(data, chunks=(2, 3, 12, 10))


def center_of(data, **options):
    return sw.center_of_mass(data, **options)


def assert_same_elsewhere(com, reference, undefined):
    for name in ("x", "y", "magnitude", "angle"):
        found, expected = getattr(com, name).data, getattr(reference, name).data
        np.testing.assert_array_equal(np.isnan(found), undefined)
        np.testing.assert_allclose(found[~undefined], expected[~undefined])


@pytest.mark.parametrize("source", [as_is, lazy])
def test_an_empty_pattern_in_the_middle_is_nan_and_disturbs_nothing(source):
    data = counts()
    data[2, 3] = 0
    undefined = np.zeros(SHAPE[:2], bool)
    undefined[2, 3] = True

    com = center_of(source(data), reference=(5, 4))

    assert_same_elsewhere(com, center_of(counts(), reference=(5, 4)), undefined)
    for derived in (com.divergence, com.curl, com.potential()):
        np.testing.assert_array_equal(np.isnan(derived.data), undefined)
    assert (com.color_image().data["R"][2, 3], com.color_image().data["B"][2, 3]) == (128, 128)
    assert np.isnan(com.to_beam_shift().data[2, 3]).all()
    assert np.isfinite(center_of(source(data)).x.data).sum() == 29


def test_a_dead_row_of_the_scan_is_nan_and_the_fields_bridge_it():
    data = counts()
    data[2] = 0
    undefined = np.zeros(SHAPE[:2], bool)
    undefined[2] = True

    com = center_of(data)

    for derived in (com.x, com.divergence, com.curl, com.potential()):
        np.testing.assert_array_equal(np.isnan(derived.data), undefined)


def test_a_row_of_the_detector_that_is_nan_is_left_out():
    data = counts().astype(np.float32)
    data[..., 7, :] = np.nan
    mask = np.zeros(SHAPE[2:], dtype=bool)
    mask[7] = True
    with pytest.raises(sw.InputError, match="in 30 patterns of 30"):
        center_of(data, faulty=None)

    expected = center_of(counts(), mask=mask)

    np.testing.assert_allclose(center_of(data, mask=mask).x.data, expected.x.data)
    np.testing.assert_allclose(center_of(data).x.data, expected.x.data)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("source", [as_is, lazy])
def test_pixels_that_are_not_finite_are_refused(source, value):
    data = counts().astype(np.float32)
    data[1, 2, 3, 4] = value
    for options in ({}, {"threshold": 1}, {"background": 1}, {"weights": np.ones(SHAPE[2:])}):
        with pytest.raises(sw.InputError, match="in 1 pattern of 30"):
            center_of(source(data), **options)


def test_more_negative_than_positive_counts_in_a_pattern_give_nan():
    data = counts().astype(np.int16)
    data[2, 3] *= -1
    undefined = np.zeros(SHAPE[:2], bool)
    undefined[2, 3] = True

    com = center_of(data, reference=(5, 4))

    assert_same_elsewhere(com, center_of(counts(), reference=(5, 4)), undefined)


def test_negative_counts_that_push_the_com_off_the_detector_give_nan():
    data = counts().astype(np.int16)
    data[2, 3] = 0
    data[2, 3, 5, :3], data[2, 3, 5, 9] = -10, 35
    assert data[2, 3].sum() > 0

    com = center_of(data)

    assert np.isnan(com.positions).sum() == 2
    assert np.isnan(com.x.data).sum() == 1


@pytest.mark.parametrize("source", [as_is, lazy])
def test_patterns_of_which_the_mean_was_subtracted_are_refused(source):
    data = counts() - counts().mean(axis=(0, 1))
    with pytest.raises(sw.InputError, match="a mean or too much background was subtracted"):
        center_of(source(data))
    with pytest.raises(sw.InputError, match="a mean or too much background was subtracted"):
        center_of(source(counts()), background=50)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones((10, 12)), r"shape \(12, 10\), got \(10, 12\)"),
        (np.ones(12), r"shape \(12, 10\), got \(12,\)"),
        (np.zeros((12, 10)), "by which none counts"),
        (np.full((12, 10), -1.0), "finite and not negative"),
        (np.full((12, 10), np.nan), "finite and not negative"),
        (sw.AnnularDetector((100, 100), 0, 5), "by which none counts"),
        ("disc", r"got \(\)"),
    ],
)
@pytest.mark.parametrize("source", [as_is, lazy])
def test_weights_that_do_not_fit_are_refused(source, weights, message):
    with pytest.raises(sw.InputError, match=message):
        center_of(source(counts()), weights=weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": np.nan}, "threshold in counts"),
        ({"background": np.ones((10, 12))}, r"shape \(12, 10\)"),
        ({"background": np.nan}, "finite counts"),
        ({"background": "auto"}, "number of counts"),
        ({"reference": "median"}, "'mean', a position"),
        ({"reference": (1, 2, 3)}, r"\[5, 6, 2\], got \(3,\)"),
        ({"reference": np.zeros((6, 5, 2))}, r"\[5, 6, 2\], got \(6, 5, 2\)"),
        ({"reference": (np.nan, 2)}, "reference"),
        ({"reference": object()}, "reference"),
        ({"units": "rad"}, "'auto', '1/Å', 'mrad' or 'px'"),
        ({"units": "mrad"}, "Expected detector axes in 1/Å or mrad, to give mrad; got px"),
        ({"units": "1/Å"}, "to give 1/Å; got px"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(sw.InputError, match=message):
        center_of(counts(), **options)


def calibrated_signal(units):
    axes = Axes(
        Axis(5, 0.2, 0, "Å"), Axis(6, 0.2, 0, "Å"), Axis(12, 1.0, 0, units), Axis(10, 1.0, 0, units)
    )
    return arrays_to_signal(counts(), axes)


@pytest.mark.parametrize(("have", "want"), [("1/Å", "mrad"), ("mrad", "1/Å")])
def test_between_frequencies_and_angles_the_beam_energy_is_needed(have, want):
    with pytest.raises(sw.InputError, match="beam energy"):
        center_of(calibrated_signal(have), units=want)


def test_a_field_needs_calibration_and_beam_energy():
    with pytest.raises(sw.InputError, match="needs the beam energy"):
        center_of(calibrated_signal("1/Å")).electric_field(10)
    signal = calibrated_signal("1/Å")
    signal.set_experimental_parameters(beam_energy=80)
    with pytest.raises(sw.InputError, match="in 1/Å or mrad, got px"):
        center_of(signal, units="px").electric_field(10)
    with pytest.raises(sw.InputError, match="thickness in Å"):
        center_of(signal).electric_field(0)


def test_a_potential_says_what_it_is():
    pixels = center_of(counts()).potential()
    phase = center_of(calibrated_signal("1/Å")).potential()

    assert pixels.metadata.Signal.quantity == "integrated COM (px·px)"
    assert phase.metadata.Signal.quantity == "phase (rad)"
    with pytest.raises(sw.InputError, match="high_pass"):
        center_of(counts()).potential(high_pass=-1)


def test_a_line_scan_has_no_divergence():
    com = center_of(counts()[:1])
    with pytest.raises(sw.InputError, match="line scan"):
        _ = com.divergence
    assert com.potential().data.shape == (1, 6)


def test_nothing_at_all_gives_nan_everywhere():
    com = center_of(np.zeros(SHAPE, np.uint16))

    for derived in (com.angle, com.divergence, com.curl, com.potential()):
        assert np.isnan(derived.data).all()
    assert (com.color_image().data["G"] == 128).all()
