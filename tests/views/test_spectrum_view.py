"""The spectrum on a page: it stands alone, comes by itself, and never blocks."""

import threading

import dask.array as da
import pytest

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.scan_report.findings import COLORS
from stemwidgets.state.scan import frequencies


@pytest.fixture
def session():
    session = sw.Session(sw.samples.zincblende(dose=1e5))
    yield session
    session.close()


def test_it_shows_the_same_as_a_script(session):
    view = sw.SpectrumView(session)
    session.wait(60)
    script = sw.scan_spectrum(sw.samples.zincblende(dose=1e5), progress=False)
    assert script.words in view.parts["words"].value
    assert view.parts["picture"].value.count("<svg") == 1
    assert COLORS["good"] in view.parts["words"].value


def test_it_is_measured_in_a_thread_of_its_own(session, monkeypatch):
    threads, measure = [], frequencies.spectrum_of

    def noted(seen):
        threads.append(threading.get_ident())
        return measure(seen)

    monkeypatch.setattr(frequencies, "spectrum_of", noted)
    view = sw.SpectrumView(session)
    assert view.parts["words"].value == "measuring the spectrum …"
    session.wait(60)
    assert threads
    assert threading.get_ident() not in threads


def test_nothing_is_measured_without_a_view(session):
    session.wait(60)
    assert session.frequencies.spectrum is None


def test_a_lazy_scan_that_cannot_be_read_says_so():
    def broken(block, block_info=None):
        if block_info:
            raise OSError("the disk is gone")
        return block

    signal = sw.samples.zincblende(dose=1e3)
    lazy = da.from_array(signal.data, chunks=(8, 8, -1, -1)).map_blocks(broken, dtype="u2")
    session = sw.Session(lazy)
    view = sw.SpectrumView(session)
    session.wait(60)
    assert view.parts["words"].value == "could not be read"
    assert view.parts["picture"].value == ""
    session.close()


def test_a_jittered_scan_is_coloured():
    session = sw.Session(sw.samples.experiment(dose=1e6, camera=sw.Camera(jitter=0.093)))
    view = sw.SpectrumView(session)
    session.wait(60)
    assert COLORS["doubtful"] in view.parts["words"].value
    session.close()


def test_a_plot_that_is_too_small_is_refused(session):
    with pytest.raises(InputError, match="240 × 160"):
        sw.SpectrumView(session, width=100)
