"""A cache with damaged files: what is whole and older comes back, and the session is kept."""

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from bad_days import Cases, refusing, steps
from fuzz.harness import mutated
from fuzz.tampering import tampered
from scans import AXES, turning_spot

import stemwidgets as sw
from stemwidgets.persistence import cache
from stemwidgets.rrvae import checkpoint
from stemwidgets.signals.conversion import arrays_to_signal

SCAN = arrays_to_signal(turning_spot(), AXES, "spot")
OLDER, NEWEST = (2, 5), (1, 1)  # another one is that of the newest, changed and clamped
RAW = ("Error:", "Traceback", "Exception", "object has no", "not subscriptable")
DEEP = "[" * 100_000
FUZZED = 60


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A cache with two sessions of a scan, of which the later one looked elsewhere."""
    folder = tmp_path_factory.mktemp("kept") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cache.VARIABLE, str(folder))
        session = sw.Session(SCAN)
        session.wait(60)
        session.keep()
        session.training.start(kind="vae", epochs=1, seed=1)
        session.training.wait(60)
        session.position = OLDER
        session.wait(60)
        session.detector = sw.DiscDetector((8.0, 7.0), 3.0)
        session.wait(60)
        session.close()
    (older,) = folder.iterdir()
    newest = older.with_name(f"{older.name}-newest")
    shutil.copytree(older, newest)
    state = newest / cache.STATE
    state.write_text(json.dumps({**json.loads(state.read_text()), "position": NEWEST}))
    later = state.stat().st_mtime + 1000
    os.utime(state, (later, later))
    return folder


def change(**values):
    def damage(state):
        state.write_text(json.dumps({**json.loads(state.read_text()), **values}))

    return damage


def write(content, which=None):
    def damage(state):
        named = json.loads(state.read_text())
        file = state if which is None else state.with_name(named[which])
        file.write_bytes(content(file.read_bytes()) if callable(content) else content)

    return damage


def instead(make, which=None):
    def damage(state):
        named = json.loads(state.read_text())
        file = state if which is None else state.with_name(named[which])
        file.unlink()
        make(file)

    return damage


def half(content):
    return content[: len(content) // 2]


def deep_value(state):
    text = state.read_text().rstrip().removesuffix("}")
    state.write_text(f'{text}, "deep": {DEEP}{"]" * len(DEEP)}}}')


DAMAGE = {
    "nothing": lambda state: None,
    "empty": write(b""),
    "truncated": write(half),
    "binary": write(bytes(range(256)) * 20),
    "deeply nested": write(DEEP.encode()),
    "a deep value": deep_value,
    "a list": write(b"[1, 2]"),
    "null": write(b"null"),
    "a number of 5000 digits": write(b'{"format": ' + b"9" * 5000 + b"}"),
    "1e999": change(position=[float("inf"), 0]),
    "position of text": change(position="x"),
    "a position far off, which is clamped": change(position=[10**30, -4]),
    "no position": change(position=None),
    "when is a number": change(when=5),
    "when is no date": change(when="yesterday"),
    "maps is a number": change(maps=5),
    "maps is a path": change(maps="../x.npz"),
    "model is a list": change(model=[1]),
    "trainings is a number": change(trainings=7),
    "history of one": change(history=[[1]]),
    "a step that is none": change(preparation=[5]),
    "a detector that is none": change(detector={"kind": "os.system", "x": 1}),
    "views is a number": change(views=5),
    "a line of text": change(line="x"),
    "calibration is text": change(calibration="x"),
    "a folder": instead(lambda file: file.mkdir()),
    "a pipe": instead(os.mkfifo),
    "a link to itself": instead(lambda file: file.symlink_to(file)),
    "a link without end": instead(lambda file: file.symlink_to("/dev/zero")),
    "maps truncated": write(half, "maps"),
    "maps empty": write(b"", "maps"),
    "maps gone": instead(lambda file: None, "maps"),
    "maps a folder": instead(lambda file: file.mkdir(), "maps"),
    "model truncated": write(half, "model"),
    "model empty": write(b"", "model"),
    "model gone": instead(lambda file: None, "model"),
    "model a link without end": instead(lambda file: file.symlink_to("/dev/zero"), "model"),
}


def opened(folder) -> str:
    """Which state comes back, once the session was kept again; else what is wrong."""
    session = sw.Session(SCAN)
    try:
        autosave = session.keep()
        session.wait(60)
        told = f"{autosave.problem} {autosave.words} {session.problem}"
        found = "old" if session.position == OLDER else "new"
        if any(raw in told for raw in RAW):
            return f"told: {told}"
        if session.model is None or not np.isfinite(session.channels["z1"].values).any():
            return f"no model, {told}"
        before = len(list(folder.glob(f"*/{cache.STATE}")))
        session.position = (0, 3)
        session.detector = sw.DiscDetector((8.0, 7.0), 2.0)
        session.wait(60)
        if len(list(folder.glob(f"*/{cache.STATE}"))) != before + 1 or autosave.problem:
            return f"not kept: {autosave.problem}"
        return found
    finally:
        session.close()


def run(cases, kept, tmp_path, monkeypatch, damages):
    folder = tmp_path / "cache"
    monkeypatch.setenv(cache.VARIABLE, str(folder))
    threads = threading.active_count()
    for what, damage in damages:

        def case(damage=damage):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(kept, folder)
            (state,) = folder.glob(f"*-newest/{cache.STATE}")
            age = state.stat().st_mtime
            damage(state)
            if state.is_file() and not state.is_symlink():
                os.utime(state, (age, age))
            return opened(folder)

        cases.case(what, case)
    cases.report()
    assert threading.active_count() <= threads + 2


FIRST = ("nothing", "deeply nested", "position of text", "a folder", "maps truncated", "model gone")


def test_a_damaged_latest_state_lets_the_older_one_come_back(kept, tmp_path, monkeypatch):
    cases = Cases("damaged cache")
    run(cases, kept, tmp_path, monkeypatch, ((what, DAMAGE[what]) for what in FIRST))
    assert (cases.new, cases.old) == (1, len(FIRST) - 1)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_cache_that_takes_nothing_is_told_once_and_the_training_goes_on(
    error, tmp_path, monkeypatch
):
    folder = tmp_path / "cache"
    monkeypatch.setenv(cache.VARIABLE, str(folder))
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN_WRITINGS", 0.0)
    session = sw.Session(SCAN)
    session.wait(60)
    autosave, told = session.keep(), []
    autosave.observe(lambda change: told.append(change["new"]), "problem")
    with steps(folder, refusing(1, error)):
        session.training.start(kind="vae", epochs=3, seed=1)
        session.training.wait(60)
        for position in ((1, 1), (2, 2), (3, 3)):
            session.position = position
            session.wait(60)
    assert session.training.status == "finished"
    assert np.isfinite(session.channels["z1"].values).any()
    (words,) = told
    assert words.startswith("This session cannot be kept: session.json could not be written: the ")
    assert str(folder) in words
    assert "Export writes it where there is room" in words
    session.position = (0, 0)
    session.wait(60)
    assert autosave.problem == ""
    assert len(list(folder.glob(f"*/{cache.STATE}"))) == 1
    session.close()


def test_the_latest_state_comes_back_although_the_clock_was_set_back(kept, tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    shutil.copytree(kept, folder)
    for state in folder.glob(f"*/{cache.STATE}"):
        os.utime(state, (4e9, 4e9))  # the year 2096
    monkeypatch.setenv(cache.VARIABLE, str(folder))
    session = sw.Session(SCAN)
    session.keep()
    session.wait(60)
    session.detector, session.position = sw.DiscDetector((8.0, 7.0), 2.0), (0, 4)
    session.wait(60)
    session.close()
    again = sw.Session(SCAN)
    again.keep()
    again.wait(60)
    assert again.position == (0, 4)
    again.close()


MANY = """
import sys
from scans import AXES, turning_spot
import stemwidgets as sw
from stemwidgets.persistence import cache
cache.prune.__defaults__ = (20_000,)
session = sw.Session(turning_spot())
session.wait(60)
autosave, told = session.keep(), set()
session.wait(60)
for number in range(25):
    session.position = divmod(number % 24, 6)
    session.detector = sw.DiscDetector((8.0, 7.0), 1.0 + number / 10)
    session.wait(60)
    told.add(autosave.problem)
