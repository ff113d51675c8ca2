import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scans import AXES, turning_spot

import stemwidgets as sw
from stemwidgets.signals.conversion import arrays_to_signal


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "scan.hspy"
    arrays_to_signal(turning_spot(), AXES, "spot").save(path)
    return path


@pytest.fixture
def saved(file) -> Path:
    session = sw.Session(file)
    session.position = (2, 5)
    session.detector = sw.SegmentDetector((8.0, 7.0), 1.0, 5.5)
    session.save(file.with_name("desk.json"))
    session.close()
    return file.with_name("desk.json")


def test_a_session_opened_again_has_the_same_maps_to_the_last_bit(file, tmp_path):
    session = sw.Session(file)
    session.position = (1, 4)
    session.detector = sw.AnnularDetector((8.0, 7.0), 1.0, 5.5)
    session.training.start(seed=2)
    session.training.wait(60)
    session.wait(60)
    path = session.save(tmp_path / "desk.json")
    other = sw.Session.open(path)
    other.wait(60)
    assert (other.position, other.detector) == (session.position, session.detector)
    maps = session.snapshot().maps
    assert set(other.channels) == set(maps)
    for name, channel in other.channels.items():
        np.testing.assert_array_equal(channel.values, maps[name].values, err_msg=name)
    assert other.reconstruction is not None
    assert other.learned.comparison == session.snapshot().comparison
    assert other.as_code() == session.as_code()
    for each in (session, other):
        each.close()


def test_all_that_was_chosen_and_found_is_there_again(tmp_path):
    path = tmp_path / "scan.hspy"
    sw.samples.graphene().save(path)
    session = sw.Session(path)
    session.calibration.start()
    session.wait(60)
    session.calibration.given, session.calibration.rotation = 0.3, "given"
    session.calibration.semi_angle = 29.0
    session.calibration.applied = True
    for method in ("PCA", "NMF", "k-means on PCA"):
        session.decomposition.start(method, 3)
        session.wait(60)
    session.preparation.add("bin", factor=2)
    session.preparation.add("denoise", components=4)
    session.preparation.switch(1, False)
    session.selection.outline, session.selection.line = (
        ((0, 0), (3, 0.5), (2, 6)),
        ((0, 1), (4.5, 2)),
    )
    weights = np.arange(np.prod(session.scan.shape[2:])).reshape(session.scan.shape[2:]) % 3 - 1.0
    session.detector = sw.PixelDetector(weights)
    session.wait(60)
    other = sw.Session.open(session.save(tmp_path / "desk.json"))
    other.wait(60)

    assert list(other.channels) == list(session.channels)
    for name, channel in other.channels.items():
        np.testing.assert_array_equal(channel.values, session.channels[name].values, err_msg=name)
        assert channel.units == session.channels[name].units
    assert other.detector == session.detector
    for name in ("outline", "line"):
        assert getattr(other.selection, name) == getattr(session.selection, name)
    np.testing.assert_array_equal(other.selection.region, session.selection.region)
    np.testing.assert_array_equal(other.selection.region_pattern, session.selection.region_pattern)
    assert other.preparation.entries == session.preparation.entries
    assert other.calibration.used == session.calibration.used
    shares = [parts.shares for parts in session.decomposition.shown]
    assert [parts.shares for parts in other.decomposition.shown] == shares
    assert other.as_code() == session.as_code()
    assert other.taken()[0] == session.taken()[0]
    for each in (session, other):
        each.close()


def test_a_region_that_was_not_drawn_on_a_map_is_kept(file, tmp_path):
    session = sw.Session(file)
    session.selection.region = (
        session.channels["sum"].values > session.channels["sum"].values.mean()
    )
    other = sw.Session.open(session.save(tmp_path / "desk.json"))
    np.testing.assert_array_equal(other.selection.region, session.selection.region)
    assert other.selection.outline is None
    for each in (session, other):
        each.close()


def test_a_file_of_the_first_format_is_read(file, tmp_path):
    session = sw.Session(file)
    session.training.start(seed=2)
    session.training.wait(60)
    session.wait(60)
    path = session.save(tmp_path / "desk.json")
    facts = json.loads(path.read_text())
    first = ("source", "source from here", "lazy", "position", "detector", "model", "trainings")
    old = {"format": "stemwidgets session 1", **{name: facts[name] for name in first}}
    path.write_text(json.dumps(old))
    path.with_suffix(".npz").unlink()
    other = sw.Session.open(path)
    other.wait(60)
    np.testing.assert_array_equal(other.channels["z1"].values, session.channels["z1"].values)
    for each in (session, other):
        each.close()


def test_a_newer_format_and_damaged_maps_are_refused_in_words(file, tmp_path):
    session = sw.Session(file)
    session.selection.region = np.eye(4, 6, dtype=bool)
    path = session.save(tmp_path / "desk.json")
    session.close()
    text = path.read_text()
    path.write_text(text.replace("session 2", "session 3"))
    with pytest.raises(sw.InputError, match="newer stemwidgets"):
        sw.Session.open(path)
    path.write_text(text)
    maps = path.with_suffix(".npz")
    maps.write_bytes(maps.read_bytes()[:50])
    with pytest.raises(sw.InputError, match=r"desk\.npz is damaged"):
        sw.Session.open(path)
    maps.unlink()
    with pytest.raises(FileNotFoundError, match=r"desk\.npz"):
        sw.Session.open(path)


