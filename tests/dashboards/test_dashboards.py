import time

import numpy as np
import pytest
from scans import AXES, SHAPE, Pacer, turning_spot

from stemwidgets.arrays.errors import InputError
from stemwidgets.dashboards.dashboard import problem_page
from stemwidgets.dashboards.explore import explore
from stemwidgets.dashboards.rrvae import rrvae_dashboard
from stemwidgets.state import ScanSession


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES, "a <spot>", beam_energy=60.0, make_model=Pacer)
    yield session
    session.close()


def test_the_title_row_tells_the_scan(session):
    title = rrvae_dashboard(session).children[0].value
    assert "a &lt;spot&gt;" in title
    assert "scan 4 × 6, patterns 18 × 15, 60 kV" in title


def test_train_fills_the_maps_and_compares_the_angles(session):
    page = rrvae_dashboard(session)
    assert "appears" in page.parts["comparison"].value
    page.parts["train"].parts["train"].click()
    page.session.training.wait(10)
    assert "circular correlation" in page.parts["comparison"].value
    assert page.parts["angle"].parts["legend"].value
    assert "z1" in page.parts["readout"].parts["table"].value


def test_the_dashboard_warms_the_training_up_and_a_look_does_not():
    made = []

    def make_model(**options):
        made.append(options)
        return Pacer(**options)

    session = ScanSession(turning_spot(), AXES, make_model=make_model)
    explore(session)
    assert made == []
    rrvae_dashboard(session)
    while session.training.warming:
        time.sleep(0.01)
    assert made == [{}]


def test_explore_shows_the_image_of_its_detector(session):
    page = explore(session)
    session.wait(10)
    assert "virtual detector" in session.channels
    before = session.channels["virtual detector"].values
    page.parts["detector"].parts["BF"].click()
    session.wait(10)
    assert (session.channels["virtual detector"].values != before).all()


def test_an_array_is_a_scan_in_pixels():
    page = explore(turning_spot())
    assert page.session.scan.shape == SHAPE
    assert page.session.scan.axes.kx.units == "px"


@pytest.mark.parametrize("dashboard", [explore, rrvae_dashboard])
def test_bad_input_is_refused_in_words(dashboard, tmp_path):
    with pytest.raises(FileNotFoundError):
        dashboard(tmp_path / "missing.hspy")
    with pytest.raises(InputError, match="dimensions"):
        dashboard(np.ones((20, 30)))
    with pytest.raises(InputError, match="mode"):
        dashboard(turning_spot(), mode="projector")


def test_a_problem_page_says_what_is_wrong():
    assert "no &lt;such&gt; file" in problem_page("no <such> file").value


def test_the_scan_of_a_file_is_named_after_it(tmp_path):
    np.save(tmp_path / "tiny.npy", turning_spot())
    page = explore(tmp_path / "tiny.npy")
    assert "tiny" in page.children[0].value


@pytest.mark.parametrize("rows", [1, 2])
def test_a_scan_of_few_rows_has_a_page(rows):
    page = rrvae_dashboard(ScanSession(turning_spot()[:rows], make_model=Pacer))
    page.session.position = (5, 5)
    assert page.session.position == (rows - 1, 5)


def test_a_scan_without_contrast_has_a_page():
    page = explore(np.zeros((4, 6, 18, 15), dtype=np.uint16))
    assert page.session.problem
    assert np.isnan(page.session.channels["COM angle"].values).all()


def test_a_page_takes_the_kind_of_model_from_choices_that_call_it_model():
    page = rrvae_dashboard(ScanSession(turning_spot(), make_model=Pacer))
    page.choose({"train": {"model": "vae", "seed": 4}})
    assert page.choices()["train"]["kind"] == "vae"
    assert page.choices()["train"]["seed"] == 4


def test_settings_that_fit_no_longer_are_left_out_and_named():
    page = rrvae_dashboard(ScanSession(turning_spot(), make_model=Pacer))
    page.choose(
        {"train": {"kind": "transformer", "seed": 4}, "angle": {"display": {"colors": "jet"}}}
    )
    assert page.session.problem.endswith("left out: angle, train.")
    assert page.choices()["train"]["kind"] == "harmonic"
    assert page.choices()["train"]["seed"] == 4
