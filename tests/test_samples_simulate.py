"""Simulated scans have the right axes, frame and counts; what cannot be simulated is refused."""

import sys
from dataclasses import replace

import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.samples import structures
from stemwidgets.samples.detector import camera
from stemwidgets.samples.extra import required
from stemwidgets.samples.settings import Settings, pair
from stemwidgets.signals.axes import signal_to_arrays

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
    descan=(0.0, 0.0),
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
    seen = camera((12, 15), (40, 51), (0.05, 0.04), reach=0.7)
    patterns = np.zeros((1, 40, 51))
    patterns[0, 10:30, 14:36] = np.random.default_rng(0).random((20, 22))
    assert seen.see(patterns).sum() == pytest.approx(patterns.sum())
    assert seen.ky.coordinate(6) == pytest.approx(0)


def test_a_camera_keeps_the_centre_of_mass():
    seen = camera((12, 15), (40, 51), (0.05, 0.04), reach=0.7)
    patterns = np.zeros((1, 40, 51))
    patterns[0, 16:28, 20:36] = 1
    image = seen.see(patterns)[0] / patterns.sum()
    ky, kx = (axis.coordinate(np.arange(axis.size)) for axis in (seen.ky, seen.kx))
    assert ky @ image.sum(axis=1) == pytest.approx((21.5 - 20) * 0.05, abs=0.003)
    assert kx @ image.sum(axis=0) == pytest.approx((27.5 - 25) * 0.04, abs=0.003)


def test_a_camera_finer_than_the_simulation_is_refused():
    with pytest.raises(InputError, match="finer"):
        camera((64, 64), (40, 51), (0.05, 0.04), reach=0.7)


def test_a_camera_that_sees_beyond_the_simulation_is_refused():
    with pytest.raises(InputError, match="farther"):
        camera((12, 15), (40, 51), (0.05, 0.04), reach=2.0)


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
    scan = sw.simulate(cell, scan_rotation=0.5, descan=(0.8, -0.5), **size, **SMALL)
    found = sw.calibrate(scan)
    assert found.rotation == pytest.approx(0.5, abs=0.05)
    com = sw.center_of_mass(scan, units="mrad")
    assert com.y.data[-8:].mean() - com.y.data[:8].mean() == pytest.approx(0.6, abs=0.1)
    assert com.x.data[:, -8:].mean() - com.x.data[:, :8].mean() == pytest.approx(-0.4, abs=0.1)


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
