import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets import samples
from stemwidgets.arrays.center_of_mass import calibrated, center_of_mass
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.winding import winding
from stemwidgets.samples.make import ALL
from stemwidgets.signals.conversion import signal_to_arrays
from stemwidgets.signals.io.load import load

CLEAN = sorted(set(ALL) - {"experiment"})  # without faults of a camera


@pytest.fixture(scope="module")
def signal():
    return samples.graphene()


@pytest.fixture(scope="module")
def scan(signal):
    return signal_to_arrays(signal)


@pytest.fixture(scope="module")
def deflection(scan):
    data, axes = scan
    mean = center_of_mass(data.mean(axis=(0, 1), keepdims=True))[0, 0]
    return calibrated(center_of_mass(data), axes, tuple(mean))


@pytest.fixture(scope="module")
def atoms(signal, scan):
    """Scan positions (iy, ix) of the atoms."""
    listed, axes = signal.original_metadata.atoms, scan[1]
    assert listed.element == ["C"] * 4
    at = np.stack([listed.y / axes.scan_y.scale, listed.x / axes.scan_x.scale], axis=1)
    assert at == pytest.approx(np.rint(at), abs=1e-9)
    return [tuple(position) for position in np.rint(at).astype(int)]


def divergence(deflection, axes):
    """Of the periodic deflection, from central differences."""
    along_y = np.roll(deflection.y, -1, 0) - np.roll(deflection.y, 1, 0)
    along_x = np.roll(deflection.x, -1, 1) - np.roll(deflection.x, 1, 1)
    return along_y / (2 * axes.scan_y.scale) + along_x / (2 * axes.scan_x.scale)


def test_it_is_the_promised_scan(signal, scan):
    data, axes = scan
    assert data.shape == (14, 24, 78, 78)
    assert data.dtype == np.uint16
    assert axes.scan_x.units == "Å"
    assert axes.kx.units == "1/Å"
    assert axes.scan_x.scale * 24 == pytest.approx(4.268)
    assert axes.scan_y.scale * 14 == pytest.approx(2.464)
    assert (axes.scan_y.offset, axes.scan_x.offset) == (0, 0)
    assert axes.pixel_size == pytest.approx((0.0203, 0.0195), abs=5e-5)
    assert signal.beam_energy == 60
    assert signal.metadata.Acquisition_instrument.TEM.convergence_angle == 32


def test_the_files_are_small_enough_to_ship():
    files = list(Path(samples.__file__).parent.glob("*.hspy"))
    assert {file.stem for file in files} == set(ALL)
    assert sum(file.stat().st_size for file in files) < 6e6


def test_every_sample_is_a_function_and_in_the_table():
    for name in ALL:
        assert callable(getattr(samples, name))
        assert f"``{name}()``" in samples.__doc__


