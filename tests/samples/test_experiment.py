"""The scan of an experiment: its faults are where its metadata say, and no others."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets import samples
from stemwidgets.arrays.errors import InputError
from stemwidgets.samples import EXPERIMENT_CAMERA, experiment
from stemwidgets.samples.experiment_scan import series
from stemwidgets.samples.faults import draw_faults
from stemwidgets.signals.conversion import signal_to_arrays

SCAN = (64, 64)


@pytest.fixture(scope="module")
def scan():
    return experiment()


@pytest.fixture(scope="module")
def ideal():
    return experiment(dose=None, camera=sw.Camera())


def com(data):
    """Of counts, (y, x) from the optic axis [pixels]."""
    data = data.astype(float)
    ky, kx = (np.arange(size) - size // 2 for size in data.shape[2:])
    sums = data.sum(axis=3) @ ky, data.sum(axis=2) @ kx
    return np.stack(sums, axis=-1) / data.sum(axis=(2, 3))[..., None]


def told(place):
    """Maps of y and x as one array."""
    return np.stack([place.y, place.x], axis=-1)


def drawn(camera, seed=0):
    return draw_faults(camera, SCAN, (9.984, 9.984), (44, 44), seed)


def test_it_is_the_promised_scan(scan):
    data, axes = signal_to_arrays(scan)
    assert data.shape == (64, 64, 44, 44)
    assert data.dtype == np.uint16
    assert [axis.units for axis in axes] == ["Å", "Å", "1/Å", "1/Å"]
    assert [axis.scale for axis in axes] == pytest.approx([0.156, 0.156, 0.05, 0.05])
    assert axes.ky.coordinate(22) == axes.kx.coordinate(22) == 0
    assert scan.beam_energy == 60
    assert scan.metadata.Acquisition_instrument.TEM.convergence_angle == 32
    assert scan.original_metadata.camera.as_dictionary() == {
        **{field.name: getattr(EXPERIMENT_CAMERA, field.name) for field in fields(sw.Camera)},
        "seed": 0,
    }


def test_the_same_seed_gives_the_same_counts_and_another_other_faults(scan):
    np.testing.assert_array_equal(experiment().data, scan.data)
    first, second = (drawn(EXPERIMENT_CAMERA, seed) for seed in (0, 1))
    assert first.hot[:, 0].tolist() == scan.original_metadata.truth.hot.ky.tolist()
    for name in ("hot", "gain", "descan", "displaced", "cosmic"):
        assert not np.array_equal(getattr(first, name), getattr(second, name))


def test_without_faults_nothing_is_told_of_any(ideal):
    truth = ideal.original_metadata.truth
    assert not np.any(told(truth.descan))
    assert not truth.blind.any()
    np.testing.assert_array_equal(truth.gain, 1)
    nominal = np.stack(np.mgrid[:64, :64], axis=-1) * 0.156
    np.testing.assert_allclose(told(truth.position), nominal)


def test_the_noise_is_that_of_the_dose(ideal):
    counted = experiment(dose=1e3, seed=3, camera=sw.Camera()).data
    assert counted.sum(axis=(2, 3)).mean() == pytest.approx(1e3, rel=1e-3)
    expected = ideal.data * (1e3 * 64 * 64 / ideal.data.sum())
    bright = expected > 0.5
    assert bright.mean() > 0.2
    off = (counted[bright] - expected[bright]) ** 2 / expected[bright]
    assert off.mean() == pytest.approx(1, abs=0.01)


def test_the_com_of_many_electrons_is_the_truth(ideal):
    truth = told(ideal.original_metadata.truth.com)
    assert np.abs(com(ideal.data) - truth).max() < 2e-3
    assert np.sqrt((truth**2).sum(axis=-1).mean()) == pytest.approx(0.1, rel=0.3)


@pytest.mark.parametrize("descan", [0.84, 5.0])
def test_the_com_moves_by_the_descan_that_the_metadata_tell(ideal, descan):
    moved = experiment(dose=None, descan=descan, camera=sw.Camera())
    shift = told(moved.original_metadata.truth.descan)
    found = com(moved.data) - com(ideal.data)
    assert np.abs(found - shift).max() < 4e-3 + 0.012 * descan  # what the detector's edges cut off
    down, along = shift[-1, 0] - shift[0, 0], shift[0, -1] - shift[0, 0]
    assert np.hypot(*down) == pytest.approx(descan)
    assert np.hypot(*along) == pytest.approx(descan)
    rim = np.ones((44, 44), dtype=bool)
    rim[3:-3, 3:-3] = False
    assert moved.data[:, :, rim].max() < 0.1 * moved.data.max()  # the disc stays inside


def test_hot_and_dead_pixels_and_the_cosmic_ray_are_where_the_metadata_say(scan):
    truth, data = scan.original_metadata.truth, scan.data
    mean = data.mean(axis=(0, 1))
    assert len(truth.hot.ky) == 6
    assert (mean[truth.hot.ky, truth.hot.kx] > 2.5 * np.median(mean[22, 15:29])).all()
    (row,) = truth.dead.rows
    assert not data[:, :, row].any()
    assert truth.blind.sum() == 44
    rays = truth.cosmic_rays
    (struck,) = data[rays.iy, rays.ix, rays.ky, rays.kx]
    others = data[:, :, rays.ky[0], rays.kx[0]].copy()
    others[rays.iy[0], rays.ix[0]] = 0
    assert struck > 5 * others.max()


def test_positions_are_off_by_jitter_lines_and_drift(scan):
    nominal = np.stack(np.mgrid[:64, :64], axis=-1) * 0.156
    off = told(scan.original_metadata.truth.position) - nominal
    assert np.sqrt((off**2).mean()) == pytest.approx(
        np.sqrt(2 * 0.03**2 + (0.02 * 9.984) ** 2 / 24), rel=0.15
    )
    for camera, expected in (
        (sw.Camera(jitter=0.03), 0.03),
        (sw.Camera(line_jitter=0.03), 0.03),
        (sw.Camera(drift=0.02), 0.02 * 9.984 / np.sqrt(24)),
    ):
        off = drawn(camera).displaced
        assert np.sqrt((off**2).mean()) == pytest.approx(expected, rel=0.2)
        if camera.line_jitter:
            assert np.ptp(off, axis=1).max() < 1e-9


def shipped_quarter():
    signal = sw.load(Path(samples.__file__).with_name("experiment.hspy"))
    return signal, signal_to_arrays(signal)[0] / 1e7


def unfolded(halves):
    """Whole patterns from their even and odd parts."""
    for axis in (1, 2):
        even, odd = np.split(halves, 2, axis=axis)
        back = np.flip(even - odd, axis=axis)
        back = back[:, :-1] if axis == 1 else back[:, :, :-1]
        halves = np.concatenate([back, even + odd], axis=axis)
    return halves


def test_on_the_simulated_positions_and_their_mirror_images_the_series_gives_them_back():
    signal, quarter = shipped_quarter()
    scan, cell = series(signal), np.array(signal.original_metadata.simulation.cell)
    steps = np.array([(0, 0), (3, 7), (18, 1), (18, 18), (11, 0)])
    simulated = quarter[tuple(steps.T)]
    for mirror in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
        found = unfolded(scan.folded(steps * mirror * cell / 36))
        expected = simulated[:, :: mirror[0], :: mirror[1]]
        assert np.abs(found - expected).max() < 2e-7  # rounding to counts of 1e7 electrons


@pytest.mark.slow
def test_between_the_shipped_positions_the_scan_is_what_multislice_gives():
    pytest.importorskip("abtem")
    scan = series(shipped_quarter()[0])
    atoms = samples.structures.graphene("si4", (5, 3))
    site = atoms.info["sites"]
    start, size = (-1.37, 0.81), (1.8, 2.2)
    again = sw.simulate(
        atoms,
        scan_shape=(2, 2),
        scan_start=(site["y"][0] + start[0], site["x"][0] + start[1]),
        scan_size=size,
        detector_shape=(97, 101),
        repeats=(3, 3),
        sampling=(0.1232, 0.11855556),
        slice_thickness=4.0,
        progress=False,
    )
    places = start + np.moveaxis(np.indices((2, 2)), 0, -1) * np.array(size) / 2
    found = unfolded(scan.folded(places.reshape(-1, 2)))
    expected = again.data.reshape(found.shape)
    expected *= found.sum() / expected.sum()  # the shipped file counts electrons on the detector
    assert np.abs(found - expected).max() < 2e-7  # rounding to counts of 1e7 electrons


def test_the_scan_holds_no_frequency_beyond_twice_the_aperture(ideal):
    positions = told(ideal.original_metadata.truth.position)
    sharp = experiment(dose=None, source_size=0.0, camera=sw.Camera())
    assert positions[1, 0, 0] == pytest.approx(0.156)
    window = np.hanning(64)[:, None] * np.hanning(64)
    values = sharp.data[:, :, 12:32:4, 12:32:4].astype(float)
    values -= values.mean(axis=(0, 1))
    power = np.abs(np.fft.fft2(values * window[..., None, None], axes=(0, 1))) ** 2
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(64, 0.156)] * 2, indexing="ij"))
    beyond = frequency > 1.32 + 3 / (64 * 0.156)  # 2α/λ, and the width of the window
    assert power[beyond].sum() < 1e-4 * power.sum()


def test_the_silicon_atom_is_the_brightest_place_of_a_dark_field(ideal):
    site = ideal.original_metadata.structure.sites
    radius = np.hypot(*(np.mgrid[:44, :44] - 22))
    dark = ideal.data[:, :, radius > 15].sum(axis=-1)
    iy, ix = np.unravel_index(dark.argmax(), SCAN)
    assert (iy * 0.156, ix * 0.156) == pytest.approx((site.y[0], site.x[0]), abs=0.2)
    atoms = ideal.original_metadata.atoms
    assert atoms.element.count("Si") == 1
    at = atoms.element.index("Si")
    assert (atoms.y[at], atoms.x[at]) == pytest.approx((site.y[0], site.x[0]))
    distances = np.sort(np.hypot(atoms.y - site.y[0], atoms.x - site.x[0]))
    assert distances[1:5] == pytest.approx([1.882] * 4, abs=1e-3)


@pytest.mark.parametrize("kind", ["hspy", "zspy"])
def test_the_truth_is_kept_in_a_file(scan, tmp_path, kind):
    scan.inav[:3, :4].save(tmp_path / f"scan.{kind}")
    known, kept = scan.original_metadata, sw.load(tmp_path / f"scan.{kind}").original_metadata
    assert kept.camera.as_dictionary() == known.camera.as_dictionary()
    np.testing.assert_array_equal(told(kept.truth.com), told(known.truth.com))
    np.testing.assert_array_equal(kept.truth.blind, known.truth.blind)
    assert list(kept.truth.dead.rows) == list(known.truth.dead.rows)
    assert len(kept.truth.dead.pixels.ky) == 0


@pytest.mark.parametrize(
    ("keywords", "word"),
    [
        ({"dose": 0}, "dose"),
        ({"dose": "many"}, "dose"),
        ({"source_size": -1}, "source_size"),
        ({"source_size": "wide"}, "source_size"),
        ({"descan": 5.1}, "descan"),
        ({"descan": -1}, "descan"),
        ({"descan": float("nan")}, "descan"),
        ({"descan": "some"}, "descan"),
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"camera": replace(EXPERIMENT_CAMERA, hot=2000)}, "hot pixels"),
        ({"camera": sw.Camera(quad_gaps=44)}, "No pixel"),
        ({"camera": sw.Camera(dead=23)}, "dead rows"),
        ({"camera": 0.1}, "camera"),
    ],
)
def test_what_is_no_experiment_is_refused_by_name(keywords, word):
    with pytest.raises(InputError, match=word):
        experiment(**keywords)
