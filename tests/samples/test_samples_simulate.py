"""Simulated scans have the right axes, frame and counts; what cannot be simulated is refused."""

import sys
from dataclasses import replace

import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.samples import structures
from stemwidgets.samples.detector import detector_pixels
from stemwidgets.samples.extra import required
from stemwidgets.samples.faults import draw_faults
from stemwidgets.samples.instrument import as_scanned, probes
from stemwidgets.samples.settings import Settings, pair
from stemwidgets.signals.conversion import signal_to_arrays

SETTINGS = Settings(
    beam_energy=60.0,
    semi_angle=32.0,
    defocus=0.0,
    scan_shape=(5, 7),
    scan_start=(1.0, 2.0),
    scan_size=(2.0, 3.5),
    scan_rotation=0.0,
    source_size=0.0,
    frozen_phonons=0,
    displacement=0.08,
    detector_shape=(20, 24),
    max_angle=50.0,
    repeats=(11, 6),
    sampling=(0.12, 0.12),
    slice_thickness=4.0,
    dose=None,
    seed=0,
)
SMALL = {"detector_shape": (20, 24), "max_angle": 50.0, "slice_thickness": 4.0, "progress": False}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beam_energy", 0),
        ("semi_angle", 500.0),
        ("defocus", float("nan")),
        ("scan_shape", (0, 3)),
        ("scan_size", (0.0, 3.0)),
        ("source_size", -1.0),
        ("frozen_phonons", -1),
        ("detector_shape", (4, 4)),
        ("max_angle", 20.0),
        ("dose", 0),
    ],
)
def test_what_cannot_be_simulated_is_refused_by_name(name, value):
    with pytest.raises(InputError, match=name):
        replace(SETTINGS, **{name: value})


@pytest.mark.parametrize("value", ["ab", (1, 2, 3), None])
def test_two_numbers_are_two_numbers(value):
    with pytest.raises(InputError, match="sampling"):
        pair(value, "sampling")


def test_half_a_scan_row_is_refused():
    with pytest.raises(InputError, match="whole numbers"):
        pair((4.5, 3), "scan_shape", int)


def test_a_turned_scan_is_turned_about_its_middle_from_x_towards_y():
    straight, turned = SETTINGS.positions(), replace(SETTINGS, scan_rotation=0.3).positions()
    middle = np.array([2.0, 3.75])
    along = turned[2, 4] - turned[2, 3]
    assert np.arctan2(along[0], along[1]) == pytest.approx(0.3)
    assert np.hypot(*(turned - middle).T) == pytest.approx(np.hypot(*(straight - middle).T))
    assert straight[0, 0] == pytest.approx([1.0, 2.0])


def test_places_in_the_specimen_are_found_again_in_the_frame_of_the_scan():
    turned = replace(SETTINGS, scan_rotation=-0.7)
    places = turned.positions()
    y, x = turned.in_scan(places[..., 0], places[..., 1])
    assert y[3, 5] == pytest.approx(3 * 0.4)
    assert x[3, 5] == pytest.approx(5 * 0.5)


def test_a_camera_loses_no_electron_between_its_pixels():
    seen = detector_pixels((12, 15), (40, 51), (0.05, 0.04), reach=0.7)
    patterns = np.zeros((1, 40, 51))
    patterns[0, 10:30, 14:36] = np.random.default_rng(0).random((20, 22))
    assert seen.see(patterns).sum() == pytest.approx(patterns.sum())
    assert seen.ky.coordinate(6) == pytest.approx(0)


def test_a_camera_keeps_the_centre_of_mass():
    seen = detector_pixels((12, 15), (40, 51), (0.05, 0.04), reach=0.7)
    patterns = np.zeros((1, 40, 51))
    patterns[0, 16:28, 20:36] = 1
    image = seen.see(patterns)[0] / patterns.sum()
    ky, kx = (axis.coordinate(np.arange(axis.size)) for axis in (seen.ky, seen.kx))
    assert ky @ image.sum(axis=1) == pytest.approx((21.5 - 20) * 0.05, abs=0.003)
    assert kx @ image.sum(axis=0) == pytest.approx((27.5 - 25) * 0.04, abs=0.003)


def test_a_camera_finer_than_the_simulation_is_refused():
    with pytest.raises(InputError, match="finer"):
        detector_pixels((64, 64), (40, 51), (0.05, 0.04), reach=0.7)


def test_a_camera_that_sees_beyond_the_simulation_is_refused():
    with pytest.raises(InputError, match="farther"):
        detector_pixels((12, 15), (40, 51), (0.05, 0.04), reach=2.0)


