import dask.array as da
import numpy as np
import pytest
from disc_scans import disc_scan
from numpy.testing import assert_allclose
from turned_graphene import RADIUS, turned_scan

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.calibration.scan_rotation import ScanRotation
from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.signals.conversion import arrays_to_signal

ROTATION, DESCAN = -2.1, ((2.3, -1.1), (0.8, 3.2))


@pytest.fixture(scope="module")
def scan():
    """Graphene, mirrored and turned beyond -90°, with descan and 10⁵ electrons per pattern."""
    data, axes = turned_scan(ROTATION, -1, (36, 41), dose=1e5, descan=DESCAN)
    signal = arrays_to_signal(data.astype(np.uint16), axes, "Graphene")
    signal.set_experimental_parameters(beam_energy=60)
    return signal


@pytest.fixture(scope="module")
def found(scan):
    return sw.calibrate(scan, semi_angle=32)


def test_turned_and_mirrored_graphene_is_recognised(found):
    assert abs(wrap(found.rotation - ROTATION)) < np.radians(0.5)
    assert abs(wrap(found.rotation - ROTATION)) < 4 * found.rotation_std
    assert found.handedness == -1
    assert found.rotation_confidence > 0.99
    assert found.resolved


def test_descan_disc_and_scale_of_graphene(found, scan):
    _, axes = turned_scan(0.0, shape=(2, 3))

    assert_allclose(found.descan.extent, (3.1, 4.3), atol=0.15)
    assert_allclose(found.disc_center, (5 + 39 + 1.55, 7 + 39 + 1.05), atol=0.05)
    assert found.disc_radius == pytest.approx(RADIUS[1], rel=0.01)
    assert_allclose(found.detector_scale, (axes.ky.scale, axes.kx.scale), rtol=0.01)
    assert found.detector_units == "1/Å"


def test_calibrated_deflections_are_the_true_ones_in_the_frame_of_the_scan(found, scan):
    clean, axes = turned_scan(ROTATION, -1, (36, 41))
    com = sw.center_of_mass(scan)
    truth = sw.center_of_mass(arrays_to_signal(clean, axes))

    calibrated = found.apply(com)

    turned = np.stack([truth.x.data, truth.y.data])
    y, x = ScanRotation(ROTATION, handedness=-1).to_scan(turned[1], turned[0])
    noise = 0.33 / np.sqrt(1e5)
    assert_allclose(calibrated.x.data, x, atol=6 * noise)
    assert_allclose(calibrated.y.data, y, atol=6 * noise)
    assert np.abs(calibrated.curl.data).std() < 0.5 * np.abs(calibrated.divergence.data).std()


def test_sign_of_a_blurred_honeycomb_is_told_by_what_it_scatters():
    data, axes = turned_scan(2.9, shape=(34, 40), dose=1e6, source_size=0.5)
    y, x = np.indices(data.shape[2:])
    disc = np.hypot((y - 44) / RADIUS[0], (x - 46) / RADIUS[1]) < 1.03

    whole = sw.calibrate(arrays_to_signal(data, axes))
    disc_only = sw.calibrate(arrays_to_signal(data * disc, axes))

    for found, witness in ((whole, "dark field"), (disc_only, "bright field")):
        assert abs(wrap(found.rotation - 2.9)) < np.radians(0.5)
        assert found.scan_rotation.witness == witness
        assert found.rotation_confidence > 0.95
        assert f"by the {witness}" in str(found)


def test_without_scattering_a_blurred_honeycomb_is_left_unresolved():
    data, axes = turned_scan(2.9, shape=(34, 40), source_size=0.5)
    y, x = np.indices(data.shape[2:])
    disc = np.hypot((y - 44) / RADIUS[0], (x - 46) / RADIUS[1]) < 1.03
    only_deflected = data * disc / (data * disc).sum(axis=(2, 3), keepdims=True)

    found = sw.calibrate(arrays_to_signal(only_deflected, axes))

    assert found.scan_rotation.witness == "divergence"
    assert abs(wrap(found.rotation - 2.9)) > np.radians(170)
    assert not found.resolved


def test_deflections_of_a_rescaled_scan_are_calibrated_alike(scan):
    found = sw.calibrate(scan, semi_angle=40)

    first = found.apply(sw.center_of_mass(scan))
    second = found.apply(sw.center_of_mass(found.apply(scan, descan=False)))

    ratio = found.scale.x / scan.axes_manager.signal_axes[0].scale
    assert_allclose(second.angle.data, first.angle.data, atol=1e-6)
    assert_allclose(second.magnitude.data, ratio * first.magnitude.data)


def test_lazy_scan_is_calibrated_as_the_eager_one(scan, found):
    data = scan.data
    lazy = da.from_array(data, chunks=(10, 13, 50, 92))
    _, axes = turned_scan(0.0, shape=(2, 3))
    axes = Axes(Axis(36, 0.17, 0, "Å"), Axis(41, 0.19, 0, "Å"), axes.ky, axes.kx)
    signal = arrays_to_signal(lazy, axes, "Graphene")
    signal.set_experimental_parameters(beam_energy=60)

    streamed = sw.calibrate(signal, semi_angle=32)

    assert streamed.rotation == pytest.approx(found.rotation, abs=1e-6)
    assert_allclose(streamed.descan.positions, found.descan.positions)
    assert_allclose(streamed.disc_center, found.disc_center)
    assert streamed.apply(signal)._lazy


