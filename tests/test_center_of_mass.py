import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.center_of_mass import calibrated, center_of_mass
from stemwidgets.arrays.overview import overview

AXES = Axes(
    Axis(2, 0.2, 0, "Å"), Axis(3, 0.3, 0, "Å"), Axis(9, 0.02, 0, "1/Å"), Axis(11, 0.01, 0, "1/Å")
)


def spot(y, x, shape=(9, 11)):
    pattern = np.zeros(shape)
    pattern[y, x] = 5.0
    return pattern


def test_com_is_ordered_y_x_about_the_first_pixel():
    com = center_of_mass(spot(2, 7)[None])

    np.testing.assert_array_equal(com, [[2.0, 7.0]])


@pytest.mark.parametrize(
    "dtype", ["uint8", "<u2", ">u2", ">i4", "float16", "f4", "f8", "longdouble", "bool"]
)
def test_com_is_the_same_for_every_type(dtype):
    patterns = np.stack([spot(2, 7), spot(8, 0)]).astype(dtype)

    np.testing.assert_array_equal(center_of_mass(patterns), [[2, 7], [8, 0]])


def test_pattern_without_counts_gives_nan():
    com = center_of_mass(np.stack([np.zeros((9, 11)), spot(1, 1)]))

    assert np.isnan(com[0]).all()
    np.testing.assert_array_equal(com[1], [1, 1])


def test_mask_leaves_pixels_out():
    mask = np.ones((9, 11))
    mask[8, 10] = 0

    com = center_of_mass((spot(2, 7) + spot(8, 10))[None], mask)

    np.testing.assert_array_equal(com, [[2, 7]])


def test_mask_of_another_shape_is_refused():
    with pytest.raises(sw.InputError, match=r"\(9, 11\), got \(11, 9\)"):
        center_of_mass(spot(2, 7)[None], np.ones((11, 9)))


@settings(deadline=None, max_examples=25)
@given(shift=st.tuples(st.integers(-2, 2), st.integers(-3, 3)), dose=st.integers(1, 1000))
def test_com_follows_the_pattern_and_not_the_dose(shift, dose):
    pattern = np.zeros((9, 11))
    pattern[3:6, 4:7] = np.arange(9).reshape(3, 3) + 1

    moved = center_of_mass((dose * np.roll(pattern, shift, axis=(0, 1)))[None])

    np.testing.assert_allclose(moved - center_of_mass(pattern[None]), [shift], atol=1e-12)


def test_lazy_scan_gives_the_eager_overview():
    data = np.random.default_rng(0).poisson(3, (4, 5, 9, 11))
    lazy = da.from_array(data, chunks=(3, 2, 4, 11))

    eager, streamed = overview(data), overview(lazy)

    np.testing.assert_allclose(streamed.com, eager.com)
    np.testing.assert_allclose(streamed.sum_image, eager.sum_image)
    np.testing.assert_allclose(streamed.mean_pattern, eager.mean_pattern)
    np.testing.assert_allclose(streamed.reference, eager.reference)


def test_angle_turns_from_kx_to_ky_with_non_square_pixels():
    com = np.array([[[4.0, 5.0], [5.0, 5.0], [4.0, 6.0]]] * 2)

    deflection = calibrated(com, AXES, (4.0, 5.0))

    np.testing.assert_allclose(deflection.x[0], [0, 0, 0.01])
    np.testing.assert_allclose(deflection.y[0], [0, 0.02, 0])
    np.testing.assert_allclose(deflection.angle[0, 1:], [np.pi / 2, 0])
    assert deflection.units == "1/Å"


def test_com_of_a_signal_has_the_axes_of_the_scan():
    signal = sw.samples.graphene()

    com = sw.center_of_mass(signal)

    for name in ("x", "y", "magnitude", "angle"):
        scan_x, scan_y = getattr(com, name).axes_manager.signal_axes
        assert (scan_x.size, scan_y.size) == (24, 14)
        assert scan_x.scale == pytest.approx(4.268 / 24)
        assert scan_y.units == "Å"
    assert com.x.metadata.Signal.quantity == "COM x (1/Å)"
    assert com.angle.metadata.Signal.quantity == "COM angle (rad)"
    assert "14×24" in repr(com)


def test_masked_com_of_a_signal_is_about_the_masked_mean():
    signal = sw.samples.graphene()
    mask = np.ones((78, 78))
    mask[:, :30] = 0

    com = sw.center_of_mass(signal, mask)

    assert abs(com.x.data.mean()) < 0.05 * com.x.data.std()
