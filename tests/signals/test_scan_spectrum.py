"""The spectrum of a file or signal, with what its metadata or the user say of the beam."""

import dask.array as da
import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.calibration.electrons import wavelength


@pytest.fixture(scope="module")
def signal():
    return sw.samples.zincblende(dose=1e5)


def spectrum(source, **options):
    return sw.scan_spectrum(source, progress=False, **options)


def test_metadata_give_the_limit(signal):
    found = spectrum(signal)
    assert found.limit == pytest.approx(2e-3 * 25 / wavelength(200), rel=0.01)
    assert found.passes
    assert found.words.startswith("Beyond 2α/λ = 1.98 1/Å there is nothing but shot noise")


def test_keywords_win(signal):
    wrong = spectrum(signal, semi_angle=15)
    assert wrong.limit == pytest.approx(2e-3 * 15 / wavelength(200))
    assert wrong.passes is False
    assert wrong.semi_angle == pytest.approx(25, rel=0.1)
    assert spectrum(signal, limit=1.5).limit == 1.5
    finer = spectrum(signal, scan_step=(0.1, 0.11))
    assert finer.edges[-1] == pytest.approx(np.hypot(5, 0.5 / 0.11))


def test_an_array_without_units_is_measured_in_steps(signal):
    found = spectrum(signal.data)
    assert (found.units, found.limit, found.passes) == ("1/step", None, None)
    with_step = spectrum(signal.data, scan_step=0.15, beam_energy=200)
    assert with_step.units == "1/Å"
    assert with_step.cutoff == pytest.approx(found.cutoff / 0.15)
    assert with_step.semi_angle == pytest.approx(25, rel=0.1)


def test_lazy_data_and_a_file_give_the_same(signal, tmp_path):
    path = tmp_path / "scan.hspy"
    signal.save(path)
    lazy = sw.load(path, lazy=True)
    assert isinstance(lazy.data, da.Array)
    whole = spectrum(signal)
    for source in (lazy, str(path)):
        assert spectrum(source).excess == pytest.approx(whole.excess, abs=1e-6)


def test_a_notebook_shows_a_plot_with_the_words(signal):
    html = spectrum(signal)._repr_html_()
    assert html.count("<svg") == 1
    for words in ("shot noise", "2α/λ = 1.98", "scan frequency (1/Å)", "seen up to"):
        assert words in html
    assert "<svg" not in spectrum(signal.inav[:5, :5])._repr_html_()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit": -1.0}, "limit"),
        ({"scan_step": 0}, "scan steps"),
        ({"scan_step": (1, 2, 3)}, "scan step"),
        ({"semi_angle": 0.02}, "semi-angle"),
        ({"lazy": True}, "lazy"),
    ],
)
def test_what_cannot_be_is_refused(signal, options, words):
    with pytest.raises(sw.InputError, match=words):
        spectrum(signal, **options)


def test_a_semi_angle_takes_the_energy(signal):
    with pytest.raises(sw.InputError, match="beam_energy"):
        spectrum(signal.data, semi_angle=25)


def test_the_report_of_a_scan_has_it(signal):
    finding = sw.check(signal, progress=False)["band limit"]
    assert finding.state == "good"
    assert finding.words == spectrum(signal).words
    jittered = sw.samples.experiment(dose=1e6, camera=sw.Camera(jitter=0.093))
    assert sw.check(jittered, progress=False)["band limit"].state == "doubtful"