@pytest.mark.parametrize("aspect", [1.0, 1.15])
def test_axes_in_pixels_get_the_shape_and_scale_of_a_round_disc(aspect):
    data = disc_scan(aspect=aspect)

    bare = sw.calibrate(data)
    angles = sw.calibrate(data, semi_angle=20)
    frequencies = sw.calibrate(data, semi_angle=20, beam_energy=200)

    assert bare.detector_units == "px"
    assert_allclose(bare.detector_scale, (aspect, 1.0), rtol=0.02)
    assert bare.disc_radius == pytest.approx(9.0, rel=0.03)
    assert angles.detector_units == "mrad"
    assert_allclose(angles.detector_scale, (aspect * 20 / 9, 20 / 9), rtol=0.03)
    assert frequencies.detector_units == "1/Å"
    assert_allclose(frequencies.detector_scale, np.array([aspect, 1]) * 0.7974 / 9, rtol=0.03)


def test_known_rotation_is_taken_and_wrapped():
    given = sw.calibrate(disc_scan((3, 4, 40, 44)), rotation=3.5, handedness=-1)

    assert given.rotation == pytest.approx(3.5 - 2 * np.pi)
    assert given.handedness == -1
    assert given.rotation_confidence == 1
    assert "(given)" in str(given)


def test_vacuum_gives_the_descan_and_asks_for_the_rotation():
    y, x = np.indices((40, 44))
    iy, ix = np.indices((9, 11))[..., None, None]
    distance = np.hypot(y - 18 - 0.3 * iy, x - 20 - 0.2 * ix)
    vacuum = 200 / (1 + np.exp(2 * (distance - 9)))

    found = sw.calibrate(vacuum, rotation=0)

    assert_allclose(found.descan.extent, (2.4, 2.0), atol=0.02)
    with pytest.raises(sw.InputError, match="rotation=0"):
        sw.calibrate(np.broadcast_to(vacuum[:1, :1], vacuum.shape))


def test_noise_leaves_the_rotation_unresolved_and_turns_nothing():
    data = disc_scan()

    found = sw.calibrate(data)

    assert not found.resolved
    assert "unresolved" in str(found)
    with pytest.raises(sw.InputError, match="rotation is unresolved"):
        found.apply(sw.center_of_mass(data))


def test_pattern_without_disc_is_reported_and_gives_no_scale():
    data = np.random.default_rng(0).poisson(5, (9, 11, 16, 18))

    found = sw.calibrate(data)

    assert np.isnan([*found.disc_center, found.disc_radius]).all()
    assert "no edge" in str(found)
    with pytest.raises(sw.InputError, match="disc with an edge"):
        sw.calibrate(data, semi_angle=20)


def test_masked_pixels_do_not_matter(scan, found):
    data = scan.data.astype(np.float32)
    data[..., 3, 5] = 1e6
    mask = np.zeros(data.shape[2:], dtype=bool)
    mask[3, 5] = True
    _, axes = turned_scan(0.0, shape=(2, 3))
    axes = Axes(Axis(36, 0.17, 0, "Å"), Axis(41, 0.19, 0, "Å"), axes.ky, axes.kx)

    masked = sw.calibrate(arrays_to_signal(data, axes), mask=mask)

    assert masked.rotation == pytest.approx(found.rotation, abs=1e-3)
    assert_allclose(masked.disc_center, found.disc_center, atol=0.01)


def test_table_names_what_was_found_with_units_and_confidence(found):
    text = str(found)

    for words in (
        "Calibration of Graphene, scan 36×41",
        "anticlockwise",
        "-1, the detector is mirrored (> 99.9 %)",
        "by the dark field",
        "plane: the beam wanders 3.",
        "32 mrad",
        "1/Å a pixel (ky × kx), by the disc of 32 mrad",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"semi_angle": -3}, "positive semi-angle"),
        ({"beam_energy": 0}, "positive beam energy"),
        ({"rotation": np.nan}, r"rotation \[rad\]"),
        ({"rotation": 1, "handedness": 2}, "got 2"),
        ({"handedness": 0}, "got 0"),
        ({"descan_order": 9}, "got 9"),
        ({"descan_where": np.ones((2, 2))}, r"got the shape \(2, 2\)"),
        ({"mask": np.zeros((2, 2), bool)}, r"shape \(2, 2\)"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, words):
    with pytest.raises(sw.InputError, match=words):
        sw.calibrate(disc_scan(), **options)


def test_scans_that_cannot_be_calibrated_are_refused():
    with pytest.raises(sw.InputError, match="at least 8×8 positions"):
        sw.calibrate(disc_scan((5, 9, 40, 44)))
    with pytest.raises(sw.InputError, match="got 0 of 99"):
        sw.calibrate(np.zeros((9, 11, 40, 44)))
    signal = arrays_to_signal(disc_scan(), Axes.uncalibrated((9, 11, 40, 44)))
    for axis in signal.axes_manager.signal_axes:
        axis.units, axis.scale = "1/Å", 0.02
    with pytest.raises(sw.InputError, match="beam energy"):
        sw.calibrate(signal, semi_angle=20)


def test_file_is_calibrated_as_the_signal_in_it(tmp_path):
    signal = arrays_to_signal(disc_scan(), Axes.uncalibrated((9, 11, 40, 44)), "Disc")
    signal.set_experimental_parameters(beam_energy=200, convergence_angle=20)
    signal.save(tmp_path / "scan.hspy")

    found = sw.calibrate(tmp_path / "scan.hspy")

    assert found == sw.calibrate(signal)
    assert found.detector_units == "1/Å"
    assert found.semi_angle == 20
    with pytest.raises(FileNotFoundError):
        sw.calibrate(tmp_path / "none.hspy")
