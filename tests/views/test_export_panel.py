import pytest
from scans import AXES, Pacer, turning_spot

import stemwidgets as sw
from stemwidgets.signals.conversion import arrays_to_signal
from stemwidgets.state import ScanSession
from stemwidgets.views.export_panel import ExportPanel


@pytest.fixture
def panel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = sw.Session(arrays_to_signal(turning_spot(), AXES, "a <turning> spot"))
    yield ExportPanel(session)
    session.close()


def press(panel, name):
    panel.parts[name].click()
    panel.session.wait(60)
    return panel.parts["status"].value


def test_it_offers_a_name_from_the_title(panel):
    assert panel.parts["folder"].value == "a-turning-spot"


def test_export_says_where_the_files_are(panel, tmp_path):
    assert str(tmp_path / "a-turning-spot") in press(panel, "export")
    assert (tmp_path / "a-turning-spot" / "pictures" / "sum.png").exists()
    assert "a-turning-spot-2" in press(panel, "export")
    assert not panel.parts["export"].disabled


def test_nothing_else_can_be_written_meanwhile(panel):
    panel.parts["page"].click()
    assert "writing" in panel.parts["status"].value
    assert all(panel.parts[name].disabled for name in ("export", "page", "code"))
    panel.session.wait(60)
    assert "a-turning-spot.html" in panel.parts["status"].value


def test_what_went_wrong_is_said_in_words(panel):
    panel.parts["folder"].value = "nowhere/<spot>"
    status = press(panel, "export")
    assert "nowhere does not exist" in status
    assert "stemwidgets-problem" in status
    panel.parts["folder"].value = " "
    assert "got none" in press(panel, "page")


def test_the_code_appears_to_be_copied(panel):
    assert panel.parts["python"].layout.display == "none"
    press(panel, "code")
    assert panel.parts["python"].layout.display is None
    assert panel.parts["python"].value == panel.session.as_code()


def test_a_session_on_bare_arrays_cannot_be_taken_away():
    session = ScanSession(turning_spot(), AXES, make_model=Pacer)
    panel = ExportPanel(session)
    assert panel.parts["export"].disabled
    assert "stemwidgets.Session" in panel.parts["status"].value
    session.close()


def test_unknown_keywords_are_refused(panel):
    with pytest.raises(sw.InputError, match="colour"):
        ExportPanel(panel.session, colour="red")
