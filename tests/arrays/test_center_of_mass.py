import tracemalloc

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.center_of_mass import calibrated, center_of_mass, moments
from stemwidgets.arrays.overview import overview
from stemwidgets.signals.conversion import arrays_to_signal

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
    mask = np.zeros((9, 11), dtype=bool)
    mask[8, 10] = True

    com = center_of_mass((spot(2, 7) + spot(8, 10))[None], mask)

    np.testing.assert_array_equal(com, [[2, 7]])


def test_mask_of_another_shape_is_refused():
    with pytest.raises(sw.InputError, match=r"\(9, 11\), .* got bool of shape \(11, 9\)"):
        center_of_mass(spot(2, 7)[None], np.zeros((11, 9), dtype=bool))


@settings(deadline=None, max_examples=25)
@given(
    shift=st.tuples(st.integers(-2, 2), st.integers(-3, 3)),
    dose=st.integers(1, 1000),
    dtype=st.sampled_from(["u2", "i4", "f4"]),
)
def test_com_follows_the_pattern_and_not_the_dose(shift, dose, dtype):
    pattern = np.zeros((9, 11), dtype)
    pattern[3:6, 4:7] = [[1, 4, 3], [2, 8, 3], [5, 5, 1]]  # 32 counts: centroids are exact

    moved = center_of_mass((dose * np.roll(pattern, shift, axis=(0, 1)))[None])

    np.testing.assert_array_equal(moved - center_of_mass(pattern[None]), [shift])


def chunks(size):
    return st.lists(st.integers(0, size), max_size=3).map(
        lambda cuts: tuple(np.diff([0, *sorted(set(cuts) - {0, size}), size]).tolist())
    )


@settings(deadline=None, max_examples=20)
@given(
    chunks=st.tuples(*map(chunks, (4, 5, 9, 11))),
    masked=st.booleans(),
    threshold=st.sampled_from([None, 3.0]),
)
def test_any_chunks_give_the_eager_com(chunks, masked, threshold):
    data = np.random.default_rng(0).poisson(3, (4, 5, 9, 11)).astype(np.uint16)
    data[1, 2] = 0
    mask = ~sw.AnnularDetector((4, 5), 1, 4).pixels((9, 11)) if masked else None

    streamed = moments(da.from_array(data, chunks=chunks), mask, threshold)

    np.testing.assert_array_equal(streamed, moments(data, mask, threshold))


@pytest.mark.parametrize("shape", [(8, 9), (17, 13), (24, 31), (9, 40), (150, 16)])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "i8", "f4", "f8"])
def test_sums_are_those_of_numpy(shape, dtype):
    data = np.random.default_rng(1).integers(0, 200, (2, 3, *shape)).astype(dtype)
    y, x = np.indices(shape)
    counts = data.astype(float)

    expected = [counts.sum((2, 3)), (counts * y).sum((2, 3)), (counts * x).sum((2, 3))]

    np.testing.assert_array_equal(moments(data), np.stack(expected, axis=-1))
    np.testing.assert_array_equal(moments(data, weights=np.ones(shape)), moments(data))
    half = moments(data, weights=np.full(shape, 0.5))
    np.testing.assert_allclose(half, moments(data) / 2, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "i4"])
def test_large_and_bright_patterns_do_not_overflow(dtype):
    data = np.full((1, 16, 5000), np.iinfo(dtype).max, dtype)

    np.testing.assert_array_equal(center_of_mass(data), [[7.5, 2499.5]])
    corners = np.zeros((16, 5000), dtype=bool)
    corners[::15, ::4999] = True
    for options in ({"mask": corners}, {"threshold": 100}):
        np.testing.assert_allclose(center_of_mass(data, **options), [[7.5, 2499.5]], rtol=1e-15)

    tall = np.full((1, 301, 16), np.iinfo(dtype).max, dtype)
    np.testing.assert_array_equal(center_of_mass(tall), [[150, 7.5]])


def test_all_cores_find_what_one_finds(monkeypatch):
    data = np.random.default_rng(8).integers(0, 99, (7, 5, 9, 11)).astype(np.uint16)
    alone = moments(data), moments(np.ma.masked_greater(data, 90))
    monkeypatch.setattr("stemwidgets.arrays.blocks.SHARED_BYTES", 0)

    np.testing.assert_array_equal(moments(data), alone[0])
    np.testing.assert_array_equal(moments(np.ma.masked_greater(data, 90)), alone[1])
    np.testing.assert_array_equal(moments(data.reshape(-1, 9, 11)), alone[0].reshape(-1, 3))


