"""The report on a page: it stands alone, comes by itself, and its tick takes faults back."""

import re
from html import unescape

import dask.array as da
import pytest
from real_files import OPENED

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.scan_report.findings import COLORS


def words(view):
    text = f"{view.parts['summary'].value} {view.parts['findings'].value}"
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).split())


@pytest.fixture(scope="module")
def experiment():
    return sw.samples.experiment().inav[:32, :32]


@pytest.fixture
def view(experiment):
    session = sw.Session(experiment)
    shown = sw.ScanReportView(session)
    session.wait(60)
    yield shown
    session.close()


def test_what_is_found_is_said_in_colours_and_words(view):
    said = words(view)
    assert "things to look at: faulty pixels" in said
    assert "6 hot pixels" in said
    assert COLORS["doubtful"] in view.parts["summary"].value
    assert "data:image/png" in view.parts["findings"].value


def test_a_script_says_the_same(view, experiment):
    script = {each.name: each.words for each in sw.check(experiment, progress=False).findings}
    page = {each.name: each.words for each in view.session.reporting.report.findings}
    assert page == script


def test_the_tick_counts_faulty_pixels_and_leaves_them_out_again(view):
    tick, session = view.parts["leave_out"], view.session
    assert tick.value
    assert tick.layout.display is None
    before = words(view)

    tick.value = False
    session.wait(60)
    assert not session.scan.leave_out
    assert session.reporting.report["faulty pixels"].state == "bad"
    assert "counted like the others" in words(view)

    session.scan.leave_out = True
    session.wait(60)
    assert tick.value
    assert words(view) == before


def test_a_scan_on_disk_is_reported_on_once_it_has_been_read(experiment):
    read = []

    def note(block):
        read.append(block.shape)
        return block

    data = da.from_array(experiment.data, chunks=(16, 32, 44, 44)).map_blocks(note)
    session = sw.Session(data)
    try:
        shown = sw.ScanReportView(session)
        assert "reading the scan" in words(shown)
        session.wait(60)
        assert "6 hot pixels" in words(shown)
    finally:
        session.close()


def test_a_scan_without_faults_has_no_tick():
    session = sw.Session(sw.samples.graphene_silicon(dose=1e4))
    try:
        shown = sw.ScanReportView(session)
        session.wait(60)
        assert "Nothing stands out" in words(shown)
        assert shown.parts["leave_out"].layout.display == "none"
    finally:
        session.close()


def test_nothing_is_reported_on_a_page_that_does_not_show_it(experiment):
    page = sw.explore(experiment)
    page.session.wait(60)
    assert page.session.reporting.report is None
    page.close()


@pytest.mark.parametrize("real", OPENED, ids=lambda real: real.name[:12])
def test_it_heads_the_page_on_which_a_real_file_is_prepared(real):
    page = sw.prepare(str(real.path))
    try:
        page.session.wait(60)
        report = page.parts["report"]
        row = page.children[-1].children
        assert row[0] is report
        assert f"{real.shape[0]} × {real.shape[1]} = " in words(report)
        assert page.session.problem == ""
    finally:
        page.close()


def test_an_unknown_keyword_is_refused(view):
    with pytest.raises(InputError, match="ScanReportView does not know 'size'"):
        sw.ScanReportView(view.session, size=3)


def test_the_tick_of_the_descan_leaves_it_in():
    session = sw.Session(sw.samples.experiment(descan=0.84))
    shown = sw.ScanReportView(session)
    session.wait(60)
    tick = shown.parts["take_off"]
    assert tick.value
    assert tick.layout.display is None
    assert "reads every pattern about its own centre" in words(shown)

    tick.value = False
    session.wait(60)

    assert session.scan.descan_taken_off is None
    assert "left in, as was chosen" in words(shown)
    session.scan.take_off = True
    assert tick.value
    session.close()


def test_without_descan_there_is_no_tick_for_it():
    session = sw.Session(sw.samples.graphene_silicon(dose=1e5))
    shown = sw.ScanReportView(session)
    session.wait(60)

    assert shown.parts["take_off"].layout.display == "none"
    session.close()
