"""The report of a scan: what is wrong is said with its number, and nothing else is."""

import dataclasses
from html import escape

import numpy as np
import pytest
from real_files import FOLDER
from scipy import ndimage

import stemwidgets as sw

CLEAN = (
    "graphene",
    "graphene_silicon",
    "graphene_vacancy",
    "graphene_grains",
    "zincblende",
    "diamond",
)
DOSES = (None, 1e3, 1e4, 1e5, 1e6, 1e7)
STEP = 0.156  # Å

ALONE = {  # of a camera, and the finding that says so
    "descan 0.1": (sw.Camera(descan=0.1), "descan"),
    "descan 0.84": (sw.Camera(descan=0.84), "descan"),
    "gain": (sw.Camera(gain=0.03), "gain"),
    "hot": (sw.Camera(hot=6), "faulty pixels"),
    "dead row": (sw.Camera(dead=1), "faulty pixels"),
    "dead column": (sw.Camera(dead_columns=1), "faulty pixels"),
    "quad gaps": (sw.Camera(quad_gaps=2), "faulty pixels"),
    "cosmic ray": (sw.Camera(cosmic_rays=1), "single events"),
    "line jitter": (sw.Camera(line_jitter=0.03), "line jitter"),
    "drift": (sw.Camera(drift=0.02), "drift"),
    "saturation": (sw.Camera(saturation=40), "saturation"),
    "readout noise": (sw.Camera(readout_noise=0.5), None),
    "none": (sw.Camera(), None),
}
TOGETHER = {"faulty pixels", "single events", "gain", "descan", "line jitter", "drift"}

REAL = {  # file, options: words of the findings
    ("001_4x2_6bit.mib",): {
        "units": "Not in the metadata",
        "saturation": "full at 63 counts",
        "direct beam": "radius 25.2 px",
        "dose": "More than 4.5·10⁵ electrons",
        "angle": "the disc is saturated",
        "descan": "fewer than 8 × 8",
    },
    ("002_merlin_test_roi_sig256x128_nav4x2_hot_pixel_52x_39y.mib",): {
        "faulty pixels": "1 hot pixel at (88, 52)",
        "dose": "too few electrons",
        "direct beam": "No edge",
    },
    ("test1.blo",): {
        "units": "200 kV",
        "direct beam": "about (72.2, 73.3) px",
        "saturation": "full at 255 counts",
        "dose": "scatter less than electrons do",
    },
    ("topspin_test_A.app5",): {
        "units": "Scan steps of 20.0 Å",
        "dose": "1008 electrons a pattern",
        "angle": "too few positions",
    },
    ("128x128x5-diffraction_preview_1.ser", ("scan_shape", (1, 5))): {
        "dose": "the noise of the readout hides",
        "frames": "1 × 5 = 5 patterns of 128 × 128",
    },
    ("Custom_movie.mrc", ("scan_shape", (5, 6))): {"dose": "scatter less than electrons do"},
    ("Si100_4D.emd", ("index", 0)): {
        "dose": "patterns change too much",
        "units": "detector pixels of 0.0184 1/Å",
        "descan": "None that stands out",
    },
    ("Single_9_Frame_CounterDepth_6_Rows_256.mib", ("scan_shape", (3, 3))): {
        "direct beam": "another disc is as bright"
    },
}


def check(source, **options):
    return sw.check(source, progress=False, **options)


def names(report):
    return {finding.name for finding in report.alarms}


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_sample_gives_no_alarm_at_any_dose(name):
    alarms = {}
    for dose in DOSES:
        make = getattr(sw.samples, name)
        report = check(make(dose=dose) if dose else make())
        if report.alarms:
            alarms[dose] = [f"{each.name}: {each.words}" for each in report.alarms]
    print(f"{name}: {len(DOSES)} cases tried, {len(DOSES) - len(alarms)} right, {alarms} alarms")
    assert not alarms


