"""What is taken away from a session: files, code and a page."""

import csv
import json
import re
from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest
from PIL import Image
from scans import AXES, turning_spot

import stemwidgets as sw
from stemwidgets.signals.conversion import arrays_to_signal
from stemwidgets.views.pictures.display import Display

DETECTOR = sw.AnnularDetector(center=(8.0, 7.0), inner=1.0, outer=5.5)


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("scan") / "turning spot.hspy"
    arrays_to_signal(turning_spot(), AXES, "turning spot").save(path)
    return path


@pytest.fixture(scope="module")
def session(file):
    session = sw.Session(file)
    session.detector = DETECTOR
    session.training.start(latent_dim=2, seed=3)
    session.training.wait(60)
    session.wait(60)
    yield session
    session.close()


@pytest.fixture(scope="module")
def folder(session, tmp_path_factory) -> Path:
    return session.export(tmp_path_factory.mktemp("export") / "spot")


def run(code: str) -> dict:
    names: dict = {}
    exec(code, names)
    return names


def assert_same_maps(maps, others):
    for name in ("angle", "latent", "confidence", "residual", "angle_std", "symmetry"):
        np.testing.assert_array_equal(getattr(maps, name).data, getattr(others, name).data)


def test_the_code_makes_the_exported_maps_to_the_last_bit(session, folder):
    made = run(session.as_code())
    assert_same_maps(made["maps"], sw.Maps.load(folder / "maps.zspy"))
    image = session.channels["virtual detector"].values
    np.testing.assert_array_equal(made["image"].data.astype(np.float32), image)
    com = session.channels["COM x"].values
    np.testing.assert_array_equal(made["com"].x.data.astype(np.float32), com)


def test_maps_that_were_read_are_not_read_again(session, tmp_path, monkeypatch):
    def encode(_):
        raise AssertionError("the scan is read again")

    monkeypatch.setattr(session.model, "encode", encode)
    session.export(tmp_path / "spot")
    session.write_page(tmp_path / "spot")


def test_the_code_of_a_training_that_went_on_makes_its_maps(file, tmp_path):
    session = sw.Session(file)
    session.training.start(seed=1)
    session.training.wait(60)
    session.training.go_on()
    session.training.wait(60)
    assert session.as_code().count("model.fit(signal)") == 2
    folder = session.export(tmp_path / "spot")
    assert_same_maps(run(session.as_code())["maps"], sw.Maps.load(folder / "maps.zspy"))
    session.close()


@pytest.mark.parametrize("semi_angle", [0.0, 31.0])
def test_the_code_calibrates_and_takes_apart_as_the_screen_does(semi_angle):
    session = sw.Session(sw.samples.graphene())
    session.calibration.start()
    session.wait(60)
    session.calibration.rotation = "opposite"
    session.calibration.semi_angle = semi_angle
    session.calibration.applied = True
    for method in ("PCA", "NMF"):
        session.decomposition.start(method, 3)
        session.wait(60)
    code = session.as_code()
    made = run(code.replace("signal = ...", "signal = sw.samples.graphene()"))
    shown = {
        "COM x": made["com"].x.data,
        "COM angle": made["com"].angle.data,
        "PCA 3": made["pca"].maps.data[2],
        "NMF 1": made["nmf"].maps.data[0],
    }
    for name, values in shown.items():
        np.testing.assert_array_equal(values.astype(np.float32), session.channels[name].values)
    session.close()


def test_a_training_stopped_by_hand_is_code_with_its_file(file, tmp_path):
    session = sw.Session(file)
    session.training.start(kind="paper", epochs=100_000)
    while session.training.progress is None:
        session.mailbox.drain()
    session.training.stop()
    session.training.wait(60)
    assert "stopped by hand" in session.as_code()
    assert "fit(" not in session.as_code()
    folder = session.export(tmp_path / "spot")
    assert_same_maps(
        run((folder / "maps.py").read_text())["maps"], sw.Maps.load(folder / "maps.zspy")
    )
    session.close()


@pytest.mark.parametrize("options", [{"seed": 4}, {"kind": "paper", "epochs": 60, "seed": 4}])
def test_a_training_stopped_and_completed_is_one_in_the_code(file, tmp_path, options):
    session = sw.Session(file)
    session.training.start(**options)
    while session.training.progress is None:
        session.mailbox.drain()
    session.training.stop()
    session.training.wait(60)
    session.training.go_on()
    session.training.wait(60)
    folder = session.export(tmp_path / "spot")
    assert "fit(signal)" in session.as_code()
    assert_same_maps(run(session.as_code())["maps"], sw.Maps.load(folder / "maps.zspy"))
    session.close()


def test_an_array_is_a_placeholder_in_the_code(tmp_path):
    session = sw.Session(turning_spot())
    code = session.as_code()
    compile(code, "cell", "exec")
    assert "# put the scan here: 4 × 6 × 18 × 15\nsignal = ...\n" in code
    assert "RRVAE" not in code
    session.close()


def test_of_a_signal_the_code_tells_where_it_was_read(file):
    session = sw.Session(sw.load(file))
    assert f"once read from {str(file)!r}" in session.as_code()
    session.close()


