"""Patterns about their own centres: descan of any size, beside all that an experiment brings."""

import dask.array as da
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import stemwidgets as sw
from stemwidgets.arrays.calibration.descan import fit_descan
from stemwidgets.arrays.center_of_mass import center_of_mass
from stemwidgets.arrays.centring.find import centred_scan, descan_that_matters, identity
from stemwidgets.arrays.centring.half_pixels import put_back
from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae import RRVAE
from stemwidgets.rrvae.common.notices import TrainingNotice

SIZES = (0.3, 0.84, 1.05, 2.0, 5.0)


def scan_with(dose=None, seed=0, **faults):
    return sw.samples.experiment(dose=dose, seed=seed, camera=sw.Camera(**faults))


def true_departure(signal):
    told = signal.original_metadata.truth.descan
    descan = np.stack([told.y, told.x], axis=-1)
    return descan - descan.mean(axis=(0, 1))


@pytest.fixture(scope="module")
def still():
    return scan_with()


@pytest.mark.parametrize("size", SIZES)
def test_patterns_are_those_of_a_beam_at_rest(size, still):
    wandering = scan_with(descan=size)

    found = centred_scan(wandering.data, faulty=None)

    patterns, wanted = np.asarray(found.data), still.data.astype(float)
    assert_allclose(found.frame.descan.departure, true_departure(wandering), atol=0.012)
    rest = patterns - wanted
    rest -= rest.mean(axis=(0, 1))
    inside = (slice(3, -3), slice(3, -3))
    raw = wandering.data - wanted
    raw -= raw.mean(axis=(0, 1))
    assert np.sqrt((rest[..., *inside] ** 2).mean()) < 0.12 * np.sqrt(
        (raw[..., *inside] ** 2).mean()
    )


@pytest.mark.parametrize("size", SIZES)
def test_what_is_left_out_does_not_draw_the_beam_aside(size):
    signal = scan_with(3e4, descan=size, hot=6, dead=1)

    found = centred_scan(signal.data)

    assert_allclose(found.frame.descan.departure, true_departure(signal), atol=0.03)


@pytest.mark.parametrize("size", [0.84, 5.0])
def test_the_com_of_centred_patterns_is_the_com_less_the_descan(size):
    signal = scan_with(3e4, descan=size)
    found = centred_scan(signal.data, faulty=None)

    moved = center_of_mass(found.data)

    expected = center_of_mass(signal.data) - found.frame.descan.departure
    assert_allclose(moved, expected, atol=0.03)


@pytest.mark.parametrize("size", [0.3, 2.0])
def test_lazy_scans_and_cut_ones_hold_the_same(size):
    signal = scan_with(3e4, descan=size)
    whole = np.asarray(centred_scan(signal.data, faulty=None).data)
    lazy = da.from_array(signal.data, chunks=(16, 20, 44, 44))

    found = centred_scan(lazy, faulty=None).data

    assert_array_equal(found.compute(), whole)
    assert_array_equal(found[3:5, 7].compute(), whole[3:5, 7])
    cut = centred_scan(signal.data, faulty=None).data
    assert_array_equal(np.asarray(cut[3:5, 7:9]), whole[3:5, 7:9])
    assert_array_equal(cut[3, 7], whole[3, 7])


@pytest.mark.parametrize(
    "name", ["graphene", "graphene_silicon", "graphene_grains", "zincblende", "diamond"]
)
@pytest.mark.parametrize("dose", [None, 1e3, 1e4, 1e5, 1e6, 1e7])
def test_no_descan_is_seen_where_there_is_none(name, dose):
    signal = getattr(sw.samples, name)(dose)

    assert descan_that_matters(center_of_mass(signal.data)) is None
    assert centred_scan(signal.data, faulty=None).data is signal.data


def test_the_angle_is_right_by_default_and_said_to_be():
    signal = sw.samples.experiment(descan=0.84)
    model = sw.RRVAE()

    with pytest.warns(TrainingNotice, match="about its own centre"):
        model.fit(signal)
    maps = model.encode(signal)

    com = signal.original_metadata.truth.com
    y, x = com.y - com.y.mean(), com.x - com.x.mean()
    strong = np.hypot(y, x) > np.percentile(np.hypot(y, x), 20)
    error = np.abs(np.angle(np.exp(1j * (maps.angle.data - np.arctan2(y, x)))))[strong]
    assert np.degrees(np.median(error)) < 12.5


def test_a_descan_that_is_known_is_taken_as_it_is():
    signal = scan_with(3e4, descan=2.0)
    known = sw.calibrate(signal, rotation=0)

    with pytest.warns(TrainingNotice):
        model = sw.RRVAE().fit(signal, descan=known)

    assert_allclose(model.scan.frame.descan.departure, true_departure(signal), atol=0.02)
    assert sw.RRVAE().fit(signal, descan=None).scan.frame is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (True, "Expected descan="),
        ("yes", "Expected descan="),
        (0.3, "Expected descan="),
        (sw.Descan((3, 4), 0, (0.0,), (0.0,)), r"positions, got that of \(3, 4\)"),
    ],
)
def test_what_is_no_descan_is_refused(given, words, still):
    with pytest.raises(InputError, match=words):
        RRVAE().fit(still.data, descan=given)
    with pytest.raises(InputError, match=words):
        sw.center_of_mass(still, descan=given)


def test_a_stack_of_patterns_stays_as_it_is():
    signal = scan_with(3e4, descan=2.0)
    stack = signal.data.reshape(-1, 44, 44)

    assert centred_scan(stack, faulty=None).data is stack


