"""What cannot be used is refused in words at every door, and nothing is lost."""

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest
from numpy.testing import assert_allclose

import stemwidgets as sw
from stemwidgets.arrays.overview import overview
from stemwidgets.cli import main

SHAPE = (5, 6, 12, 10)


def counts(shape=SHAPE):
    """A spot that goes round from pattern to pattern, over shot noise."""
    turn = np.linspace(0, 9, shape[0] * shape[1]).reshape(*shape[:2], 1, 1)
    y, x = np.mgrid[: shape[2], : shape[3]]
    center_y, center_x = 5 + 2 * np.sin(turn), 4 + 2 * np.cos(turn)
    spot = 90 * np.exp(-((y - center_y) ** 2 + (x - center_x) ** 2) / 6)
    return np.random.default_rng(0).poisson(spot + 1).astype(np.uint16)


def with_pixel(value):
    patterns = counts().astype(np.float32)
    patterns[1, 2, 6, 4] = value
    patterns[1, 2, 6, 5] = -value
    return patterns


def learned(source):
    """A model after its first step."""
    model = sw.RRVAE()
    steps = model.steps(source)
    next(steps)
    steps.close()
    return model


def fit(source):
    learned(source)


def bright_field(source):
    return sw.virtual_image(source, "BF")


DOORS = [
    sw.center_of_mass,
    sw.calibrate,
    sw.pca,
    bright_field,
    sw.Session,
    sw.explore,
    sw.rrvae_dashboard,
    fit,
]
NO_SCANS = {
    "a pattern": (counts()[0, 0], "two scan and two detector axes|got 2 dimensions"),
    "complex": (counts().astype(complex), "real numbers .*got complex"),
    "empty": (counts()[:0], "at least one pattern"),
    "small": (counts()[..., :7, :7], "at least 8×8 pixels, got 7×7"),
    "NaN": (with_pixel(np.nan), "NaN or infinite pixels in 1 pattern of 30"),
    "infinite": (with_pixel(np.inf), "NaN or infinite pixels in 1 pattern of 30"),
}


@pytest.mark.parametrize("name", NO_SCANS)
@pytest.mark.parametrize("door", DOORS)
def test_an_array_that_is_no_scan_is_refused_at_every_door(door, name):
    data, words = NO_SCANS[name]
    with pytest.raises(sw.InputError, match=words):
        door(data)


@pytest.mark.parametrize("name", [name for name in NO_SCANS if name != "empty"])
@pytest.mark.parametrize("door", DOORS)
def test_a_signal_that_is_no_scan_is_refused_at_every_door(door, name):
    data, words = NO_SCANS[name]
    kind = hs.signals.ComplexSignal2D if np.iscomplexobj(data) else hs.signals.Signal2D
    with pytest.raises(sw.InputError, match=words):
        door(kind(data))


@pytest.mark.parametrize("door", DOORS[:-1])
def test_a_sequence_of_patterns_is_no_scan(door):
    with pytest.raises(sw.InputError, match=r"reshape\(rows, columns"):
        door(counts()[0])
    with pytest.raises(sw.InputError, match=r"reshape\(rows, columns"):
        door(hs.signals.Signal2D(counts()[0]))