def test_the_table_has_units_and_every_value(session, folder):
    with (folder / "channels.csv").open(encoding="utf-8-sig", newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 4 * 6
    last = rows[-1]
    assert (last["iy"], last["ix"]) == ("3", "5")
    assert float(last["y (Å)"]) == pytest.approx(0.6)
    assert float(last["x (Å)"]) == pytest.approx(2.5)
    com = session.channels["COM y"].values
    assert np.float32(last["COM y (1/Å)"]) == com[3, 5]


def test_the_maps_know_how_they_were_made(session, folder):
    facts = json.loads((folder / "settings.json").read_text())
    assert facts["model"]["seed"] == 3
    assert facts["versions"]["stemwidgets"] == sw.__version__
    channels = hs.load(folder / "channels.zspy")
    kept = channels.metadata.Stemwidgets.as_dictionary()
    assert kept["model"]["seed"] == 3
    assert kept["versions"] == facts["versions"]
    names = list(kept["maps"])
    assert kept["units"]["COM x"] == "1/Å"
    assert sorted(names) == sorted(session.channels)
    row = names.index("virtual detector")
    np.testing.assert_array_equal(channels.data[row], session.channels[names[row]].values)
    angle = sw.Maps.load(folder / "maps.zspy").angle
    assert angle.metadata.Stemwidgets.model.seed == 3


def test_every_map_is_a_picture_with_a_scale_bar_and_words(session, folder):
    for suffix in (".png", ".svg"):
        assert len(list((folder / "pictures").glob(f"*{suffix}"))) == len(session.channels)
    svg = (folder / "pictures" / "COM_x.svg").read_text()
    assert ">COM x<" in svg
    assert ">0.5 Å<" in svg
    assert ">1/Å<" in svg
    assert ">−90°<" in (folder / "pictures" / "angle.svg").read_text()


def test_the_scale_bar_is_as_long_as_it_says(folder):
    picture = np.asarray(Image.open(folder / "pictures" / "sum.png").convert("L"), dtype=int)
    inked = picture < 250
    lines = np.flatnonzero(inked.sum(axis=1) > 0)
    width = np.ptp(np.flatnonzero(inked[lines[len(lines) // 3]])) + 1
    runs = ["".join("#" if value == 0 else " " for value in row).split() for row in picture]
    longest = max(len(run) for row in runs for run in row)
    assert longest / width == pytest.approx(0.5 / (6 * 0.3), rel=0.03)


def test_nothing_is_overwritten(session, folder):
    again = session.export(folder)
    assert again == folder.with_name("spot-2")
    assert_same_maps(sw.Maps.load(again / "maps.zspy"), sw.Maps.load(folder / "maps.zspy"))


def test_a_dot_in_the_name_of_a_folder_is_no_suffix(tmp_path):
    (tmp_path / "area.1" / "notes").mkdir(parents=True)
    session = sw.Session(turning_spot())
    assert session.export(tmp_path / "area.1").name == "area.1-2"
    session.close()


@pytest.mark.parametrize("part", [np.s_[:1], np.s_[:, :1], np.s_[:1, :1]])
def test_a_line_and_a_single_pattern_are_taken_away_too(tmp_path, part):
    data = turning_spot()
    data[0, 0] = 0
    session = sw.Session(data[part])
    session.export(tmp_path / "line")
    session.write_page(tmp_path / "line")
    session.close()


def test_a_failure_leaves_nothing_behind(session, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError("the disk is full")

    monkeypatch.setattr("stemwidgets.export.folder._write_table", full)
    with pytest.raises(OSError, match="the disk is full"):
        session.export(tmp_path / "spot")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [("", sw.InputError, "got none"), ("nowhere/spot", FileNotFoundError, "does not exist")],
)
def test_a_place_that_cannot_be_written_to_is_refused(
    session, tmp_path, monkeypatch, name, error, words
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        session.export(name)
    with pytest.raises(error, match=words):
        session.write_page(name)


def test_the_page_needs_nothing_but_itself(session, tmp_path):
    path = session.write_page(tmp_path / "spot")
    assert path.name == "spot.html"
    html = path.read_text(encoding="utf-8")
    assert "<script" not in html
    assert not re.findall(r"(?:src|href)=['\"](?!data:)", html)
    assert html.count("<img") == len(session.channels) + 2
    assert session.snapshot().comparison in html
    assert "decoded patterns" in html
    assert session.write_page(path).name == "spot-2.html"


def test_without_a_model_maps_and_table_are_taken_away(tmp_path):
    session = sw.Session(turning_spot())
    folder = session.export(tmp_path / "spot")
    assert not (folder / "model.rrvae").exists()
    assert not (folder / "maps.zspy").exists()
    assert "rrvae" not in (folder / "README.txt").read_text().lower()
    assert "<h2>Decoded" not in session.write_page(tmp_path / "page").read_text(encoding="utf-8")
    session.close()


def test_pictures_show_maps_as_the_page_does(tmp_path):
    page = sw.explore(turning_spot())
    page.session.wait(30)
    plain = page.session.export(tmp_path / "plain")
    shown = next(part for part in page.parts.values() if getattr(part, "channel", "") == "sum")
    shown.display = Display("logarithmic", limits=(1.0, 5.0), colors="grey")
    grey = page.session.export(tmp_path / "grey")
    for name, same in (("COM_x.png", True), ("sum.png", False)):
        before, after = ((folder / "pictures" / name).read_bytes() for folder in (plain, grey))
        assert (before == after) == same
    words = (grey / "pictures" / "sum.svg").read_text()
    assert "counts, logarithmic" in words
    page.session.close()
