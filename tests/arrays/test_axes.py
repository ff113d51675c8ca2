import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.calibration.electrons import wavelength
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.conversion import arrays_to_signal, signal_to_arrays, to_arrays
from stemwidgets.signals.maps.scan_signals import map_signal, map_stack_signal
from stemwidgets.signals.metadata.title_and_beam import CalibrationNote
from stemwidgets.signals.metadata.units import detector_axis, scan_axis

SHAPE = (2, 5, 9, 12)


@pytest.fixture
def data():
    return np.random.default_rng(0).integers(0, 99, SHAPE).astype(np.uint16)


@pytest.fixture
def axes():
    return Axes(
        Axis(2, 0.3, 1.0, "Å"),
        Axis(5, 0.2, -1.0, "Å"),
        Axis(9, 0.05, -0.2, "1/Å"),
        Axis(12, 0.04, -0.24, "1/Å"),
    )


def with_units(data, *units):
    signal = hs.signals.Signal2D(data)
    for axis, unit in zip(signal.axes_manager._axes, units, strict=True):
        axis.units = unit
        axis.scale = 0.5
    return signal


def test_a_scan_survives_the_round_trip_through_a_signal(data, axes):
    again, axes_again = signal_to_arrays(arrays_to_signal(data, axes, "a scan"))
    assert np.array_equal(again, data)
    assert axes_again == axes


def test_hyperspy_shows_x_before_y(data, axes):
    signal = arrays_to_signal(data, axes, "a scan")
    assert signal.axes_manager.navigation_shape == (5, 2)
    assert signal.axes_manager.signal_shape == (12, 9)
    assert [axis.name for axis in signal.axes_manager.navigation_axes] == ["x", "y"]
    assert [axis.name for axis in signal.axes_manager.signal_axes] == ["kx", "ky"]
    assert np.array_equal(signal.inav[4, 1].data, data[1, 4])
    assert signal.metadata.General.title == "a scan"


def test_a_numpy_signal_gives_its_own_memory(data, axes):
    again, _ = signal_to_arrays(arrays_to_signal(data, axes))
    assert np.shares_memory(again, data)


def test_a_dask_array_stays_lazy_both_ways(data, axes):
    signal = arrays_to_signal(da.from_array(data), axes)
    assert type(signal).__name__ == "LazyElectronDiffraction2D"
    again, _ = signal_to_arrays(signal)
    assert isinstance(again, da.Array)
    assert np.array_equal(again.compute(), data)


@pytest.mark.parametrize("swapped", ["scan", "detector"])
def test_axes_named_y_before_x_are_put_right(data, axes, swapped):
    signal = arrays_to_signal(data, axes)
    manager = signal.axes_manager
    first, second = manager.navigation_axes if swapped == "scan" else manager.signal_axes
    first.name, second.name = second.name, first.name
    again, again_axes = signal_to_arrays(signal)
    expected = data.swapaxes(0, 1) if swapped == "scan" else data.swapaxes(2, 3)
    assert np.array_equal(again, expected)
    assert again_axes.shape == expected.shape


def test_axes_without_units_are_in_pixels(data):
    _, axes = signal_to_arrays(hs.signals.Signal2D(data))
    assert axes == Axes.uncalibrated(SHAPE)


def test_a_scale_without_units_keeps_the_origin_in_pixels():
    assert detector_axis(Axis(12, 0.02, -0.1, "<undefined>")) == Axis(12, 1.0, -5.0, "px")


@pytest.mark.parametrize("broken", [0.0, float("nan"), float("inf")])
def test_an_impossible_scale_counts_as_uncalibrated(broken):
    assert scan_axis(Axis(5, broken, 3.0, "nm")) == Axis(5)