def test_descan_is_taken_off_a_com_once():
    signal = scan_with(3e4, descan=0.84)
    raw, less = sw.center_of_mass(signal), sw.center_of_mass(signal, descan="find")

    pixel = signal.axes_manager.signal_axes[0].scale
    moved = (raw.y.data - less.y.data) / pixel
    assert_allclose(moved, true_departure(signal)[..., 0], atol=0.02)
    assert less.x.metadata.has_item("Stemwidgets.descan")
    assert not raw.x.metadata.has_item("Stemwidgets.descan")
    with pytest.raises(InputError, match="taken off these deflections already"):
        sw.calibrate(signal, rotation=0, descan_order=2).apply(less)


def test_a_reconstruction_lies_where_the_beam_falls():
    pattern = np.arange(24.0).reshape(4, 6)

    moved = put_back(pattern, np.array([1.4, -1.6]))

    assert_array_equal(moved[1:, :4], pattern[:-1, 2:])
    assert np.isnan(moved[0]).all()
    assert np.isnan(moved[:, 4:]).all()


def test_a_session_takes_the_descan_off_and_says_so():
    signal = sw.samples.experiment(descan=2.0)
    session = sw.Session(signal)
    session.wait(60)
    raw = session.scan.overview.deflection(session.scan.axes)

    assert "taken off" in session.scan.descan_words
    assert "descan = sw.Descan(" in session.as_code()
    off = session.channels["COM x"].values.copy()
    assert np.ptp(off) < np.ptp(raw.x)
    session.scan.take_off = False
    assert "left in" in session.scan.descan_words
    assert_allclose(session.channels["COM x"].values, raw.x, rtol=1e-5)
    assert "descan = sw" not in session.as_code()
    session.close()


def test_a_known_descan_goes_through_the_steps_of_a_model():
    signal = sw.samples.experiment(descan=2.0)
    known = sw.calibrate(signal, rotation=0).descan
    model = sw.RRVAE(preparation=sw.Preparation().bin(2))

    with pytest.warns(TrainingNotice):
        model.fit(signal, descan=known)

    taken = model.scan.frame.descan.departure
    assert_allclose(taken, known.departure / 2, atol=1e-12)
    assert np.isfinite(model.encode(signal, descan=known).angle.data).all()


def test_a_scan_that_was_learned_from_is_encoded_in_one_reading():
    data, read = sw.samples.experiment(descan=3.0).inav[:32, :32].data, []

    def chunk(block):
        read.append(len(block))
        return block

    def lazy(name):
        stored = da.from_array(data, chunks=(4, 32, 44, 44))
        return stored.map_blocks(chunk, meta=np.empty((0,) * 4, data.dtype), name=name)

    scan, model = lazy("learned"), RRVAE(seed=0)
    with pytest.warns(TrainingNotice, match="taken off"):
        model.fit(scan)
    rows = []
    for each in (scan, lazy("another")):
        read.clear()
        angle = model.encode(each).angle
        rows.append(sum(read))

    assert rows[0] + len(data) <= rows[1]
    assert_allclose(angle, model.encode(scan).angle, atol=0.05)


def test_a_scan_in_memory_that_was_changed_is_no_longer_the_same():
    data = sw.samples.experiment(descan=0.84).data
    before = identity(data)

    assert identity(data[:]) == before
    assert identity(data.copy()) != before
    data *= 2
    assert identity(data) != before


@pytest.mark.parametrize("size", [0.4, 0.84, 5.0])
def test_what_tells_two_grains_apart_is_not_taken_for_descan(size):
    iy, ix = np.indices((48, 48))
    beam = size * (np.stack([0.3 * iy, ix], axis=-1) / 48 - (0.15, 0.5))
    ky, kx = np.indices((44, 44)) - 22

    def counts(beam):
        y, x = ky - beam[..., 0, None, None], kx - beam[..., 1, None, None]
        sixfold = np.where(ix < 24, 0.3, -0.3)[..., None, None] * np.cos(6 * np.arctan2(y, x))
        return 40 * np.clip(13.5 - np.hypot(y, x), 0, 1) * (1 + sixfold) + 0.05

    def difference(scan):
        means = [np.asarray(scan)[where].mean(axis=0) for where in (ix < 24, ix >= 24)]
        return (means[0] - means[1])[12:33, 12:33]

    wandering = np.random.default_rng(0).poisson(counts(beam)).astype("u2")
    found = centred_scan(wandering, fit_descan(beam + 22.0))

    at_rest = difference(counts(np.zeros_like(beam)))
    kept = (difference(found.data) * at_rest).sum() / (at_rest**2).sum()
    assert 0.8 < kept < 1.05


@pytest.mark.parametrize("lit", [0, 10])
def test_blank_patterns_tell_nothing_and_hinder_nothing(lit):
    disc = 20 * (np.hypot(*(np.indices((24, 24)) - 12)) < 6)
    scan = np.random.default_rng(0).poisson(disc, (20, 20, 24, 24)).astype("u2")
    scan[lit:] = 0
    descan = sw.Descan((20, 20), 1, (12.0, 0.6, 0.2), (12.0, 0.2, -0.7))

    found = np.asarray(centred_scan(scan, descan).data)

    assert np.isfinite(found).all()
    assert_allclose(found[lit:], 0, atol=1e-6)


def test_a_known_descan_that_cannot_be_taken_off_is_said():
    descan = sw.Descan((8, 9), 1, (22.0, 0.3, 0.0), (22.0, 0.0, 0.3))
    with pytest.warns(TrainingNotice, match="left in the patterns: .* fewer than 256 positions"):
        sw.RRVAE().fit(scan_with(3e4).inav[:9, :8], descan=descan)
