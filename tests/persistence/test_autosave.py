"""The last state of a scan is kept by dashboards, and comes back when it is opened again."""

import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from scans import AXES, turning_spot

import stemwidgets as sw
from stemwidgets.arrays.files.left_overs import is_unfinished
from stemwidgets.persistence import autosave, cache, files
from stemwidgets.rrvae import checkpoint
from stemwidgets.signals.conversion import arrays_to_signal
from stemwidgets.state.background.worker import wait_until

SCAN = arrays_to_signal(turning_spot(), AXES, "spot")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("STEMWIDGETS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def opened(data=None):
    page = sw.rrvae_dashboard(turning_spot() if data is None else data)
    page.session.wait(60)
    return page


def trained(page, **options):
    page.session.training.start(seed=3, **options)
    page.session.training.wait(60)
    page.session.wait(60)
    return page


def finished(folder):
    """Files of a folder but for those that are being written."""
    return [file for file in folder.iterdir() if not is_unfinished(file)]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A dashboard on which much was chosen, and the folder that it left."""
    folder = tmp_path_factory.mktemp("kept") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEMWIDGETS_CACHE", str(folder))
        page = trained(opened(SCAN))
        session = page.session
        session.position, session.selection.line = (2, 5), ((0, 0), (3, 4))
        session.decomposition.start("PCA", 2)
        page.parts["z1"].channel = "residual"
        session.wait(60)
        session.detector = sw.AnnularDetector((8.0, 7.0), 1.0, 5.5)
        session.wait(60)
        session.close()
    return page, folder


@pytest.fixture
def again(kept, monkeypatch, tmp_path):
    """The same scan on a new dashboard, as after the kernel was started anew."""
    shutil.copytree(kept[1], tmp_path / "cache")
    monkeypatch.setenv("STEMWIDGETS_CACHE", str(tmp_path / "cache"))
    page = opened(SCAN)
    yield page
    page.session.close()


def test_the_last_state_comes_back_and_the_page_says_so(kept, again):
    before, session = kept[0].session, again.session
    assert set(session.channels) == set(before.channels)
    for name, channel in before.channels.items():
        np.testing.assert_array_equal(session.channels[name].values, channel.values, err_msg=name)
    assert (session.position, session.selection.line) == (before.position, before.selection.line)
    assert session.detector == before.detector
    assert session.training.history == before.training.history
    assert session.reconstruction is not None
    assert again.parts["z1"].channel == "residual"
    line = again.parts["restored"]
    today = time.strftime("%Y-%m-%d")
    assert f"Restored the training of {today}" in line.parts["words"].value
    assert line.layout.display is None
    assert again.parts["train"].parts["status"].value.startswith("a trained model is shown")
    assert again.session.as_code().count("model.fit(signal)") == 1


def test_one_can_start_afresh(again):
    again.parts["restored"].parts["afresh"].click()
    session = again.session
    assert session.model is None
    assert not {"angle", "z1", "PCA 1", "virtual detector"} & set(session.channels)
    assert (session.position, session.detector, session.selection.line) == ((0, 0), None, None)
    assert session.learned.comparison is session.reconstruction is session.learned.encoding is None
    line = again.parts["restored"]
    assert "Started afresh; the training of" in line.parts["words"].value
    assert again.parts["angle"].raster.message == "press Train"
    trained(again)
    assert "angle" in session.channels
    assert line.layout.display == "none"


def test_what_was_set_aside_can_be_brought_back(kept, again):
    button = again.parts["restored"].parts["afresh"]
    button.click()
    assert button.description == "Bring it back"
    button.click()
    before, session = kept[0].session, again.session
    session.wait(60)
    for name, channel in before.channels.items():
        np.testing.assert_array_equal(session.channels[name].values, channel.values, err_msg=name)
    assert session.reconstruction is not None
    assert "Restored the training of" in again.parts["restored"].parts["words"].value
    session.wait(60)
    later = opened(SCAN)
    assert later.session.model is not None
    later.session.close()


@pytest.mark.parametrize("chosen", [False, True])
def test_an_afresh_start_lasts_and_so_does_the_way_back(kept, again, chosen):
    again.parts["restored"].parts["afresh"].click()
    if chosen:
        again.session.detector = sw.DiscDetector((8.0, 7.0), 3.0)
    again.session.wait(60)
    for time_after in range(2):
        later = opened(SCAN)
        session, line = later.session, later.parts["restored"]
        assert session.model is None
        assert (session.detector is None) != chosen
        assert "Started afresh; the training of" in line.parts["words"].value
        session.selection.line = ((0, 0), (2, 2))
        session.wait(60)
        if not time_after:
            session.close()
    line.parts["afresh"].click()
    assert session.detector == kept[0].session.detector
    np.testing.assert_array_equal(
        session.channels["angle"].values, kept[0].session.channels["angle"].values
    )


def test_a_training_set_aside_at_once_is_on_disk(folder):
    page = opened()
    trained(page)
    page.session.keep().start_afresh()
    page.session.wait(60)
    page.session.close()
    later = opened()
    assert later.session.model is None
    later.parts["restored"].parts["afresh"].click()
    assert later.session.model is not None
    later.session.close()


def test_a_choice_is_written_without_the_model_again(kept, monkeypatch, folder):
    page = trained(opened())
    (state,) = folder.glob("*/session.json")
    model = json.loads(state.read_text())["model"]
    page.session.position = (3, 1)
    page.session.wait(60)
    facts = json.loads(state.read_text())
    assert (facts["position"], facts["model"]) == ([3, 1], model)
    assert len(finished(state.parent)) == 3
    page.session.training.go_on()
    page.session.training.wait(60)
    page.session.wait(60)
    assert json.loads(state.read_text())["model"] != model
    assert len(finished(state.parent)) == 3
    page.session.close()


def test_a_training_that_begins_does_not_lose_the_last_one(folder):
    page = trained(opened())
    page.session.training.start(kind="paper", epochs=100_000)
    page.session.position = (1, 1)
    page.session.wait(60)
    other = opened()
    assert other.session.model is not None
    for each in (page, other):
        each.session.close()


def test_a_checkpoint_that_is_just_being_written_is_left_alone(folder, monkeypatch):
    page = opened()
    parts = []

    def write_json(path, facts):
        files.write_json(path, facts)
        checkpoint = page.session.training.checkpoint
        for name in (f"{checkpoint.name}.part", "of an earlier training.part"):
            parts.append(path.with_name(name))
            parts[-1].write_bytes(b"half")

    monkeypatch.setattr(autosave, "write_json", write_json)
    page.session.training.start(kind="paper", epochs=100_000)
    page.session.training.pause()
    page.session.wait(60)
    assert [part.exists() for part in parts] == [True, False]
    page.session.close()


def killed(folder, tmp_path):
    """What would be on disk if the process that trains were killed now."""
    left = tmp_path / "left"
    shutil.copytree(folder, left, ignore=shutil.ignore_patterns(".*"))  # a step may still write
    return left


@pytest.fixture
def interrupted(folder, tmp_path, monkeypatch):
    """A page that trains, and the folder that it would leave if it were killed."""
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN_WRITINGS", 0.0)
    monkeypatch.setattr(checkpoint, "LARGEST_SHARE", 1e9)
    page = opened()
    page.session.training.start(seed=3)
    assert wait_until(lambda: list(folder.glob("*/*training.rrvae")), page.session.mailbox, 30)
    page.session.training.pause()
    assert page.session.training.status == "paused"
    time.sleep(0.3)  # for the step to end
    yield page, killed(folder, tmp_path)
    page.session.close()


def test_a_training_that_was_cut_short_goes_on_where_it_was(interrupted, monkeypatch):
    page, left = interrupted
    page.session.training.resume()
    page.session.training.wait(60)
    page.session.wait(60)
    monkeypatch.setenv("STEMWIDGETS_CACHE", str(left))
    again = opened()
    assert "cut short" in again.parts["restored"].parts["words"].value
    assert again.parts["train"].parts["resume"].description == "Continue"
    again.parts["train"].parts["resume"].click()
    again.session.training.wait(60)
    again.session.wait(60)
    for name in ("angle", "z1", "residual"):
        np.testing.assert_array_equal(
            again.session.channels[name].values, page.session.channels[name].values
        )
    again.session.close()


def test_a_training_that_its_page_cuts_short_can_go_on(folder):
    page = opened()
    page.session.training.start(kind="vae", epochs=10_000)
    training = page.session.training
    assert wait_until(lambda: len(training.history) > 2, page.session.mailbox, 30)
    page.session.close()
    again = opened()
    assert "cut short" in again.parts["restored"].parts["words"].value
    again.parts["train"].parts["resume"].click()
    assert again.session.training.status == "running"
    again.session.close()


def test_a_training_that_still_runs_is_not_offered_to_another_page(interrupted):
    other = opened()
    assert other.session.model is None
    assert other.parts["restored"].layout.display == "none"
    other.session.close()


def test_a_process_that_was_killed_does_not_train(tmp_path):
    file = tmp_path / f"0{cache.CHECKPOINT}"
    file.write_bytes(b"")
    code = "import sys, pathlib; from stemwidgets.arrays.files.left_overs import keep_up\n"
    code += (
        "lock = keep_up(pathlib.Path(sys.argv[1])); print(lock is not None, flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"True\n"
    assert cache._runs(file)
    process.kill()
    process.communicate()
    assert not cache._runs(file)


def test_a_checkpoint_that_is_damaged_is_passed_over(interrupted, monkeypatch):
    _, left = interrupted
    (file,) = left.glob("*/*training.rrvae")
    file.write_bytes(file.read_bytes()[:100])
    monkeypatch.setenv("STEMWIDGETS_CACHE", str(left))
    page = opened()
    assert page.session.model is None
    page.session.close()


def test_a_training_that_ended_can_go_on_after_it_was_restored(again):
    training = again.session.training
    assert training.resumable
    training.go_on()
    training.wait(60)
    assert training.status == "finished"
    assert training.endings == ("finished", "finished")


def test_scripts_and_looking_leave_nothing(folder):
    session = sw.Session(turning_spot())
    session.training.start()
    session.training.wait(60)
    session.wait(60)
    session.close()
    page = opened()
    page.session.position = (1, 2)
    page.session.wait(60)
    page.session.close()
    assert not folder.exists()


def test_nothing_is_kept_where_the_variable_is_empty(monkeypatch, tmp_path):
    monkeypatch.setenv("STEMWIDGETS_CACHE", "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    trained(opened()).session.close()
    assert cache.cache_folder() is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["{", '{"format": "stemwidgets kept session 9"}', None])
def test_another_scan_and_what_is_damaged_are_passed_over(kept, folder, damage):
    shutil.copytree(kept[1], folder)
    data = turning_spot()
    if damage is None:
        data = data * 1.01
    else:
        (state,) = folder.glob("*/session.json")
        state.write_text(damage)
    page = opened(data)
    assert page.session.model is None
    assert page.parts["restored"].layout.display == "none"
    page.session.close()


def test_the_oldest_are_removed_and_never_one_s_own(tmp_path):
    for age, name in enumerate("abcd"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "session.json").write_bytes(bytes(100))
        os.utime(tmp_path / name / "session.json", (1000 + age, 1000 + age))
    cache.prune(tmp_path, tmp_path / "a", most=250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "d"]


def test_what_cannot_be_written_is_told(folder):
    folder.write_text("a file stands where the folder should be")
    page = trained(opened())
    page.session.wait(60)
    assert "cannot be kept" in page.parts["restored"].parts["words"].value
    page.session.close()