@pytest.mark.parametrize(
    ("units", "factor"),
    [
        ("Å", 1),
        ("A", 1),
        ("\N{ANGSTROM SIGN}", 1),
        ("nm", 10),
        ("µm", 1e4),
        ("μm", 1e4),
        ("pm", 0.01),
    ],
)
def test_scan_lengths_become_angstrom(units, factor):
    axis = scan_axis(Axis(5, 2.0, -1.0, units))
    assert axis.units == "Å"
    assert (axis.scale, axis.offset) == pytest.approx((2 * factor, -factor))


@pytest.mark.parametrize(
    "units",
    ["1/Å", "1/A", "$A^{-1}$", r"$\AA^{-1}$", "Å^-1", "Å⁻¹", "A-1", "1 / Å", "Å**-1", "1/Angstrom"],
)
def test_inverse_angstrom_is_known_in_every_spelling(units):
    assert detector_axis(Axis(9, 0.5, -1.0, units)) == Axis(9, 0.5, -1.0, "1/Å")


@pytest.mark.parametrize("units", ["1/nm", "nm^-1", "1 / nm", "$nm^{-1}$"])
def test_inverse_nanometres_become_inverse_angstrom(units):
    axis = detector_axis(Axis(9, 0.5, -1.0, units))
    assert axis.units == "1/Å"
    assert axis.scale == pytest.approx(0.05)


def test_angles_stay_mrad_without_a_beam_energy():
    assert detector_axis(Axis(9, 0.002, -0.01, "rad")) == Axis(9, 2.0, -10.0, "mrad")


def test_the_wavelength_at_60_kv_is_the_textbook_one():
    assert wavelength(60) == pytest.approx(0.048661, abs=2e-6)
    assert wavelength(200) == pytest.approx(0.025079, abs=2e-6)


def test_angles_become_spatial_frequencies_with_a_beam_energy(data):
    signal = with_units(data, "nm", "nm", "mrad", "mrad")
    signal.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 60)
    _, axes = signal_to_arrays(signal)
    assert axes.kx.units == "1/Å"
    assert axes.kx.scale == pytest.approx(0.5e-3 / 0.048661, rel=1e-4)
    assert axes.scan_x.scale == pytest.approx(5.0)


@pytest.mark.parametrize("units", ["cm", "rlu", "counts"])
def test_units_that_a_detector_cannot_have_are_told_and_counted_in_pixels(data, units):
    with pytest.warns(CalibrationNote, match=f"detector axes are counted in pixels: '{units}' is"):
        _, axes = signal_to_arrays(with_units(data, "nm", "nm", units, units))
    assert axes.ky == Axis(9)
    assert axes.scan_x.units == "Å"


def test_different_units_on_one_detector_are_refused(data):
    with pytest.raises(InputError, match=r"detector axes have different units, 1/Å and px"):
        signal_to_arrays(with_units(data, "nm", "nm", "1/nm", ""))


def test_swapped_scan_and_detector_axes_are_refused_with_the_remedy(data):
    signal = with_units(data, "1/nm", "1/nm", "nm", "nm")
    with pytest.raises(InputError, match=r"swapped.*Pass signal\.T"):
        signal_to_arrays(signal)
    again, _ = signal_to_arrays(with_units(np.ones((9, 12, 8, 10)), "1/nm", "1/nm", "nm", "nm").T)
    assert again.shape == (8, 10, 9, 12)


def test_a_third_scan_axis_is_named_and_the_choice_explained(data):
    signal = hs.signals.Signal2D(np.stack([data, data, data]))
    signal.axes_manager.navigation_axes[2].name = "depth"
    with pytest.raises(InputError, match=r"'depth' \(size 3\).*signal\.inav\[:, :, 0\]"):
        signal_to_arrays(signal)
    assert signal_to_arrays(signal.inav[:, :, 0])[0].shape == SHAPE


def test_a_line_of_patterns_is_refused_with_a_remedy_that_works(data):
    line = hs.signals.Signal2D(data[0])
    with pytest.raises(InputError, match=r"two scan axes, got one.*signal\.data\[None\]"):
        signal_to_arrays(line)
    assert to_arrays(line.data[None])[0].shape == (1, 5, 9, 12)


