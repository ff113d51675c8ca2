"""Without a home folder that can be written, all works, and files lie in a private folder."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from stemwidgets import folders

NAMES = ("STEMWIDGETS_CACHE", "MPLCONFIGDIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
BARRED = "/proc/none"  # where nobody can make a folder, whoever runs the test
USE = """
import os
import stemwidgets as sw
page = sw.explore(sw.samples.graphene())
page.session.training.start()
page.session.training.wait()
page.session.wait()
page.session.close()
assert page.session.autosave.problem == "", page.session.autosave.problem
print(os.environ.get("HOME"), os.environ["STEMWIDGETS_CACHE"])
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder for temporary files, and an environment that names no other."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in (*NAMES, "NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def environment(tmp_path: Path, **home: str) -> dict[str, str]:
    barred = {*NAMES, "HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "NUMBA_CACHE_DIR"}
    kept = {name: value for name, value in os.environ.items() if name not in barred}
    return {**kept, "TMPDIR": str(tmp_path), **home}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="takes a folder of /proc that nobody can make")
def test_a_session_is_trained_and_kept_without_a_home(tmp_path):
    python = [sys.executable, "-c", USE]
    told = subprocess.run(
        python,
        env=environment(tmp_path, HOME=BARRED),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    home, cache = told.stdout.split()
    assert home == BARRED
    assert Path(cache).is_relative_to(tmp_path)
    assert list(Path(cache).glob("*/session.json"))


def test_a_home_that_can_be_written_changes_nothing(tmp_path, temporary, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    folders.make_do()
    assert not any(name in os.environ for name in NAMES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("numba", [True, False], ids=["packages barred", "packages writable"])
def test_what_the_user_named_stays_and_the_rest_is_private(temporary, monkeypatch, numba):
    monkeypatch.setattr(folders, "_home", lambda: None)
    monkeypatch.setattr(folders, "import_module", lambda name: None)
    if numba:
        monkeypatch.setattr(folders, "_packages", lambda: [Path(BARRED)])
    monkeypatch.setenv("MPLCONFIGDIR", "mine")
    for name in NAMES:
        if name != "MPLCONFIGDIR":
            monkeypatch.setenv(name, "to be taken back")
            monkeypatch.delenv(name)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "to be taken back")
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    folders.make_do()
    assert os.environ["MPLCONFIGDIR"] == "mine"
    (folder,) = temporary.iterdir()
    assert folder.stat().st_mode & 0o077 == 0 or os.name != "posix"
    assert Path(os.environ["STEMWIDGETS_CACHE"]).parent == folder
    assert ("NUMBA_CACHE_DIR" in os.environ) == numba


@pytest.mark.skipif(os.name != "posix", reason="has no modes of files")
def test_a_folder_that_others_could_write_to_is_not_trusted(temporary):
    planted = temporary / f"stemwidgets-{os.getuid()}"
    planted.mkdir(mode=0o700)
    planted.chmod(0o777)
    folder = folders._private_folder()
    assert folder != planted
    assert folder.stat().st_mode & 0o077 == 0
    folder.rmdir()
    planted.rmdir()
    planted.symlink_to(temporary)
    assert folders._private_folder() != planted