@pytest.mark.parametrize("descan", [0.1, 0.84])
def test_all_faults_of_an_experiment_are_said(descan):
    report = check(sw.samples.experiment(seed=1, descan=descan))

    assert names(report) == TOGETHER
    assert report["drift"].value == pytest.approx(2.0, abs=0.5)
    assert report["gain"].value == pytest.approx(3.0, abs=0.7)
    assert report["line jitter"].value == pytest.approx(0.03, abs=0.012)
    assert report["dose"].value == pytest.approx(3e4, rel=0.01)
    assert "6 hot pixels" in report["faulty pixels"].words
    assert "dead row" in report["faulty pixels"].words.lower()
    assert report["single events"].value == 1


@pytest.mark.slow
def test_each_fault_alone_is_said_and_no_other():
    wrong = {}
    for case, (camera, name) in ALONE.items():
        said = names(check(sw.samples.experiment(camera=camera)))
        if said != ({name} if name else set()):
            wrong[case] = said
    print(f"{len(ALONE)} cases tried, {len(ALONE) - len(wrong)} right, {len(wrong)} wrong")
    assert not wrong


@pytest.mark.parametrize("dose", [3e3, 3e4, 1e6])
@pytest.mark.parametrize("name", ["graphene", "graphene_silicon", "diamond"])
def test_the_foretold_error_of_the_angle_is_that_which_comes(name, dose):
    make = getattr(sw.samples, name)
    true, seen = (sw.center_of_mass(source) for source in (make(), make(dose=dose)))
    long = true.magnitude.data > np.percentile(true.magnitude.data, 20)
    error = np.angle(np.exp(1j * (seen.angle.data - true.angle.data)))[long]

    foretold = 0.6745 * check(make(dose=dose))["angle"].value

    assert foretold == pytest.approx(np.degrees(np.median(np.abs(error))), rel=0.25)


@pytest.mark.parametrize("per_line", [False, True])
def test_a_beam_current_that_flickers_is_said_with_its_size(per_line):
    signal, random = sw.samples.experiment(camera=sw.Camera()), np.random.default_rng(0)
    assert check(signal)["beam current"].state == "good"

    share = 0.8 + 0.024 * random.normal(size=(64, 1 if per_line else 64, 1, 1))
    signal.data = random.binomial(signal.data, share)

    report = check(signal)
    assert names(report) == {"beam current"}
    assert report["beam current"].value == pytest.approx(3.0, abs=0.6)


def test_a_camera_whose_pixels_share_electrons_does_not_make_the_beam_flicker():
    signal = sw.samples.experiment(dose=1e3, camera=sw.Camera())
    signal.data = ndimage.gaussian_filter(signal.data.astype("f4"), (0, 0, 0.5, 0.5))

    assert check(signal)["beam current"].state == "unknown"


def test_too_few_electrons_leave_an_angle_that_is_said_not_to_be_measurable():
    finding = check(sw.samples.graphene_vacancy(dose=100))["angle"]
    assert finding.state == "unknown"
    assert "Not measurable at this dose" in finding.words


@pytest.mark.parametrize("factor", [7, 130])
def test_a_camera_that_counts_more_than_one_for_an_electron_gives_the_dose_in_electrons(factor):
    signal = sw.samples.graphene_silicon(dose=1e5)
    signal.data = signal.data.astype("f4") * factor
    report = check(signal)
    assert report["dose"].value == pytest.approx(1e5, rel=0.1)
    assert names(report) == set()


def test_an_array_in_pixels_is_told_what_is_missing():
    report = check(sw.samples.graphene_silicon(dose=1e4).data)
    assert names(report) == {"units"}
    assert "the size of a detector pixel" in report["units"].words
    assert report["line jitter"].state == "unknown"


def test_a_semi_angle_that_does_not_fit_the_axes_is_said():
    report = check(sw.samples.graphene_silicon(dose=1e5), semi_angle=20)
    assert names(report) == {"units"}
    assert "31.8 mrad" in report["units"].words
    assert "20.0 mrad" in report["units"].words