def test_a_scan_of_a_single_row_or_column_is_fine(data):
    assert signal_to_arrays(hs.signals.Signal2D(data[:1]))[0].shape == (1, 5, 9, 12)
    assert signal_to_arrays(hs.signals.Signal2D(data[:, :1]))[0].shape == (2, 1, 9, 12)


def test_a_single_pattern_is_refused(data):
    with pytest.raises(InputError, match="two scan and two detector axes, got 0 scan and 2"):
        signal_to_arrays(hs.signals.Signal2D(data[0, 0]))


@pytest.mark.parametrize("kind", [hs.signals.BaseSignal, hs.signals.Signal1D])
def test_four_axes_divided_otherwise_are_refused_with_a_remedy_that_works(data, kind):
    signal = kind(data)
    with pytest.raises(InputError, match=r"signal\.transpose\(signal_axes=2\)"):
        signal_to_arrays(signal)
    assert np.array_equal(signal_to_arrays(signal.transpose(signal_axes=2))[0], data)


def test_complex_patterns_are_refused(data):
    with pytest.raises(InputError, match="real numbers"):
        signal_to_arrays(hs.signals.Signal2D(data + 1j))


def test_an_unevenly_sampled_axis_is_refused(data, axes):
    signal = arrays_to_signal(data, axes)
    signal.axes_manager.navigation_axes[0].convert_to_non_uniform_axis()
    with pytest.raises(InputError, match=r"'x' \(size 5\) is not evenly sampled"):
        signal_to_arrays(signal)


def test_patterns_in_polar_coordinates_are_refused(data, axes):
    signal = arrays_to_signal(data, axes)
    signal.set_signal_type("polar_diffraction")
    with pytest.raises(InputError, match="polar coordinates"):
        signal_to_arrays(signal)


def test_axes_of_another_shape_are_refused(data, axes):
    with pytest.raises(InputError, match=r"shape \(2, 5, 9, 11\), the axes \(2, 5, 9, 12\)"):
        arrays_to_signal(data[..., :11], axes)


def test_something_else_than_a_signal_is_refused():
    with pytest.raises(InputError, match="HyperSpy signal, got str"):
        signal_to_arrays("scan")


def test_a_map_carries_the_scan_axes_and_its_quantity(axes):
    values = np.arange(10.0).reshape(2, 5)
    signal = map_signal(values, axes, "COM angle", "Angle", "rad")
    assert np.array_equal(signal.data, values)
    x, y = signal.axes_manager.signal_axes
    assert (x.name, x.scale, x.offset, x.units) == ("x", 0.2, -1.0, "Å")
    assert (y.name, y.scale, y.offset, y.units) == ("y", 0.3, 1.0, "Å")
    assert signal.metadata.Signal.quantity == "Angle (rad)"
    assert signal.metadata.General.title == "COM angle"


def test_a_stack_of_maps_has_one_map_for_each_navigation_index(axes):
    values = np.arange(30.0).reshape(2, 5, 3)
    signal = map_stack_signal(values, axes, "latent", "z", "")
    assert signal.axes_manager.navigation_shape == (3,)
    assert np.array_equal(signal.inav[2].data, values[..., 2])
    assert signal.axes_manager.signal_axes[0].units == "Å"
    assert signal.metadata.Signal.quantity == "z"


def test_arrays_signals_and_paths_all_become_arrays(data, axes, tmp_path):
    assert to_arrays(data)[0] is data
    assert to_arrays(data)[1:] == (Axes.uncalibrated(SHAPE), "")
    assert to_arrays(arrays_to_signal(data, axes, "a scan"))[1:] == (axes, "a scan")
    path = tmp_path / "night.npy"
    np.save(path, data)
    for source in (path, str(path)):
        again, _, title = to_arrays(source)
        assert np.array_equal(again, data)
        assert title == "night"


def test_something_without_patterns_is_refused():
    with pytest.raises(InputError, match="got int"):
        to_arrays(3)
