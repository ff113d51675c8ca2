"""The page on which a scan is prepared."""

import pytest
from scans import AXES, Pacer, turning_spot

from stemwidgets.arrays.errors import InputError
from stemwidgets.dashboards.prepare import prepare
from stemwidgets.dashboards.rrvae import rrvae_dashboard
from stemwidgets.state import ScanSession


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES, "a spot", make_model=Pacer)
    yield session
    session.close()


def test_what_is_computed_fills_the_map_beside_it(session):
    page = prepare(session)
    assert page.parts["component"].raster.message == "press Compute"
    page.parts["decomposition"].parts["compute"].click()
    session.wait(20)
    assert page.parts["component"].raster.message == ""


def test_another_page_goes_on_with_the_session(session):
    page = prepare(session)
    page.parts["decomposition"].parts["compute"].click()
    session.wait(20)

    trained = rrvae_dashboard(page.session)

    assert trained.session is session
    trained.parts["com_angle"].channel = "PCA 2"
    assert trained.parts["com_angle"].raster.message == ""


def test_an_unknown_keyword_is_refused(session):
    with pytest.raises(InputError, match="prepare does not know 'colour_map'"):
        prepare(session, colour_map="jet")


def test_a_training_elsewhere_learns_from_what_was_prepared_here():
    session = ScanSession(turning_spot(), AXES, make_model=lambda **options: made.append(options))
    made = []
    page = prepare(session)
    page.parts["preparation"].parts["step"].value = "crop"
    page.parts["preparation"].parts["add"].click()
    train = rrvae_dashboard(page.session).parts["train"]
    assert "learns from prepared patterns: crop" in train.parts["status"].value
    train.parts["train"].click()
    with pytest.raises(AttributeError):
        session.training.wait(10)
    assert '"crop"' in made[-1]["preparation"]