def test_without_abtem_the_command_that_installs_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "abtem", None)
    with pytest.raises(ImportError, match=r"python -m pip install"):
        required("abtem")


def test_what_is_no_cell_of_atoms_is_refused():
    with pytest.raises(InputError, match=r"ase\.Atoms"):
        sw.simulate("graphene")


def test_unknown_structures_are_refused():
    pytest.importorskip("ase")
    with pytest.raises(InputError, match="vacancy"):
        structures.graphene("hole")
    with pytest.raises(InputError, match="ZnS"):
        structures.zincblende("NaCl")
    with pytest.raises(InputError, match="repeats"):
        structures.graphene(repeats=(0, 2))


def test_zincblende_has_bonds_of_a_quarter_of_the_diagonal_between_unlike_atoms():
    pytest.importorskip("ase")
    for zone in ("110", "001"):
        atoms = structures.zincblende("ZnS", zone).repeat((2, 2, 1))
        distances = atoms.get_all_distances(mic=True)
        nearest = np.sort(distances, axis=1)[:, 1:5]
        assert nearest == pytest.approx(np.full(nearest.shape, 5.409 * np.sqrt(3) / 4), abs=1e-6)
        bonded = (distances > 0.1) & (distances < 2.5)
        symbols = np.array(atoms.get_chemical_symbols())
        assert all(symbols[i] != symbols[j] for i, j in zip(*np.nonzero(bonded), strict=True))


@pytest.fixture(scope="module")
def cell():
    pytest.importorskip("abtem")
    return structures.graphene()


@pytest.fixture(scope="module")
def coherent(cell):
    return sw.simulate(cell, scan_shape=(14, 24), **SMALL)


@pytest.mark.slow
def test_axes_are_calibrated_and_counts_are_shares_of_the_beam(coherent):
    data, axes = signal_to_arrays(coherent)
    assert data.shape == (14, 24, 20, 24)
    assert axes.scan_y.scale * 14 == pytest.approx(2.464)
    assert axes.scan_x.scale * 24 == pytest.approx(4.268)
    assert axes.ky.scale * 10 * 48.66 == pytest.approx(50, rel=1e-3)
    assert axes.kx.scale * 12 * 48.66 == pytest.approx(50, rel=1e-3)
    assert 0.99 < data.sum(axis=(2, 3)).min() <= data.sum(axis=(2, 3)).max() < 1.0001
    assert coherent.beam_energy == 60


@pytest.mark.slow
def test_the_same_atoms_give_the_scan_that_is_shipped(coherent):
    shipped = sw.center_of_mass(sw.samples.graphene())
    again = sw.center_of_mass(coherent)
    expected = np.roll(shipped.x.data, (-3, -2), axis=(0, 1))
    assert np.corrcoef(again.x.data.ravel(), expected.ravel())[0, 1] > 0.999


@pytest.mark.slow
def test_a_finite_source_blurs_the_scan(cell, coherent):
    blurred = sw.simulate(cell, scan_shape=(14, 24), source_size=0.8, **SMALL)
    expected = sw.center_of_mass(sw.samples.graphene(source_size=0.8)).x.data
    found = sw.center_of_mass(blurred).x.data
    assert blurred.data.shape == coherent.data.shape
    expected = np.roll(expected, (-3, -2), axis=(0, 1))
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()


@pytest.mark.slow
def test_a_turned_scan_and_descan_are_found_by_the_calibration(cell):
    size = {"scan_shape": (32, 40), "scan_size": (6.4, 8.0), "dose": 1e6}
    camera = sw.Camera(descan=0.17)
    scan = sw.simulate(cell, scan_rotation=0.5, camera=camera, **size, **SMALL)
    found = sw.calibrate(scan)
    assert found.rotation == pytest.approx(0.5, abs=0.05)
    com, truth = sw.center_of_mass(scan, units="px"), scan.original_metadata.truth
    for measured, deflection, descan in (
        (com.y.data, truth.com.y, truth.descan.y),
        (com.x.data, truth.com.x, truth.descan.x),
    ):
        off = measured - deflection - descan
        assert off.std() < 0.008  # noise of 1e6 electrons
        assert np.abs(off.mean(axis=0) - off.mean()).max() < 0.008
        assert np.ptp(descan) > 0.1


def drawn(camera, settings):
    return draw_faults(
        camera, settings.scan_shape, settings.scan_size, settings.detector_shape, settings.seed
    )


