"""The choice, above the views, of how patterns are read: with neighbours or each by itself."""

import pytest

import stemwidgets as sw
from stemwidgets.views.left_out_line import LeftOutLine
from stemwidgets.views.parts.neighbours_row import ALONE, AUTO, GIVEN


@pytest.fixture
def session():
    session = sw.Session(sw.samples.graphene())
    session.wait(60)
    yield session
    session.close()


def test_nothing_is_looked_for_before_the_row_is_opened(session):
    line = LeftOutLine(session)
    assert line.parts["limit_words"].layout.display == "none"
    assert session.limiting.chosen is None
    line.parts["neighbours"].value = True
    session.wait(60)
    assert "up to the scan frequency 1.3" in line.parts["limit_words"].value


def test_the_choice_goes_to_the_session_and_back(session):
    line = LeftOutLine(session)
    parts = line.parts
    parts["neighbours"].value = True
    parts["reading"].value = ALONE
    assert session.band_limit is None
    assert "by itself" in parts["limit_words"].value
    parts["limit"].value = 1.2
    parts["reading"].value = GIVEN
    assert session.band_limit == 1.2
    assert parts["limit"].layout.display is None
    session.wait(60)
    assert "frequency 1.2" in parts["limit_words"].value
    session.band_limit = "auto"
    assert parts["reading"].value == AUTO


def test_a_limit_for_a_scan_without_calibration_is_refused_in_words():
    session = sw.Session(sw.samples.graphene().data)
    line = LeftOutLine(session)
    line.parts["reading"].value = GIVEN
    words = " ".join(child.value for child in line._neighbours.box.children[2:])
    assert "Calibrate the scan axes" in words
    assert session.band_limit == "auto"
    session.close()


def test_the_rrvae_page_shows_the_spectrum_when_asked(session):
    page = sw.rrvae_dashboard(session)
    session.wait(60)
    folded = page.parts["spectrum"]
    assert folded.view is None
    folded.button.value = True
    session.wait(60)
    assert "<svg" in folded.view.parts["picture"].value
    folded.button.value = False
    assert folded.view.layout.display == "none"
    page.close()