@pytest.mark.parametrize("door", [sw.load, *DOORS])
def test_a_missing_file_is_named_at_every_door(door, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*nowhere\.hspy"):
        door(tmp_path / "nowhere.hspy")


@pytest.mark.parametrize("door", [sw.load, *DOORS])
def test_a_truncated_file_is_named_at_every_door(door, tmp_path):
    path = tmp_path / "cut.npy"
    np.save(path, counts())
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(sw.InputError, match=r"cut\.npy is not whole.*promises 30 patterns, 5 are"):
        door(path)


@pytest.mark.parametrize("kind", [hs.signals.Signal2D, hs.signals.Signal1D])
@pytest.mark.parametrize("door", [sw.load, *DOORS])
def test_a_file_without_a_scan_is_refused_at_every_door(door, kind, tmp_path):
    kind(counts()[0, 0]).save(tmp_path / "lone.hspy")
    with pytest.raises(sw.InputError, match=r"lone\.hspy holds an array of shape \(12, 10\)"):
        door(tmp_path / "lone.hspy")


@pytest.mark.parametrize("value", [0, 7])
def test_a_scan_without_contrast_can_be_looked_at_but_teaches_nothing(value):
    blank = np.full(SHAPE, value, np.uint16)
    com = sw.center_of_mass(blank)
    assert np.isnan(com.angle.data).all() == (value == 0)
    assert sw.Session(blank).channels["sum"].values[0, 0] == value * 120
    with pytest.raises(sw.InputError, match="with counts"):
        fit(blank)


def test_the_remedy_for_pixels_that_are_not_finite_works():
    data = with_pixel(np.nan)
    data = np.where(np.isfinite(data), data, 0)
    assert np.isfinite(sw.center_of_mass(data).magnitude.data).all()


def test_pixels_that_are_not_finite_in_a_lazy_scan_are_a_problem_in_words():
    session = sw.Session(da.from_array(with_pixel(np.nan), chunks=(2, 3, -1, -1)))
    session.wait(20)
    assert "in 1 pattern of 30" in session.problem


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_masked_pixel_may_hold_anything(value):
    mask = np.zeros(SHAPE[2:], dtype=bool)
    mask[6, 4:6] = True
    expected = overview(counts(), mask)
    found = overview(with_pixel(value), mask)
    assert_allclose(found.com, expected.com)
    signals = sw.center_of_mass(counts(), mask)
    assert_allclose(signals.y.data, expected.com[..., 0] - expected.reference[0], atol=1e-12)


def test_a_line_scan_goes_all_the_way():
    line = counts((1, 40, 12, 10))
    assert sw.center_of_mass(line).angle.data.shape == (1, 40)
    assert sw.rrvae_dashboard(line).session.channels["COM angle"].values.shape == (1, 40)
    maps = learned(line).encode(hs.signals.Signal2D(line))
    assert maps.angle.data.shape == (1, 40)
    assert maps.latent.data.shape == (2, 1, 40)


def test_a_loaded_model_refuses_patterns_of_another_shape(tmp_path):
    learned(counts()).save(tmp_path / "m.rrvae")
    model = sw.RRVAE.load(tmp_path / "m.rrvae")
    with pytest.raises(sw.InputError, match=r"patterns of 12×10 pixels.*got 10×12"):
        model.encode(counts().swapaxes(2, 3))


@pytest.mark.parametrize("device", ["toaster", None])
def test_a_device_that_is_not_there_is_no_fault_of_the_file(device, tmp_path):
    learned(counts()).save(tmp_path / "m.rrvae")
    with pytest.raises(sw.InputError, match='Expected device="auto"'):
        sw.RRVAE.load(tmp_path / "m.rrvae", device=device)


@pytest.mark.parametrize("pixel_size", [1.0, (1.0,), (0.02, 0.0), (np.nan, 1.0)])
def test_a_pixel_has_a_height_and_a_width(pixel_size):
    with pytest.raises(sw.InputError, match=r"pixel_size as \(height, width\)"):
        sw.RRVAE().fit(counts(), pixel_size=pixel_size)


@pytest.mark.parametrize("center", [3, (1, 2, 3), (np.nan, 2)])
def test_a_detector_has_one_centre(center):
    with pytest.raises(sw.InputError, match=r"centre \(ky, kx\)"):
        sw.AnnularDetector(center, 0, 4)


def test_home_is_known_to_all_that_save_and_load(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    model = learned(counts())
    model.save("~/m.rrvae")
    sw.RRVAE.load("~/m.rrvae").encode(hs.signals.Signal2D(counts())).save("~/maps.hspy")
    assert sw.Maps.load("~/maps.hspy").angle.data.shape == SHAPE[:2]
    assert {path.name for path in tmp_path.iterdir()} == {"m.rrvae", "maps.hspy"}


@pytest.mark.parametrize(
    ("view", "options", "words"),
    [
        (sw.TrainPanel, {"latent_dim": 0}, "latent_dim is a whole number from 1"),
        (sw.TrainPanel, {"seed": "x"}, "seed is a whole number"),
        (sw.PatternView, {"display": "cube root"}, "linear or square root"),
        (sw.MapView, {"channel": "COM angel"}, "no channel 'COM angel'"),
        (sw.LatentView, {"color": 3}, "no channel 3"),
    ],
)
def test_views_refuse_what_they_could_only_ignore(view, options, words):
    with pytest.raises(sw.InputError, match=words):
        view(sw.Session(counts()), **options)


def test_a_training_refuses_what_the_model_refuses_and_the_session_says_so():
    session = sw.Session(counts())
    session.training.start(latent_dim=0)
    with pytest.raises(sw.InputError, match="latent_dim between 1 and 16"):
        session.training.wait(20)
    assert "latent_dim" in session.problem


@pytest.mark.parametrize("how", [[], ["--lazy"]])
@pytest.mark.parametrize("name", NO_SCANS)
def test_fit_says_in_one_line_what_is_wrong_and_touches_nothing(name, how, tmp_path, capsys):
    scan, maps, model = (tmp_path / file for file in ("scan.npy", "maps.zspy", "m.rrvae"))
    np.save(scan, NO_SCANS[name][0])
    maps.mkdir()
    (maps / "chunk").write_text("precious")
    model.write_text("precious")
    before = sorted(tmp_path.rglob("*"))

    outputs = ["--out", str(maps), "--model", str(model), "--overwrite"]
    assert main(["fit", str(scan), *outputs, *how]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("stemwidgets: error: ")
    assert sorted(tmp_path.rglob("*")) == before
    assert (maps / "chunk").read_text() == model.read_text() == "precious"


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (["--out", "scan.hspy"], "different files"),
        (["--model", "./scan.hspy"], "different files"),
        (["--out", "same.hspy", "--model", "same.hspy"], "different files"),
        (["--model", "folder"], "is a folder"),
        (["--out", "folder.hspy"], "is a folder"),
    ],
)
def test_fit_refuses_to_write_over_the_scan_or_a_folder(
    outputs, words, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scan.hspy").write_text("precious")
    for folder in ("folder", "folder.hspy"):
        (tmp_path / folder).mkdir()
    assert main(["fit", "scan.hspy", "--overwrite", *outputs]) == 2
    assert words in capsys.readouterr().err
    assert (tmp_path / "scan.hspy").read_text() == "precious"


@pytest.mark.parametrize("name", ["maps.zspy", "maps.hspy"])
def test_maps_that_cannot_be_written_leave_the_earlier_ones(name, tmp_path, monkeypatch):
    maps = learned(counts()).encode(hs.signals.Signal2D(counts()))
    path = tmp_path / name
    maps.save(path)

    def write_half(signal, path, **options):
        path.write_text("half")
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(hs.signals.Signal2D, "save", write_half)
        with pytest.raises(OSError, match="no space"):
            maps.save(path, overwrite=True)
    assert list(tmp_path.iterdir()) == [path]
    assert sw.Maps.load(path).angle.data.shape == SHAPE[:2]
    maps.save(path, overwrite=True)
    assert sw.Maps.load(path).angle.data.shape == SHAPE[:2]


def test_what_holds_no_maps_is_refused(tmp_path):
    (tmp_path / "notes.md").write_text("not maps")
    (tmp_path / "cut.hspy").write_text("not maps")
    with pytest.raises(sw.InputError, match=r"notes\.md"):
        sw.Maps.load(tmp_path / "notes.md")
    with pytest.raises(sw.InputError, match=r"cut\.hspy could not be read"):
        sw.Maps.load(tmp_path / "cut.hspy")
    with pytest.raises(sw.InputError, match="end in"):
        sw.Maps.load(tmp_path)