@pytest.mark.parametrize(("suffix", "what"), [(".rrvae", "model"), (".npz", "maps")])
def test_a_part_of_another_save_is_told(trained_twice, tmp_path, suffix, what):
    one, other = (shutil.copytree(saved, tmp_path / saved.name) for saved in trained_twice)
    shutil.copy(other / f"desk{suffix}", one)
    words = rf"Expected the {what} that desk\.json was saved with, but desk\{suffix} is of another"
    with pytest.raises(sw.InputError, match=words):
        sw.Session.open(one / "desk.json")
    (one / f"desk{suffix}").unlink()
    with pytest.raises(FileNotFoundError, match=rf"desk\{suffix}"):
        sw.Session.open(one / "desk.json")
    sw.Session.open(other / "desk.json").close()


@pytest.fixture(scope="module")
def trained_twice(tmp_path_factory):
    """Two sessions of one scan, each in a folder with its own model and maps."""
    folder = tmp_path_factory.mktemp("twice")
    arrays_to_signal(turning_spot(), AXES, "spot").save(folder / "scan.hspy")
    session, saved = sw.Session(folder / "scan.hspy"), []
    for seed in (1, 2):
        saved.append(folder / f"{seed}")
        saved[-1].mkdir()
        session.training.start(seed=seed, kind="vae", epochs=1)
        session.training.wait(60)
        session.wait(60)
        session.save(saved[-1] / "desk.json")
    session.close()
    return saved


def test_a_folder_that_moved_is_opened_where_it_is(saved, tmp_path):
    shutil.copytree(tmp_path, tmp_path / "elsewhere")
    (tmp_path / "scan.hspy").unlink()
    session = sw.Session.open(tmp_path / "elsewhere" / "desk.json")
    assert session.position == (2, 5)
    assert session.detector == sw.SegmentDetector((8.0, 7.0), 1.0, 5.5)
    session.close()


def test_a_scan_that_is_gone_is_told(saved, tmp_path):
    (tmp_path / "scan.hspy").unlink()
    with pytest.raises(FileNotFoundError, match=r"scan\.hspy of this session is not there"):
        sw.Session.open(saved)


def test_a_session_file_is_replaced_only_on_request(saved):
    session = sw.Session.open(saved)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        session.save(saved)
    session.position = (0, 0)
    session.save(saved, overwrite=True)
    session.close()
    assert json.loads(saved.read_text())["position"] == [0, 0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"format": "stemwidgets session 1"}',
        '{"format": "other"}',
    ],
)
def test_what_is_no_session_file_is_refused(tmp_path, text):
    (tmp_path / "desk.json").write_text(text)
    with pytest.raises(sw.InputError, match="session file"):
        sw.Session.open(tmp_path / "desk.json")


def test_a_detector_of_another_kind_is_refused(saved):
    facts = json.loads(saved.read_text())
    facts["detector"]["kind"] = "Detector"
    saved.write_text(json.dumps(facts))
    with pytest.raises(sw.InputError, match="wrong one"):
        sw.Session.open(saved)


def test_a_scan_without_a_file_and_a_strange_name_are_refused(file, tmp_path):
    session = sw.Session(turning_spot())
    with pytest.raises(sw.InputError, match="read from a file"):
        session.save(tmp_path / "desk.json")
    session.close()
    session = sw.Session(file)
    with pytest.raises(sw.InputError, match=r"ends in \.json"):
        session.save(tmp_path / "desk")
    with pytest.raises(FileNotFoundError, match="make it first"):
        session.save(tmp_path / "nowhere" / "desk.json")
    session.close()
    with pytest.raises(FileNotFoundError, match="no session file"):
        sw.Session.open(tmp_path / "nothing.json")


def test_the_band_limit_is_kept_and_exported(tmp_path):
    path = tmp_path / "scan.hspy"
    sw.samples.graphene().save(path)
    session = sw.Session(path)
    session.band_limit = 1.2
    session.limiting.ask()
    session.wait(60)
    facts = json.loads((session.export(tmp_path / "results") / "settings.json").read_text())
    other = sw.Session.open(session.save(tmp_path / "desk.json"))
    other.wait(60)

    assert facts["band limit"]["asked for"] == 1.2
    assert facts["band limit"]["frequency"] == 1.2
    assert "neighbours" in facts["band limit"]["words"]
    assert other.band_limit == 1.2
    assert other.limiting.limit == session.limiting.limit
    for each in (session, other):
        each.close()


def test_the_code_makes_a_model_with_the_band_limit_of_the_session(tmp_path):
    path = tmp_path / "scan.hspy"
    sw.samples.graphene().save(path)
    session = sw.Session(path)
    session.band_limit = None
    session.training.start(seed=0)
    session.training.wait(120)
    session.wait(60)

    assert "band_limit=None" in session.as_code()
    names = {"print": lambda *_: None}
    exec(session.as_code(), names)
    np.testing.assert_array_equal(names["maps"].angle.data, session.channels["angle"].values)
    session.close()
