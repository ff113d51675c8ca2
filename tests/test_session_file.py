import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scans import AXES, turning_spot

import stemwidgets as sw
from stemwidgets.signals.axes import arrays_to_signal


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
    assert other.comparison == session.snapshot().comparison
    assert other.as_code() == session.as_code()
    for each in (session, other):
        each.close()


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