def waves(places, band):
    """What a scan may hold at places ``[..., 2]`` in Å: three waves within its band."""
    y, x = np.moveaxis(places, -1, 0)
    return np.stack(
        [
            np.cos(2 * np.pi * band * (y * np.sin(turn) + x * np.cos(turn)) + turn)
            for turn in (0.0, 0.9, 2.0)
        ],
        axis=-1,
    )


@pytest.mark.parametrize("step", [0.1, 0.156, 0.3, 0.5])
def test_a_blurred_scan_is_known_where_the_probe_really_was(step):
    """Blurred waves are waves: at the positions that are off their values are known."""
    settings = replace(
        SETTINGS, scan_shape=(9, 11), scan_size=(9 * step, 11 * step), source_size=0.7
    )
    at = probes(settings, drawn(sw.Camera(jitter=0.03, line_jitter=0.03, drift=0.02), settings))
    band = 2 * 0.032 / 0.04866
    blurred = as_scanned(waves(at.steps * step, band), settings, at)
    passed = np.exp(-2 * (np.pi * 0.7 / np.sqrt(8 * np.log(2)) * band) ** 2)
    assert np.abs(blurred - passed * waves(at.wanted * step, band)).max() < 2e-3
    assert np.abs(at.wanted - np.moveaxis(np.indices((9, 11)), 0, -1)).max() > 0.05


def test_without_a_source_positions_are_simulated_where_they_are():
    at = probes(SETTINGS, drawn(sw.Camera(jitter=0.1), SETTINGS))
    np.testing.assert_array_equal(at.steps, at.wanted)
    ideal = probes(SETTINGS, drawn(sw.Camera(), SETTINGS))
    np.testing.assert_array_equal(SETTINGS.positions(ideal.steps), SETTINGS.positions())


@pytest.mark.slow
def test_the_faults_of_a_camera_are_where_the_metadata_say(cell):
    size = {"scan_shape": (6, 8), "scan_size": (1.2, 1.6), **SMALL}
    camera = sw.Camera(hot=2, dead=1, gain=0.03, cosmic_rays=1, descan=0.5)
    scan, plain = sw.simulate(cell, dose=1e5, camera=camera, **size), sw.simulate(cell, **size)
    known = scan.original_metadata
    assert known.camera.hot == 2
    assert not scan.data[:, :, known.truth.dead.rows].any()
    mean = scan.data.mean(axis=(0, 1))
    assert (mean[known.truth.hot.ky, known.truth.hot.kx] > 2 * np.median(mean)).all()
    com, truth = sw.center_of_mass(plain, units="px", reference=(10, 12)), known.truth.com
    assert truth.y == pytest.approx(com.y.data, abs=1e-3)
    assert truth.x == pytest.approx(com.x.data, abs=1e-3)


@pytest.mark.slow
def test_a_jittered_scan_of_a_finite_source_is_that_of_the_positions_that_are_told(cell):
    size = {"scan_shape": (5, 6), "scan_size": (1.0, 1.2), "source_size": 0.5, **SMALL}
    off = sw.simulate(cell, camera=sw.Camera(drift=0.3), seed=4, **size)
    truth = off.original_metadata.truth.position
    for iy, ix in ((0, 0), (2, 3), (4, 5)):
        start = (truth.y[iy, ix], truth.x[iy, ix])
        one = {"scan_shape": (1, 1), "scan_size": (0.2, 0.2), "scan_start": start}
        there = sw.simulate(cell, **{**size, **one})
        assert np.abs(off.data[iy, ix] - there.data[0, 0]).max() < 2e-3 * there.data.max()


def test_readout_noise_and_saturation_take_a_dose():
    pytest.importorskip("ase")
    for camera in (sw.Camera(readout_noise=1.0), sw.Camera(saturation=100)):
        with pytest.raises(InputError, match="give a dose"):
            sw.simulate(structures.graphene(), camera=camera)
    with pytest.raises(InputError, match="camera"):
        sw.simulate(structures.graphene(), camera="Merlin")


@pytest.mark.slow
def test_dose_and_thermal_motion_are_drawn_by_the_seed(cell):
    kwargs = {"scan_shape": (3, 4), "dose": 500, "frozen_phonons": 2, **SMALL}
    first, again = sw.simulate(cell, seed=1, **kwargs), sw.simulate(cell, seed=1, **kwargs)
    other = sw.simulate(cell, seed=2, **kwargs)
    assert np.array_equal(first.data, again.data)
    assert not np.array_equal(first.data, other.data)
    assert first.data.dtype == np.uint16
    assert first.data.sum(axis=(2, 3)).mean() == pytest.approx(500, abs=30)
    assert first.metadata.Acquisition_instrument.TEM.dose == 500