def test_a_scan_that_was_broken_off_is_said():
    signal = sw.samples.graphene_silicon(dose=1e5)
    signal.data[-3:] = 0
    finding = check(signal)["frames"]
    assert finding.state == "doubtful"
    assert "the last 3 rows" in finding.words


def test_flyback_in_the_last_column_is_said():
    signal = sw.samples.graphene_silicon(dose=1e5)
    signal.data[:, -1] = signal.data[:, -1] // 4
    assert "last column" in check(signal)["frames"].words


def test_a_detector_that_is_turned_is_said_with_its_angle():
    signal = sw.samples.graphene_silicon(dose=1e6)
    signal.data = np.ascontiguousarray(np.rot90(signal.data, -1, axes=(2, 3)))
    finding = check(signal)["scan rotation"]
    assert finding.state == "doubtful"
    assert finding.value == pytest.approx(90, abs=1)


def test_lazy_data_give_the_same_report():
    signal = sw.samples.experiment()
    lazy = signal.as_lazy()
    lazy.data = lazy.data.rechunk((16, 16, -1, -1))
    eager, streamed = check(signal), check(lazy)
    assert names(eager) == names(streamed)
    for name in ("gain", "descan", "line jitter", "drift", "dose"):
        assert streamed[name].value == pytest.approx(eager[name].value, rel=1e-6)


@pytest.mark.parametrize("dtype", [">u2", "f4"])
def test_the_type_of_the_counts_does_not_matter(dtype):
    signal = sw.samples.experiment()
    expected = names(check(signal))
    signal.data = signal.data.astype(dtype)
    assert names(check(signal)) == expected


def test_real_files_say_what_is_right_or_what_they_do_not_tell():
    wrong = []
    for (name, *options), lines in REAL.items():
        report = check(FOLDER / name, **dict(options))
        for finding, words in lines.items():
            if words not in report[finding].words:
                wrong.append(f"{name}: {finding}: {report[finding].words}")
    lines = sum(map(len, REAL.values()))
    print(f"{len(REAL)} files, {lines} lines tried, {lines - len(wrong)} right, {len(wrong)} wrong")
    assert not wrong


def test_a_report_prints_and_shows_itself():
    report = check(sw.samples.experiment())
    text, page = str(report), report._repr_html_()
    assert max(map(len, text.splitlines())) <= 100
    for finding in report.findings:
        assert finding.name in text
        assert finding.name in page
    assert "<image href='data:image/png" in page
    assert escape(report.summary) in page
    with pytest.raises(KeyError, match="there are: units"):
        report["colour"]


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((10, 10, 16, 16), "u2"),
        np.ones((10, 10, 16, 16), "u2"),
        np.random.default_rng(0).poisson(0.001, (12, 12, 64, 64)).astype("u1"),
        np.random.default_rng(0).normal(0, 1, (12, 12, 16, 16)),
        np.random.default_rng(0).poisson(5, (1, 1, 16, 16)),
        np.random.default_rng(0).poisson(5, (1, 9, 16, 16)),
        np.random.default_rng(0).poisson(1e9, (9, 2, 16, 16)).astype("f8"),
    ],
    ids=["empty", "even", "sparse", "negative", "one pattern", "one line", "bright"],
)
def test_what_is_no_good_scan_gets_a_report_without_a_descan_or_an_angle(data):
    report = check(data)
    assert len(str(report).splitlines()) > len(report.findings)
    assert report["descan"].state in ("good", "unknown")
    assert report["angle"].state == "unknown"


def test_patterns_with_pixels_that_are_no_numbers_are_refused_in_words():
    data = sw.samples.graphene_silicon(dose=1e5).data.astype("f4")
    data[2, 3, 4, 5] = np.nan
    with pytest.raises(sw.InputError, match="1 pattern of 1020"):
        check(data)


def test_more_faults_are_bad():
    camera = dataclasses.replace(sw.Camera(), hot=40)
    assert check(sw.samples.experiment(camera=camera))["faulty pixels"].state == "bad"