@pytest.mark.parametrize("name", CLEAN)
def test_every_sample_tells_how_it_was_made(name):
    signal = getattr(samples, name)()
    known, axes = signal.original_metadata, signal_to_arrays(signal)[1]
    assert known.structure.made
    assert known.simulation.dose == signal.metadata.Acquisition_instrument.TEM.dose
    assert (
        known.simulation.semi_angle == signal.metadata.Acquisition_instrument.TEM.convergence_angle
    )
    assert known.simulation.beam_energy == signal.beam_energy
    assert len(known.atoms.element) == len(known.atoms.y) == len(known.atoms.x)
    assert [axis.units for axis in axes] == ["Å", "Å", "1/Å", "1/Å"]
    for axis in axes[2:]:
        assert axis.coordinate(axis.size // 2) == pytest.approx(0, abs=1e-9)
    assert signal.data.sum(axis=(2, 3)).mean() == pytest.approx(known.simulation.dose, rel=2e-4)


@pytest.mark.parametrize("name", CLEAN)
def test_the_com_of_every_sample_points_towards_its_atoms(name):
    signal = getattr(samples, name)()
    atoms, axes = signal.original_metadata.atoms, signal_to_arrays(signal)[1]
    charge = -sw.center_of_mass(signal).divergence.data
    at = np.rint([atoms.y / axes.scan_y.scale, atoms.x / axes.scan_x.scale]).astype(int)
    inside = ((at >= 2) & (at < np.array(charge.shape)[:, None] - 2)).all(axis=0)
    at_atoms = charge[tuple(at[:, inside])]
    assert len(at_atoms) >= 2
    assert (at_atoms > 0).mean() > 0.9
    assert at_atoms.mean() > 1.5 * np.abs(charge).mean()


def test_the_sites_of_the_defects_are_scan_positions():
    for name, site, element in (
        ("graphene_silicon", (12, 22), "Si"),
        ("graphene_vacancy", (19, 12), None),
    ):
        signal = getattr(samples, name)()
        sites, atoms = signal.original_metadata.structure.sites, signal.original_metadata.atoms
        assert (sites.y[0] / 0.28, sites.x[0] / 0.28) == pytest.approx(site)
        there = np.hypot(atoms.y - sites.y[0], atoms.x - sites.x[0]) < 0.1
        assert [e for e, here in zip(atoms.element, there, strict=True) if here] == [
            *filter(None, [element])
        ]


def test_the_grains_are_turned_by_the_angle_in_their_metadata():
    signal = samples.graphene_grains()
    known, atoms = signal.original_metadata.structure, signal.original_metadata.atoms
    places = atoms.x + 1j * atoms.y
    bonds = places[None] - places[:, None]
    turns = []
    for grain in (atoms.x < known.boundary_x, atoms.x > known.boundary_x):
        inner = bonds[np.ix_(grain, grain)]
        turns.append(np.angle((inner[np.abs(np.abs(inner) - 1.4226) < 0.01] ** 6).sum()) / 6)
    assert np.degrees(turns[1] - turns[0]) == pytest.approx(np.degrees(known.rotation), abs=0.05)
    assert known.boundary_x / 0.28 == pytest.approx(22.5)


def test_a_source_of_finite_size_washes_the_deflection_out():
    sharp, blurred = samples.graphene(), samples.graphene(source_size=0.8)
    assert blurred.original_metadata.simulation.source_size == 0.8
    assert blurred.data.sum() == pytest.approx(sharp.data.sum(), rel=1e-4)
    magnitudes = [sw.center_of_mass(scan).magnitude.data.max() for scan in (sharp, blurred)]
    assert magnitudes[1] < 0.7 * magnitudes[0]


@pytest.mark.parametrize("size", [-1, float("nan"), 11])
def test_an_impossible_source_is_refused(size):
    with pytest.raises(InputError, match="source_size"):
        samples.graphene(source_size=size)


def test_the_optic_axis_is_the_zero_of_the_detector(scan, atoms):
    data, axes = scan
    radius = 0.032 / 0.0486615  # 1/Å, of a 32 mrad disc
    ky = axes.ky.coordinate(np.arange(78))[:, None]
    kx = axes.kx.coordinate(np.arange(78))[None, :]
    mean = data.mean(axis=(0, 1))
    disc = mean[np.hypot(ky, kx) < 0.97 * radius]
    dark = mean[np.hypot(ky, kx) > 1.05 * radius]
    assert disc.min() > 20 * dark.max()


def test_the_com_points_towards_the_atoms(deflection, atoms):
    for row, column in atoms:
        assert deflection.x[row, (column - 1) % 24] > 0.005
        assert deflection.x[row, (column + 1) % 24] < -0.005
        assert deflection.y[(row - 1) % 14, column] > 0.005
        assert deflection.y[(row + 1) % 14, column] < -0.005


def test_the_deflection_vanishes_at_the_atoms(deflection, atoms):
    for position in atoms:
        assert deflection.magnitude[position] < 0.02 * deflection.magnitude.max()


def test_minus_the_divergence_peaks_at_the_atoms(deflection, scan, atoms):
    charge = -divergence(deflection, scan[1])
    highest = np.argsort(charge, axis=None)[-4:]
    found = {tuple(int(i) for i in np.unravel_index(flat, charge.shape)) for flat in highest}
    assert found == set(atoms)


def test_the_com_angle_winds_once_around_atoms_and_hexagons_and_back_around_bonds(
    deflection, atoms
):
    hexagons, bonds = [(3, 18), (10, 6)], [(3, 6), (10, 18)]
    windings = winding(deflection.angle, periodic=True)
    assert [windings[position] for position in atoms] == [1] * 4
    assert [windings[position] for position in hexagons] == [1] * 2
    assert [windings[position] for position in bonds] == [-1] * 2


def test_the_two_halves_of_the_cell_are_translates(scan):
    data, _ = scan
    assert np.array_equal(data, np.roll(data, (7, 12), axis=(0, 1)))


def test_without_a_dose_the_counts_are_those_of_ten_million_electrons(signal, scan):
    data, _ = scan
    assert data.sum(axis=(2, 3)).mean() == pytest.approx(1e7, rel=1e-4)
    assert signal.metadata.Acquisition_instrument.TEM.dose == 1e7


def test_a_dose_is_the_mean_number_of_electrons_per_pattern(scan):
    noisy = samples.graphene(dose=1e4, seed=3)
    assert noisy.data.dtype == np.uint16
    per_pattern = noisy.data.sum(axis=(2, 3))
    assert per_pattern.mean() == pytest.approx(1e4, abs=4 * 100 / np.sqrt(336))
    assert per_pattern.std() == pytest.approx(100, rel=0.2)
    assert noisy.metadata.Acquisition_instrument.TEM.dose == 1e4


def test_the_noise_is_poissonian():
    expected = samples.graphene().data * 1e-3
    noisy = samples.graphene(dose=1e4).data
    bright = expected > 1
    pulls = ((noisy - expected) / np.sqrt(np.where(bright, expected, 1)))[bright]
    assert pulls.var() == pytest.approx(1, abs=0.01)
    assert pulls.mean() == pytest.approx(0, abs=0.01)


def test_the_seed_decides_the_noise():
    first, again = samples.graphene(dose=300, seed=5), samples.graphene(dose=300, seed=5)
    other = samples.graphene(dose=300, seed=6)
    assert np.array_equal(first.data, again.data)
    assert not np.array_equal(first.data, other.data)


@pytest.mark.parametrize("dose", [0, -5, float("nan"), float("inf"), 1e9])
def test_an_impossible_dose_is_refused(dose):
    with pytest.raises(InputError, match="electrons per pattern"):
        samples.graphene(dose=dose)


@pytest.mark.slow
def test_the_script_reproduces_the_shipped_counts(scan, tmp_path):
    pytest.importorskip("abtem")
    command = [sys.executable, "-m", "stemwidgets.samples.make", "graphene"]
    subprocess.run([*command, "--out", str(tmp_path)], check=True)
    again, axes = signal_to_arrays(load(tmp_path / "graphene.hspy"))
    assert axes == scan[1]
    assert np.abs(again.astype(int) - scan[0]).max() <= 1