print(sorted(told - {""}))
"""


@pytest.mark.slow
def test_several_processes_keep_and_clear_one_cache(tmp_path):
    path = os.pathsep.join(filter(None, sys.path))
    variables = {**os.environ, "PYTHONPATH": path, cache.VARIABLE: str(tmp_path / "cache")}
    running = [
        subprocess.Popen([sys.executable, "-c", MANY], env=variables, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    told = [process.communicate(timeout=200)[0] for process in running]
    assert told == [b"[]\n"] * 3
    assert list((tmp_path / "cache").glob(f"*/{cache.STATE}"))


@pytest.mark.slow
def test_whatever_is_damaged_a_whole_state_comes_back(kept, tmp_path, monkeypatch):
    run(Cases("damaged cache"), kept, tmp_path, monkeypatch, DAMAGE.items())


@pytest.mark.slow
def test_states_damaged_at_random_never_stop_an_older_one(kept, tmp_path, monkeypatch):
    chance = random.Random(41)

    def at_random(state):
        if chance.random() < 0.3:
            state.write_bytes(mutated(state.read_bytes(), chance))
        elif chance.random() < 0.7:
            state.write_text(json.dumps(tampered(json.loads(state.read_text()), chance)))
        else:
            which = chance.choice(("maps", "model"))
            write(lambda content: mutated(content, chance), which)(state)

    damages = ((f"{number}", at_random) for number in range(FUZZED))
    run(Cases("cache damaged at random"), kept, tmp_path, monkeypatch, damages)
