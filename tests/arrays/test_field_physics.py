"""What the centre of mass and its fields must say about atoms."""

import numpy as np
import pytest
from phase_objects import ENERGY, SIGMA, WAVELENGTH, phase_scan

import stemwidgets as sw
from stemwidgets.arrays.calibration.electrons import wavelength
from stemwidgets.arrays.center_of_mass import calibrated, center_of_mass
from stemwidgets.arrays.fields import divergence, interaction_constant
from stemwidgets.arrays.potential import potential
from stemwidgets.signals.conversion import arrays_to_signal

CELL = np.array([2.464, 4.268])


@pytest.fixture(scope="module")
def graphene():
    return sw.samples.graphene()


@pytest.fixture(scope="module")
def com(graphene):
    return sw.center_of_mass(graphene)


@pytest.fixture(scope="module")
def atoms(graphene):
    """Places of the atoms (y, x) [Å]."""
    listed = graphene.original_metadata.atoms
    return np.stack([listed.y, listed.x], axis=1)


@pytest.fixture(scope="module", params=[0.1, 2.5], ids=["weak", "strong"])
def phase_object(request):
    return phase_scan(request.param)


@pytest.fixture(scope="module")
def measured(phase_object):
    """COM of the patterns about the optic axis [1/Å]."""
    axes = phase_object.axes
    axis = (axes.ky.size // 2, axes.kx.size // 2)
    return calibrated(center_of_mass(phase_object.data), axes, axis)


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def peak(values, start):
    """Sub-pixel maximum: uphill from a position, then the parabolas through its neighbours."""
    place = tuple(start)
    while True:
        window = values[place[0] - 1 : place[0] + 2, place[1] - 1 : place[1] + 2]
        step = np.subtract(np.unravel_index(window.argmax(), window.shape), 1)
        if not step.any():
            break
        place = tuple(np.add(place, step))
    middle = values[place]
    offsets = []
    for before, after in ((window[0, 1], window[2, 1]), (window[1, 0], window[1, 2])):
        offsets.append(0.5 * (before - after) / (before - 2 * middle + after))
    return np.add(place, offsets)


def distances(com, atoms, cell):
    """From every position to its nearest atom of the periodic cell: vectors and lengths [Å]."""
    rows, columns = com.x.data.shape
    y, x = np.meshgrid(
        np.arange(rows) * com.axes.scan_y.scale,
        np.arange(columns) * com.axes.scan_x.scale,
        indexing="ij",
    )
    to_atoms = atoms[:, None, None, :] - np.stack([y, x], axis=-1)
    to_atoms = (to_atoms + cell / 2) % cell - cell / 2
    lengths = np.hypot(to_atoms[..., 0], to_atoms[..., 1])
    nearest = lengths.argmin(axis=0)
    choose = (nearest, *np.indices(nearest.shape))
    return to_atoms[choose], lengths[choose]


def test_com_points_towards_nuclei(com, atoms):
    vector, length = distances(com, atoms, CELL)
    near = (length > 0.2) & (length < 0.65)
    towards = com.y.data * vector[..., 0] + com.x.data * vector[..., 1] > 0

    assert near.sum() > 100
    assert towards[near].mean() >= 0.99


def test_minus_the_divergence_peaks_at_every_atom(com, atoms):
    charge = -com.divergence.data
    steps = np.array([com.axes.scan_y.scale, com.axes.scan_x.scale])

    for atom in atoms:
        found = peak(charge, np.rint(atom / steps + [1, 1]).astype(int)) * steps
        assert np.hypot(*(found - atom)) <= 0.06


def test_minus_the_divergence_peaks_at_atoms_between_scan_positions(phase_object, measured):
    steps = (phase_object.axes.scan_y.scale, phase_object.axes.scan_x.scale)
    charge = -divergence(measured.y, measured.x, steps)
    index = phase_object.atoms / steps
    inside = (index > 2.5).all(axis=1) & (index < np.array(charge.shape) - 3.5).all(axis=1)

    assert inside.sum() >= 3
    for atom in phase_object.atoms[inside]:
        found = peak(charge, np.rint(atom / steps).astype(int)) * steps
        assert np.hypot(*(found - atom)) <= 0.06


def test_com_winds_once_around_every_atom(com, atoms):
    steps = (com.axes.scan_y.scale, com.axes.scan_x.scale)
    ring = [(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1)]
    for row, column in np.rint(atoms / steps).astype(int):
        walk = [com.angle.data[row + dy, (column + dx) % 24] for dy, dx in ring]
        turns = np.angle(np.exp(1j * np.diff(walk))).sum() / (2 * np.pi)
        assert turns == pytest.approx(1)


def test_com_is_the_gradient_of_the_potential_under_the_probe(phase_object, measured):
    size = rms(np.hypot(phase_object.y, phase_object.x))

    assert rms(measured.y - phase_object.y) <= 0.01 * size
    assert rms(measured.x - phase_object.x) <= 0.01 * size


def test_com_noise_is_that_of_counting():
    rng = np.random.default_rng(0)
    pattern = phase_scan(2.5).data[3, 5]
    electrons = 400
    draws = rng.poisson(electrons * pattern / pattern.sum(), (4000, *pattern.shape))

    noise = center_of_mass(draws.astype(np.uint16)).std(axis=0)

    share = pattern / pattern.sum()
    for axis, spread in ((0, noise[0]), (1, noise[1])):
        k = np.arange(pattern.shape[axis])
        profile = share.sum(axis=1 - axis)
        variance = profile @ k**2 - (profile @ k) ** 2
        assert spread == pytest.approx(np.sqrt(variance / electrons), rel=0.05)


def test_integrated_com_of_a_part_that_is_not_periodic_is_its_potential(phase_object, measured):
    steps = (phase_object.axes.scan_y.scale, phase_object.axes.scan_x.scale)
    truth = phase_object.potential - phase_object.potential.mean()

    found = 2 * np.pi / SIGMA * potential(measured.y, measured.x, steps)

    assert rms(found - truth) <= 0.01 * rms(truth)


def test_signals_give_volts(phase_object):
    signal = arrays_to_signal(phase_object.data, phase_object.axes)
    signal.set_experimental_parameters(beam_energy=ENERGY)
    com = sw.center_of_mass(signal, reference=None)
    truth = phase_object.potential - phase_object.potential.mean()

    found = com.potential()
    field = com.electric_field(thickness=4.0)

    assert found.metadata.Signal.quantity == "projected potential (V·Å)"
    assert rms(found.data - truth) <= 0.01 * rms(truth)
    assert field.x.metadata.Signal.quantity == "electric field x (V/Å)"
    slope = -phase_object.x * 2 * np.pi / SIGMA / 4.0
    assert rms(field.x.data - slope) <= 0.01 * rms(np.hypot(field.x.data, field.y.data))


def test_the_constants_are_those_of_the_wave_equation():
    assert interaction_constant(ENERGY) == pytest.approx(SIGMA, rel=1e-9)
    assert wavelength(ENERGY) == pytest.approx(WAVELENGTH, rel=1e-9)
    assert interaction_constant(300) == pytest.approx(6.526e-4, rel=1e-3)


def test_the_field_is_as_long_as_pyxems_and_points_away_from_nuclei(com, atoms):
    field = com.electric_field(thickness=10.0)
    shift = com.to_beam_shift()
    shift.data = np.stack([com.x.data, com.y.data], axis=-1) * wavelength(60) * 1e3  # mrad
    shift.units = ["mrad", "mrad"]
    theirs = shift.calibrate_electric_shifts(thickness=1.0)  # nm, to MV/cm

    np.testing.assert_allclose(theirs.data[..., 0] * 1e-2, field.x.data, rtol=1e-6)
    vector, length = distances(com, atoms, CELL)
    near = (length > 0.2) & (length < 0.65)
    away = field.y.data * vector[..., 0] + field.x.data * vector[..., 1] < 0
    assert away[near].mean() >= 0.99
