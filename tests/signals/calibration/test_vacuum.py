"""Descan measured in vacuum: in a region, or on a second scan, in a script and on a page."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import stemwidgets as sw
from stemwidgets.arrays.calibration.vacuum import caution, fit_in_vacuum
from stemwidgets.arrays.errors import InputError
from stemwidgets.export.provenance import record
from stemwidgets.signals.calibration.vacuum import VacuumNotice
from stemwidgets.views.left_out_line import LeftOutLine
from stemwidgets.views.parts.descan_row import FILE, FOUND, REGION

SHAPE = (20, 28)
V, U = np.meshgrid(*(np.linspace(-1, 1, size) for size in SHAPE), indexing="ij")
LEFT = np.zeros(SHAPE, dtype=bool)
LEFT[:, :8] = True  # a strip of vacuum


def wandering(plane=0.6, bend=0.0):
    """Beam ``(y, x)`` [px] from its mean."""
    beam = np.stack([plane * (V - 0.5 * U) + bend * V**2, plane * (0.3 * V + U)], axis=-1)
    return beam - beam.mean(axis=(0, 1))


def scan(beam, field=0.0, seed=0, dose=2e4, vacuum=LEFT):
    """Counts of a soft disc; atoms deflect it beside the vacuum, and a uniform `field` a plane."""
    y, x = np.indices(SHAPE)
    atoms = 0.3 * np.stack([np.sin(1.9 * y), np.sin(2.3 * x)], axis=-1)
    atoms = atoms + field * np.stack([V, U], axis=-1)
    place = beam + np.where(vacuum[..., None], 0.0, atoms) + (9.5, 10.5)
    ky, kx = np.indices((20, 22))
    away = np.hypot(ky - place[..., :1, None], kx - place[..., 1:, None])
    disc = 1 / (1 + np.exp(2 * (away - 5)))
    counts = dose * disc / disc.sum(axis=(2, 3), keepdims=True)
    return np.random.default_rng(seed).poisson(counts).astype(np.uint16)


def rms(difference):
    return np.sqrt((difference**2).mean())


def test_the_error_of_a_plane_in_vacuum_is_its_standard_error():
    noise = np.random.default_rng(0).normal(size=(60, *SHAPE, 2)) * 0.1

    for where in (None, LEFT):
        fits = [fit_in_vacuum(each + wandering(), where, 1) for each in noise]
        errors = [rms(fit.departure - wandering()) for fit in fits]
        assert 0.8 < rms(np.array(errors)) / np.mean([fit.error for fit in fits]) < 1.25


def test_a_bend_is_measured_where_half_of_the_scan_is_vacuum():
    com = wandering(bend=0.3) + np.random.default_rng(0).normal(size=(*SHAPE, 2)) * 0.05

    assert fit_in_vacuum(com).order == 2
    assert fit_in_vacuum(com, LEFT).order == 1
    assert fit_in_vacuum(com, LEFT, 2).order == 2


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (np.zeros(SHAPE, dtype=bool), "got 0 in 0 rows"),
        ((V < -0.9) & (U < 0.9), "got 26 in 1 rows|got 26 in 1"),
        (np.eye(*SHAPE, dtype=bool), "not in one line"),
        (LEFT & (np.abs(V) < 0.1) & (U < -0.8), "Choose a larger region"),
        (np.ones((3, 3), dtype=bool), r"\(20, 28\), got the shape \(3, 3\)"),
    ],
)
def test_too_few_positions_in_vacuum_are_refused(where, words):
    with pytest.raises(InputError, match=words):
        fit_in_vacuum(wandering(), where)


def test_what_is_extrapolated_or_no_vacuum_is_said():
    noise = np.random.default_rng(1).normal(size=(*SHAPE, 2)) * 0.05
    atoms = 0.2 * np.stack([np.sin(1.3 * np.arange(28))] * 20)[..., None]
    everywhere = np.ones(SHAPE, dtype=bool)

    def said(com, where):
        return caution(com, where, fit_in_vacuum(com, where, 1))

    assert said(wandering() + noise, everywhere) == ""
    assert "29 % of the scan along x: beyond it" in said(wandering() + noise, LEFT)
    assert "is it vacuum?" in said(wandering() + noise + atoms, everywhere)


def test_vacuum_tells_descan_from_a_field_of_the_specimen():
    beam = wandering()
    patterns = scan(beam, field=0.8)

    with pytest.warns(VacuumNotice, match="extrapolated"):
        region = sw.measure_descan(patterns, where=LEFT)
    second = sw.measure_descan(scan(beam, seed=1, vacuum=np.ones(SHAPE, dtype=bool)))
    found = sw.center_of_mass(patterns, descan="find")
    known = sw.center_of_mass(patterns, descan=second)

    for descan in (region, second):
        assert rms(descan.departure - beam) < 3 * descan.error
    field = 0.8 * np.where(LEFT, 0, U)
    assert np.corrcoef(known.x.data.ravel(), field.ravel())[0, 1] > 0.85
    assert np.corrcoef(found.x.data.ravel(), field.ravel())[0, 1] < 0.6


def test_a_calibration_takes_a_descan_that_is_known():
    patterns = scan(wandering(), field=0.8)
    known = fit_in_vacuum(wandering(), order=1)

    assert sw.calibrate(patterns, rotation=0, descan=known).descan == known
    with pytest.raises(InputError, match="positions, got that of"):
        sw.calibrate(patterns, rotation=0, descan=sw.Descan((3, 4), 0, (0.0,), (0.0,)))
    with pytest.raises(InputError, match="got 1 and 1 of order 1"):
        sw.calibrate(patterns, rotation=0, descan=sw.Descan(SHAPE, 1, (0.0,), (0.0,)))


@pytest.fixture
def desk(tmp_path):
    np.save(tmp_path / "scan.npy", scan(wandering(), field=0.8))
    np.save(tmp_path / "vacuum.npy", scan(wandering(), seed=1, vacuum=np.ones(SHAPE, dtype=bool)))
    session = sw.Session(tmp_path / "scan.npy")
    view = LeftOutLine(session)
    yield session, view, tmp_path
    view.close()
    session.close()


def choose(session, view, part, value):
    view.parts[part].value = value
    session.wait(60)


def test_a_page_measures_the_descan_in_a_region_and_says_so(desk):
    session, view, _ = desk
    found = session.channels["COM x"].values.copy()

    choose(session, view, "source", REGION)
    assert "Draw one on a map first" in view.parts["status"].value
    session.selection.region = LEFT
    view.parts["measure"].click()
    session.wait(60)

    assert "Measured in a region of 160 positions: 0." in view.parts["words"].value
    assert "extrapolated" in view.parts["words"].value
    assert rms(session.scan.descan.departure - wandering()) < 3 * session.scan.descan.error
    assert np.abs(session.channels["COM x"].values - found).max() > 0.1
    assert session.scan.descan_for_models() == session.scan.descan
    assert "descan = sw.Descan(" in session.as_code()
    assert record(session.snapshot())["descan"]["how"] == "measured in a region of 160 positions"
    view.parts["take_off"].value = False
    assert session.scan.descan_for_models() is None
    view.parts["take_off"].value = True
    choose(session, view, "source", FOUND)
    assert_array_equal(session.channels["COM x"].values, found)
    assert session.scan.in_vacuum is None


def test_a_page_measures_the_descan_on_another_scan_and_keeps_it(desk):
    session, view, folder = desk

    choose(session, view, "source", FILE)
    choose(session, view, "path", str(folder / "none.npy"))
    assert "There is no file" in view.parts["status"].value
    np.save(folder / "small.npy", np.ones((4, 5, 20, 22)))
    choose(session, view, "path", str(folder / "small.npy"))
    assert "Expected a scan of vacuum like this one, 20 × 28" in view.parts["status"].value
    choose(session, view, "path", str(folder / "vacuum.npy"))
    assert "vacuum.npy: 0." in view.parts["words"].value

    session.save(folder / "session.json")
    again = sw.Session.open(folder / "session.json")
    other = LeftOutLine(again)
    assert again.scan.in_vacuum == session.scan.in_vacuum
    assert (other.parts["source"].value, other.parts["path"].value) == (
        FILE,
        str(folder / "vacuum.npy"),
    )
    assert_allclose(again.channels["COM x"].values, session.channels["COM x"].values)
    other.close()
    again.close()


def test_a_measured_descan_that_is_damaged_is_refused(desk):
    session, _, folder = desk
    session.selection.region = LEFT
    session.vacuum.in_region(session.selection.region)
    session.wait(60)
    path = session.save(folder / "session.json")
    text = json.loads(path.read_text())

    def shorten(values):
        for name, value in list(values.items()):
            if name == "descan" and "y" in value:
                value["y"] = value["y"][:-1]
            elif isinstance(value, dict):
                shorten(value)

    shorten(text)
    path.write_text(json.dumps(text))
    with pytest.raises(InputError):
        sw.Session.open(path)


def test_a_calibration_on_the_page_goes_by_what_was_measured_in_vacuum(desk):
    session, view, _ = desk
    session.selection.region = LEFT
    session.calibration.start()
    session.wait(60)
    assert session.calibration.found.descan.size > 1.2 * rms(wandering())

    choose(session, view, "source", REGION)

    assert session.calibration.found.descan == session.scan.descan


def test_a_scan_without_descan_shows_a_small_button_only():
    session = sw.Session(scan(np.zeros((*SHAPE, 2))))
    view = LeftOutLine(session)

    hidden = [n for n, part in view.parts.items() if part.layout.display == "none"]
    assert {"words", "take_off"} <= set(hidden)
    of_descan, of_neighbours = view.children[-2:]
    assert of_descan.layout.display == of_neighbours.layout.display == "none"
    view.parts["open"].value = True
    assert of_descan.layout.display is None
    assert of_neighbours.layout.display == "none"
    view.close()
    session.close()