def test_patterns_need_not_lie_in_order():
    data = np.random.default_rng(2).integers(0, 99, (11, 9, 5, 4)).astype(np.uint16)

    turned = center_of_mass(data.transpose(3, 2, 1, 0))

    np.testing.assert_array_equal(turned, center_of_mass(data.transpose(3, 2, 1, 0).copy()))


@pytest.mark.parametrize("weight", [True, 1.0, 0.5])
def test_a_pixel_without_weight_may_hold_anything(weight):
    data = np.stack([spot(2, 7), spot(5, 4)])
    weights = np.full((9, 11), weight)
    weights[8, 10] = 0
    data[:, 8, 10] = [np.nan, np.inf]

    np.testing.assert_array_equal(center_of_mass(data, weights=weights), [[2, 7], [5, 4]])
    np.testing.assert_array_equal(
        center_of_mass(data, threshold=1, weights=weights), [[2, 7], [5, 4]]
    )


def test_a_detector_is_a_mask():
    detector = sw.AnnularDetector((4.0, 5.0), 2.0, 4.5)
    data = np.random.default_rng(3).poisson(5, (3, 9, 11))

    np.testing.assert_array_equal(
        center_of_mass(data, weights=detector), center_of_mass(data, mask=~detector.pixels((9, 11)))
    )


def test_pixels_below_the_threshold_count_nothing_and_the_others_all():
    pattern = np.ones((9, 11))
    pattern[2, 7], pattern[4, 7] = 30, 10

    np.testing.assert_array_equal(center_of_mass(pattern[None], threshold=2), [[2.5, 7]])
    np.testing.assert_array_equal(center_of_mass(pattern[None], threshold=10), [[2.5, 7]])
    np.testing.assert_array_equal(center_of_mass(pattern[None], threshold=10.5), [[2, 7]])


def test_a_background_dilutes_the_com_until_it_is_subtracted():
    dark = np.random.default_rng(4).integers(5, 9, (9, 11))
    pattern = dark + spot(2, 7)

    assert np.linalg.norm(center_of_mass(pattern[None]) - [2, 7]) > 2
    np.testing.assert_allclose(center_of_mass(pattern[None], background=dark), [[2, 7]])
    np.testing.assert_allclose(center_of_mass((3 + spot(2, 7))[None], background=3), [[2, 7]])
    np.testing.assert_array_equal(
        center_of_mass((3 + spot(2, 7))[None], threshold=1, background=3), [[2, 7]]
    )


def test_noise_below_zero_does_not_pull_the_com():
    rng = np.random.default_rng(5)
    pattern = 100 * spot(3, 6) + rng.normal(0, 3, (20_000, 9, 11))

    com = center_of_mass(pattern)

    assert (pattern < 0).mean() > 0.45
    np.testing.assert_allclose(com.mean(axis=0), [3, 6], atol=0.01)


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
    mask = np.zeros((78, 78), dtype=bool)
    mask[:, :30] = True

    com = sw.center_of_mass(signal, mask)

    assert abs(com.x.data.mean()) < 0.05 * com.x.data.std()


def scan(shape=(3, 4, 9, 11)):
    data = np.random.default_rng(6).poisson(5, shape).astype(np.uint16)
    axes = Axes(
        Axis(shape[0], 0.2, 0, "Å"),
        Axis(shape[1], 0.3, 0, "Å"),
        Axis(shape[2], 0.02, -0.1, "1/Å"),
        Axis(shape[3], 0.01, -0.06, "1/Å"),
    )
    return data, axes


def signal_of(shape=(3, 4, 9, 11), energy=None):
    signal = arrays_to_signal(*scan(shape))
    if energy:
        signal.set_experimental_parameters(beam_energy=energy)
    return signal


def test_the_reference_is_the_mean_pattern():
    signal = signal_of()
    mean = center_of_mass(signal.data.mean(axis=(0, 1))[None])[0]

    com = sw.center_of_mass(signal)

    np.testing.assert_allclose(com.y.data, 0.02 * (com.positions[..., 0] - mean[0]), atol=1e-15)
    np.testing.assert_allclose(com.x.data, 0.01 * (com.positions[..., 1] - mean[1]), atol=1e-15)


def test_the_reference_may_be_a_position_one_for_each_or_the_zero_of_the_axes():
    signal = signal_of()
    fixed = sw.center_of_mass(signal, reference=(5, 6))
    each = sw.center_of_mass(signal, reference=np.full((3, 4, 2), [5.0, 6.0]))
    axis = sw.center_of_mass(signal, reference=None)
    own = sw.center_of_mass(signal, reference=sw.center_of_mass(signal))

    for com in (each, axis):
        np.testing.assert_allclose(com.y.data, fixed.y.data, atol=1e-15)
        np.testing.assert_allclose(com.x.data, fixed.x.data, atol=1e-15)
    np.testing.assert_allclose(fixed.y.data, 0.02 * (fixed.positions[..., 0] - 5), atol=1e-15)
    np.testing.assert_array_equal(own.magnitude.data, 0)


def test_units_can_be_chosen():
    signal = signal_of(energy=60)
    auto, mrad, pixels = (
        sw.center_of_mass(signal, units=units) for units in ("auto", "mrad", "px")
    )

    assert (auto.units, mrad.units, pixels.units) == ("1/Å", "mrad", "px")
    np.testing.assert_allclose(mrad.y.data, auto.y.data * 48.66, rtol=1e-3)
    np.testing.assert_allclose(auto.y.data, pixels.y.data * 0.02)
    np.testing.assert_allclose(auto.x.data, pixels.x.data * 0.01)
    assert mrad.magnitude.metadata.Signal.quantity == "COM magnitude (mrad)"
    np.testing.assert_allclose(mrad.potential().data, auto.potential().data)


@pytest.mark.parametrize("shape", [(3, 4, 9, 11), (4, 3, 12, 10)])
@pytest.mark.parametrize("lazy", [False, True])
def test_beam_shift_is_that_of_pyxem(shape, lazy):
    signal = signal_of(shape, energy=80)
    theirs = signal.get_direct_beam_position(method="center_of_mass")

    ours = sw.center_of_mass(signal.as_lazy() if lazy else signal).to_beam_shift()

    assert type(ours) is type(theirs)
    np.testing.assert_allclose(ours.data, theirs.data, atol=1e-9)
    assert ours.units == theirs.units
    assert ours.column_names == theirs.column_names
    assert ours.beam_energy == 80
    for mine, other in zip(
        ours.axes_manager.navigation_axes, theirs.axes_manager.navigation_axes, strict=True
    ):
        assert (mine.name, mine.scale, mine.units) == (other.name, other.scale, other.units)
    np.testing.assert_allclose(
        ours.pixels_to_calibrated_units().data, theirs.pixels_to_calibrated_units().data, atol=1e-9
    )


def test_beam_shift_centres_the_patterns():
    data = np.zeros((2, 3, 12, 10))
    for index, place in zip(np.ndindex(2, 3), np.ndindex(2, 3), strict=True):
        data[(*index, 4 + place[0], 3 + place[1])] = 7
    signal = arrays_to_signal(data, Axes.uncalibrated(data.shape))

    signal.center_direct_beam(shifts=sw.center_of_mass(signal).to_beam_shift())

    np.testing.assert_allclose(signal.data[..., 6, 5], 7)


def test_beam_shift_is_absolute_whatever_the_reference():
    signal = signal_of()

    shifts = [
        sw.center_of_mass(signal, reference=reference).to_beam_shift().data
        for reference in ("mean", (1, 2), None)
    ]

    np.testing.assert_array_equal(shifts[0], shifts[1])
    np.testing.assert_array_equal(shifts[0], shifts[2])


def test_the_angle_of_a_deflection_straight_back_is_plus_pi():
    com = np.array([[[4.0, 5.0], [4.0, 6.0]]])

    assert calibrated(com, AXES, (4.0, 6.0)).angle[0, 0] == np.pi
    flipped = AXES._replace(ky=Axis(9, -0.02, 0, "1/Å"))
    assert calibrated(com, flipped, (4.0, 6.0)).angle[0, 0] == np.pi


def test_com_takes_hardly_more_memory_than_the_data():
    data = np.zeros((64, 32, 96, 50), np.uint16)
    data[..., 5, 6] = 1
    weights = np.full((96, 50), 0.5)
    strided = data.transpose(1, 0, 2, 3)
    for few in (data[:1], strided[:1]):  # compiled before
        center_of_mass(few)
        center_of_mass(few, threshold=0.1, weights=weights)
    tracemalloc.start()
    center_of_mass(data)
    center_of_mass(data, threshold=0.1, weights=weights)
    center_of_mass(strided)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak <= 0.05 * data.nbytes
